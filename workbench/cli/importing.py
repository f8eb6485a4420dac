"""`workbench bugs import`: a database from bug files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.given import given, now
from workbench.cli.output import agreed, emit, note, say, without_password
from workbench.cli.words import JSON, taught
from workbench.errors import Exit, NotFound, Refused


def add_to(app: typer.Typer) -> None:
    """Put the command beside the others on bugs."""
    app.command(
        "import",
        epilog=taught(
            "workbench bugs import",
            "0 all are in the database; 1 a file was refused, or there is none; 5 no usable database.",
        ),
    )(import_)


def import_(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]…", help="Bug files; without any, those of the bugs directory."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JSON = False,
) -> int:
    """Rebuild a database from bug files.

    Numbers, states, counts, issues, history and sign-offs are brought back. Bugs that the database has are left as they
    are. A file whose number or fault belongs to another bug is refused. What files do not hold is not brought back:
    stored events, fix sessions, evidence.
    """
    from workbench.bugs.importing import import_files
    from workbench.text import plain

    call = given(ctx)
    paths = files or sorted(call.config.bugs_directory.glob("B-*.md"))
    if not paths:
        raise NotFound(
            f"There are no bug files in {call.config.bugs_directory}.", cure="Name files, or set bugs.directory."
        )
    with call.store(create=True) as engine:
        who, at = call.person(), now()
        plan = import_files(engine, paths, by=who, now=at, is_rehearsal=True)
        new = sum(one.outcome == "imported" for one in plan)
        if not as_json:
            for one in plan:
                glyph = {"imported": "+", "there already": "=", "refused": "✗"}[one.outcome]
                say(plain(f"{glyph} {one.text}", 300))
        if new and not dry_run:
            where = without_password(call.config.database_url)
            if not yes and not agreed(f"\nMake {new} {'bug' if new == 1 else 'bugs'} in {where}?"):
                raise Refused("Nothing was imported.", cure="Answer y, or give --yes.")
            plan = import_files(engine, paths, by=who, now=at)
            note(f"imported {new}")
    if as_json:
        emit([{"file": str(one.path), "outcome": one.outcome, "text": one.text, "number": one.number} for one in plan])
    return Exit.NO if any(one.outcome == "refused" for one in plan) else Exit.DONE
