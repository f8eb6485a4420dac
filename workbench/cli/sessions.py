"""`workbench sessions`: what agents did and are doing, and every way to steer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import shapes
from workbench.cli.given import Given, given, now
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, emit, line_width, note, say, say_lines, table
from workbench.cli.words import JSON, SESSION, noun, taught
from workbench.errors import Refused
from workbench.text import plain

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

app = noun("List, show and steer fix sessions.")


@app.command("list", epilog=taught("workbench sessions list --bug B-012", "0, also when there are none."))
def list_(
    ctx: typer.Context,
    bug: Annotated[str | None, typer.Option(metavar="BUG", help="Only those of this bug.")] = None,
    as_json: JSON = False,
) -> None:
    """List fix sessions, the latest first."""
    with given(ctx).store() as engine:
        from capture.store.lifecycle import label
        from workbench.bugs import queries

        rows = queries.sessions(engine, bug=queries.parse_number(bug) if bug else None)
    if as_json:
        emit([shapes.session(row) for row in rows])
    elif rows:
        from workbench.tui.words import age, money

        at = now()
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
        note("No fix sessions yet. Launch one: workbench fix B-001")


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


@app.command(
    epilog=taught(
        "workbench sessions takeover 4f2d1c0a",
        "0 handed back; 1 no such session, you said no, or it cannot be taken over here; 2 no terminal.",
    )
)
def takeover(
    ctx: typer.Context,
    session: SESSION,
    yes: Annotated[bool, typer.Option("--yes", help="Interrupt an agent that is at work without asking.")] = False,
) -> None:
    """Go on with a session in Claude Code itself, on this terminal.

    An agent at work is interrupted first. Its sandbox and its environment are kept; what it may not do by itself it
    asks you. When you leave it, the session is handed back, and can be resumed.
    """
    call = _in_terminal(ctx, "Claude Code needs a terminal.")
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries

        row = queries.session(engine, session)
        at_work = row.is_live and row.phase != "taken over"
        if at_work and not yes and not agreed(f"Session {row.id[:8]} is at work. Interrupt its agent first?"):
            raise Refused("Nothing was done.")
        if at_work:
            note("Waiting for the agent to end its turn …")
        fixing.stop(engine, row.id, by=call.person(), now=now())
        taken = fixing.take_over(call.config, engine, row.id, by=call.person(), now=now())
        try:
            taken.play()
        finally:
            row = taken.hand_back()
    say(f"{row.id[:8]} is handed back. Let its agent go on: workbench sessions resume {row.id[:8]}")


@app.command(
    epilog=taught(
        "workbench sessions shell 4f2d1c0a",
        "0 or that of the shell; 1 no such session, or no worktree of it here; 2 no terminal.",
    )
)
def shell(ctx: typer.Context, session: SESSION) -> int:
    """Open your shell in the worktree of a session."""
    import os

    call = _in_terminal(ctx, "A shell needs a terminal.")
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries
        from workbench.sessions import terminal

        folder = fixing.folder_of(queries.session(engine, session))
    return terminal.open_shell(folder, os.environ)


@app.command(
    epilog=taught("workbench sessions end 4f2d1c0a", "0 ended; 1 no such session, it is over, or you said no.")
)
def end(
    ctx: typer.Context,
    session: SESSION,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JSON = False,
) -> None:
    """End all processes of a session at once. Its work stays.

    For one that does not obey `interrupt`. It can be resumed.
    """
    import os

    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ)
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries

        row = queries.session(engine, session)
        if not yes:
            require_terminal("Ending a session asks first: it needs a terminal.", cure="Or say --yes.")
            if not agreed(f"End session {row.id[:8]} with all its processes?"):
                raise Refused("Nothing was done.")
        row = fixing.end(engine, row.id, by=call.person(), now=now())
    if as_json:
        emit(shapes.session(row))
    else:
        say(f"{row.id[:8]} is over: {plain(row.activity, 200)}. Its work is in its worktree.")


def _in_terminal(ctx: typer.Context, message: str) -> Given:
    import os

    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ)
    require_terminal(message, cure="Run it where you can type.")
    return given(ctx)


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
