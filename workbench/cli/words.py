"""What several commands share: options and arguments, said in the same words everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

BUG = Annotated[str, typer.Argument(metavar="BUG", help="The bug: B-012, or 12.")]
SESSION = Annotated[str, typer.Argument(metavar="ID", help="The session's id, or the beginning of it.")]
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
