"""`workbench fix`: launch a coding agent on a bug, and perhaps watch it to the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import shapes
from workbench.cli.given import given, now
from workbench.cli.output import emit, note, say, say_lines
from workbench.cli.words import BUG, JSON, noun, taught
from workbench.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Engine

    from workbench.bugs.rows import SessionRow
    from workbench.cli.given import Given
    from workbench.tui.lines import Line

app = noun()


@app.command(
    epilog=taught(
        "workbench fix B-012 --wait --max-cost 2",
        "0 launched, or with --wait: demonstrated; 1 with --wait: not demonstrated, or no such bug; 3 not a git"
        " repository, or no sandbox and no --no-sandbox; 4 the agent cannot be started, or with --wait: nobody answered"
        " it.",
    )
)
def fix(
    ctx: typer.Context,
    bug: BUG,
    rehearse: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="Let a rehearsal model answer (try: happy). Costs nothing.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it ends, and answer with the verdict.")] = False,
    model: Annotated[str, typer.Option(help="The model, instead of the setting.")] = "",
    max_cost: Annotated[float | None, typer.Option(metavar="USD", min=0, help="End it at this cost.")] = None,
    max_turns: Annotated[int | None, typer.Option(min=1, help="End it after so many turns.")] = None,
    max_minutes: Annotated[int | None, typer.Option(min=1, help="End it after so many minutes.")] = None,
    permission_mode: Annotated[
        str, typer.Option(metavar="MODE", help="default asks before other commands; dontAsk refuses them.")
    ] = "",
    words: Annotated[str, typer.Option("--note", help="A word for the agent, in addition to the brief.")] = "",
    base: Annotated[str | None, typer.Option(metavar="REV", help="The commit to fix from, instead of HEAD.")] = None,
    no_test_phase: Annotated[
        bool, typer.Option("--no-test-phase", help="Skip the first phase: let it write test and fix in one go.")
    ] = False,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Agree that the agent works without a sandbox, where there is none.")
    ] = False,
    as_json: JSON = False,
) -> int:
    """Launch a coding agent on a bug, in a git worktree of its own.

    Your checkout is not touched. The session goes on when this program ends: see `workbench sessions`. Without a
    login of Claude Code and without a key, or with the setting agent.rehearse, a rehearsal model answers, and
    everything says so.
    """
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs.queries import parse_number

        options = fixing.LaunchOptions(
            rehearse=rehearse,
            model=model,
            max_cost_usd=max_cost,
            max_turns=max_turns,
            max_minutes=max_minutes,
            permission_mode=permission_mode,
            note=words,
            base=base,
            test_first=not no_test_phase,
            unsandboxed=no_sandbox,
        )
        row = fixing.launch(call.config, engine, parse_number(bug), by=call.person(), options=options, now=now())
        notice = fixing.uncommitted_notice(call.config)
        if notice and not wait:  # watching, it is part of the transcript
            note(notice)
        return followed(call, engine, row, wait=wait, as_json=as_json)


def followed(call: Given, engine: Engine, row: SessionRow, *, wait: bool, as_json: bool) -> int:
    """Say what was launched, watch it to its end if asked to, and return the exit code."""
    if not as_json:
        announce(row)
        if row.state == "queued":
            note("It waits for a place. It begins while a workbench is open, a worker runs, or something waits for it.")
    if not wait:
        if as_json:
            emit(shapes.session(row))
        return Exit.DONE
    from workbench import fixing
    from workbench.cli.watching import watch

    row, evidence = watch(
        engine,
        row,
        tell=_nothing if as_json else say_lines,
        opening=call.opening(),
        tend=lambda: fixing.tend(call.config, engine, now=now()),
    )
    if as_json:
        emit(shapes.session(row) | {"evidence": evidence and shapes.evidence(evidence)})
    return Exit.DONE if evidence is not None and evidence.verdict == "demonstrated" else Exit.NO


def _nothing(lines: Iterable[Line]) -> None:
    """JSON is all that a program gets to read."""


def announce(row: SessionRow) -> None:
    """Say what a session is and where it works."""
    from workbench.text import plain

    rehearsal = f"rehearsal {row.rehearsal}" if row.rehearsal else f"model {row.model or 'default'}"
    for name, value in (
        ("session", f"{row.id} ({rehearsal})"),
        ("worktree", row.worktree),
        ("branch", row.branch),
        ("base", row.base_commit),
        ("sandbox", {True: "yes", False: "NO SANDBOX", None: "not recorded"}[row.is_sandboxed]),
    ):
        say(f"{name:<9} {plain(value)}")
