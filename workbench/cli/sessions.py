"""`workbench sessions`: what agents did and are doing, and two ways to steer them."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import shapes
from workbench.cli.given import given, now
from workbench.cli.output import emit, line_width, note, say, say_lines, table
from workbench.cli.words import JSON, SESSION, noun, taught

app = noun("List, show, resume and interrupt fix sessions.")


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
    say(f"state     {row.state}")
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
