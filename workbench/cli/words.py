"""What several commands share: options and arguments, said in the same words everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

MOST_COMPLETED = 50


def completed_bugs(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the bugs whose number begins as typed, with their titles, for the shell's completion.

    A shell that asks must not be answered with an error: whatever goes wrong, there is nothing to offer.
    """
    try:
        from workbench import config
        from workbench.bugs import queries
        from workbench.bugs.store import open_store
        from workbench.cli.given import now
        from workbench.text import plain

        root = ctx.find_root().params
        engine = open_store(config.load(flags={"database_url": root.get("db"), "repository": root.get("repo")}))
        rows = queries.list_bugs(engine, now=now())
    except Exception:  # noqa: BLE001 (see above)
        return []
    typed = incomplete.upper()
    found = [row for row in rows if row.label.startswith(typed) or str(row.number).startswith(typed)]
    return [(row.label, plain(row.title, 60)) for row in found[:MOST_COMPLETED]]


BUG = Annotated[str, typer.Argument(metavar="BUG", help="The bug: B-012, or 12.", autocompletion=completed_bugs)]
SESSION = Annotated[str, typer.Argument(metavar="ID", help="The session's id, or the beginning of it.")]
NO_PAGER = Annotated[bool, typer.Option("--no-pager", help="Print all at once, also on a terminal.")]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def noun(help_text: str | None = None) -> typer.Typer:
    """Return the typer app of one noun's file; with `help_text` it has commands below it."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=help_text is not None,
        rich_markup_mode=None,  # rich would cost `--help` 0.1 s
        add_completion=False,  # the root has it
        pretty_exceptions_enable=False,
    )


def taught(example: str, codes: str) -> str:
    """Return what a command's help ends with: how it is called, and what its exit codes mean."""
    return f"\b\nExample: {example}\n\nExit codes: {codes}"
