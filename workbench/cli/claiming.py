"""`workbench bugs claim|unclaim|attach`: a bug fixed outside of our sessions, by an agent or a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import shapes
from workbench.cli.given import Given, given, now
from workbench.cli.output import emit, line_width, note, say, say_lines
from workbench.cli.words import BUG, JSON, taught
from workbench.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.bugs.rows import SessionRow
    from workbench.tui.lines import Line

CODES = "0 done; 1 refused, or there is no such bug; 2 wrong usage; 3 not a git repository."


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of `workbench bugs`."""
    for command, example in (
        (claim, "workbench bugs claim B-012"),
        (unclaim, "workbench bugs unclaim B-012"),
        (attach, "workbench bugs attach B-012 --branch bugfix/b-012"),
    ):
        app.command(epilog=taught(example, CODES))(command)


def claim(ctx: typer.Context, bug: BUG, as_json: JSON = False) -> None:
    """Claim a bug, so that nobody else begins on it.

    For whoever fixes it outside of our sessions: an agent in its own session, or you. The claim ends with the agent or
    the shell that it was made in, or with `workbench bugs unclaim`.
    """
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs.queries import parse_number

        row = fixing.claim(call.config, engine, parse_number(bug), by=call.person(), now=now())
    _tell(row, "is claimed by", as_json=as_json)
    if not as_json:
        note(f"Next: a failing test and the fix on a branch, then workbench bugs attach {_label(row)}")


def unclaim(ctx: typer.Context, bug: BUG, as_json: JSON = False) -> None:
    """Let a claim go: the bug is open again.

    An agent can let go its own claim only.
    """
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs.queries import parse_number

        row = fixing.let_go(engine, parse_number(bug), by=call.person(), now=now())
    _tell(row, "is no longer claimed by", as_json=as_json)


def attach(
    ctx: typer.Context,
    bug: BUG,
    branch: Annotated[str, typer.Option(metavar="NAME", help="The branch; without it, the one checked out.")] = "",
    base: Annotated[
        str, typer.Option(metavar="REV", help="The commit it began from; without it, that of the claim.")
    ] = "",
    as_json: JSON = False,
) -> None:
    """Make a branch of this checkout the candidate for a bug's fix.

    What is committed on it is what evidence is made on and what a person signs, and nothing else. Ask for the evidence
    with `workbench evidence B-012 --collect`.
    """
    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs.queries import parse_number

        row = fixing.attach(
            call.config, engine, parse_number(bug), by=call.person(), now=now(), branch=branch, base=base
        )
        notice = fixing.uncommitted_notice(call.config)
    if as_json:
        emit(shapes.session(row))
        return
    from workbench.text import plain

    commits = f"{row.base_commit[:12]}..{(row.result_commit or '')[:12]}"
    say(f"{_label(row)} has the candidate {plain(row.branch)} ({commits}).")
    if notice:
        note("The checkout has changes that are not committed; they are no part of it.")
    note(f"Next: workbench evidence {_label(row)} --collect")


def collected(call: Given, bug: str, *, as_json: bool) -> int:
    """Make the evidence on the branch that is attached to a bug, tell of it as it comes, and return the exit code."""
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs.queries import parse_number
        from workbench.cli.watching import watch

        row = fixing.collect(call.config, engine, parse_number(bug), now=now())
        row, evidence = watch(engine, row, tell=_nothing if as_json else say_lines, opening=call.opening())
    if as_json:
        emit(shapes.session(row) | {"evidence": evidence and shapes.evidence(evidence)})
    elif evidence is not None:
        from workbench.tui.documents.evidence import evidence_lines

        say_lines(evidence_lines(evidence, line_width()))
        note(f"{_label(row)} waits for a person's decision: workbench verify {_label(row)}")
    return Exit.DONE if evidence is not None and evidence.verdict == "demonstrated" else Exit.NO


def _tell(row: SessionRow, what: str, *, as_json: bool) -> None:
    from workbench.text import plain

    if as_json:
        emit(shapes.session(row))
    else:
        say(f"{_label(row)} {what} {plain(row.launched_by)}.")


def _label(row: SessionRow) -> str:
    from capture.store.labels import label

    return label(row.bug)


def _nothing(lines: Iterable[Line]) -> None:
    """JSON is all that a program gets to read."""
