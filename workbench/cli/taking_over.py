"""`workbench sessions takeover|shell|end`: a session in a person's own hands."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from workbench.cli import shapes
from workbench.cli.given import Given, given, now
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, emit, note, say
from workbench.cli.words import JSON, SESSION, taught
from workbench.errors import Refused
from workbench.text import plain


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of `workbench sessions`."""
    for command, codes in (
        (takeover, "0 handed back; 1 no such session, you said no, or it cannot be taken over here; 2 no terminal."),
        (shell, "0 or that of the shell; 1 no such session, or no worktree of it here; 2 no terminal."),
        (end, "0 ended; 1 no such session, it is over, or you said no."),
    ):
        app.command(epilog=taught(f"workbench sessions {command.__name__} 4f2d1c0a", codes))(command)


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


def shell(ctx: typer.Context, session: SESSION) -> int:
    """Open your shell in the worktree of a session."""
    call = _in_terminal(ctx, "A shell needs a terminal.")
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs import queries
        from workbench.sessions import terminal

        folder = fixing.folder_of(queries.session(engine, session))
    return terminal.open_shell(folder, os.environ)


def end(
    ctx: typer.Context,
    session: SESSION,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JSON = False,
) -> None:
    """End all processes of a session at once. Its work stays.

    For one that does not obey `interrupt`. It can be resumed.
    """
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
    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ)
    require_terminal(message, cure="Run it where you can type.")
    return given(ctx)
