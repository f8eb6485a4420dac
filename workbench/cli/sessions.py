"""`workbench sessions`: what agents did and are doing, and every way to steer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import shapes, taking_over
from workbench.cli.given import given, now
from workbench.cli.output import emit, line_width, note, say, say_lines, table
from workbench.cli.pager import paged
from workbench.cli.words import JSON, NO_PAGER, SESSION, noun, taught
from workbench.errors import UsageError
from workbench.text import plain

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

STATES = (
    *("queued", "starting", "working", "needs_input", "waiting", "quiet"),
    *("done", "failed", "interrupted"),
)
app = noun("List, show and steer fix sessions.")


@app.command(
    "list",
    epilog=taught(
        "workbench sessions list --state working --limit 20", "0, also when there are none; 2 for an unknown state."
    ),
)
def list_(
    ctx: typer.Context,
    bug: Annotated[str | None, typer.Option(metavar="BUG", help="Only those of this bug.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="working, needs_input, done …; may be given again."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the latest N.")] = None,
    as_json: JSON = False,
    no_pager: NO_PAGER = False,
) -> None:
    """List fix sessions, the latest first."""
    states = _states(state or [])
    with given(ctx).store() as engine:
        from capture.store.lifecycle import label
        from workbench.bugs import queries

        rows = queries.sessions(engine, bug=queries.parse_number(bug) if bug else None, states=states, limit=limit)
    if as_json:
        emit([shapes.session(row) for row in rows])
    elif rows:
        from workbench.tui.words import age, money

        at = now()
        with paged(wanted=not no_pager):
            table(
                ("SESSION", "BUG", "STATE", "COST", "STARTED", "MODEL", "ACTIVITY"),
                [
                    (
                        row.id[:8],
                        label(row.bug),
                        row.state,
                        money(row.cost_usd),
                        age(row.started_at, at),
                        f"rehearsal {row.rehearsal}" if row.rehearsal else row.model,
                        row.activity,
                    )
                    for row in rows
                ],
                flexible=6,
                numbers=(3,),
            )
    else:
        note("No sessions match." if states else "No fix sessions yet. Launch one: workbench fix B-001")


def _states(named: list[str]) -> list[str] | None:
    words = [word for value in named for word in value.split(",")]
    for word in words:
        if word not in STATES:
            raise UsageError(f"There is no state {word!r}.", cure="States: " + ", ".join(STATES) + ".")
    return words or None


@app.command(epilog=taught("workbench sessions show 4f2d1c0a", "0; 1 when there is no such session."))
def show(ctx: typer.Context, session: SESSION, as_json: JSON = False) -> None:
    """Show one session: what it is, and its transcript so far."""
    with given(ctx).store() as engine:
        from workbench.bugs import queries
        from workbench.fixing import transcript
        from workbench.tui.documents.transcript import entry_lines

        row = queries.session(engine, session)
        entries = list(transcript(engine, row.id))
    if as_json:
        emit(shapes.session(row) | {"transcript": entries})
        return
    from workbench.cli.fix import announce

    announce(row)
    say(f"state     {row.state}" + (f" (phase: {row.phase})" if row.phase else ""))
    say(f"activity  {plain(row.activity, 500)}")
    if row.alarm:
        say(f"ALARM     {plain(row.alarm, 1000)}")
    for entry in entries:
        say_lines(entry_lines(entry, line_width()))


@app.command(
    epilog=taught("workbench sessions resume 4f2d1c0a --wait", "0 resumed; 1 no such session, or it is at work.")
)
def resume(
    ctx: typer.Context,
    session: SESSION,
    message: Annotated[str | None, typer.Option(help="What to tell the agent first.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it ends, and answer with the verdict.")] = False,
    as_json: JSON = False,
) -> int:
    """Take an ended session up again, in its own worktree."""
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries
        from workbench.cli.fix import followed

        found = queries.session(engine, session)
        row = fixing.resume(call.config, engine, found.id, by=call.person(), message=message, now=now())
        return followed(call, engine, row, wait=wait, as_json=as_json)


@app.command(epilog=taught("workbench sessions interrupt 4f2d1c0a", "0 asked to stop; 1 no such session, or ended."))
def interrupt(ctx: typer.Context, session: SESSION, as_json: JSON = False) -> None:
    """Ask a session to stop after what it is doing. Its worktree and its transcript stay."""
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries

        found = queries.session(engine, session)
        fixing.interrupt(engine, found.id, by=call.person(), now=now())
        row = queries.session(engine, found.id)
    if as_json:
        emit(shapes.session(row))
    else:
        say(f"Asked {row.id[:8]} to stop.")


@app.command(
    epilog=taught(
        'workbench sessions answer 4f2d1c0a no --note "not on this machine"',
        "0 answered; 1 no such session, it asks for nothing, or refused to an agent; 2 another word.",
    )
)
def answer(
    ctx: typer.Context,
    session: SESSION,
    word: Annotated[
        str,
        typer.Argument(
            metavar="yes|no|always", help="Whether the agent may; always: also whenever it asks this again."
        ),
    ],
    words: Annotated[str, typer.Option("--note", help="A word that the agent gets with a no.")] = "",
    question: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Which question, where it asks several.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Answer what an agent asks for. Only a person can: it is refused inside an agent's environment."""
    import os

    from workbench.bugs.persons import refuse_agents
    from workbench.errors import NotFound, UsageError

    refuse_agents(os.environ)
    if word not in ("yes", "no", "always"):
        raise UsageError(
            f"{word!r} is neither yes nor no nor always.",
            cure="Say yes, no or always; a word for the agent goes to --note.",
        )
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries

        row = queries.session(engine, session)
        asked = [each for each in queries.approvals(engine, row.id) if question in (None, each.id)]
        if not asked:
            raise NotFound(
                f"Session {row.id[:8]} asks for nothing now.", cure=f"See: workbench sessions show {row.id[:8]}"
            )
        first = asked[0]
        allow, always = word != "no", word == "always"
        fixing.answer(engine, first.id, allow=allow, always=always, note=words, by=call.person(), now=now())
    if as_json:
        emit({"question": first.id, "answer": word, "session": row.id, "asked": first.body})
    else:
        say(f"{row.id[:8]} was told {word}: {plain(first.body.get('title') or first.body.get('tool'), 200)}")


@app.command(epilog=taught("workbench sessions unlock 4f2d1c0a", "0 told; 1 no such session, or it is not at work."))
def unlock(ctx: typer.Context, session: SESSION, as_json: JSON = False) -> None:
    """Skip the first phase, or unlock its test.

    The agent is told that it may go on without a test that shows the fault, or change the one that is locked.
    """
    _steer(ctx, session, lambda fix, engine, id_, by: fix.unlock(engine, id_, by=by, now=now()), as_json)


@app.command(
    "send-back",
    epilog=taught(
        'workbench sessions send-back 4f2d1c0a "test the API, not the page"',
        "0 told; 1 no such session, or it is not at work.",
    ),
)
def send_back(
    ctx: typer.Context,
    session: SESSION,
    words: Annotated[str, typer.Argument(help="What is wrong with the test.")],
    as_json: JSON = False,
) -> None:
    """Send the agent back to its test, with a word."""
    _steer(ctx, session, lambda fix, engine, id_, by: fix.send_back(engine, id_, words, by=by, now=now()), as_json)


def _steer(ctx: typer.Context, session: str, act: Callable[[Any, Engine, str, str], None], as_json: bool) -> None:
    import os

    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ)
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries

        row = queries.session(engine, session)
        act(fixing, engine, row.id, call.person())
        row = queries.session(engine, row.id)
    if as_json:
        emit(shapes.session(row))
    else:
        say(f"{row.id[:8]} was told.")


taking_over.add_to(app)
