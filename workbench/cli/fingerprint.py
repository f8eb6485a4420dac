"""`workbench fingerprint`: the dry run for grouping rules."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.output import say
from workbench.cli.words import noun, taught
from workbench.errors import UsageError

app = noun()


@app.command(
    epilog=taught(
        "workbench fingerprint events.jsonl | cut -c1-80",
        "0; 2 for a line that is no such event (the message names the line); 3 when the file cannot be read.",
    )
)
def fingerprint(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl", help="One event a line, as JSON; - reads the input.")],
) -> None:
    """Try the grouping rules: for each event of a file, print its key and the parts that made it.

    An event may have exception_type, message, frames (outermost first, each with module, function, filename,
    lineno, context_line, in_app), template (name, lineno), status, reason, method, path, route, referer. Nothing is
    stored, and no database is needed.
    """
    if file == "-":
        lines: Iterable[bytes] = sys.stdin.buffer
        _print_keys(lines, "the input")
        return
    with Path(file).open("rb") as lines:
        _print_keys(lines, file)


def _print_keys(lines: Iterable[bytes], source: str) -> None:
    for answer in answers(lines, source):
        say(json.dumps(answer))


def answers(lines: Iterable[bytes], source: str) -> Iterator[dict[str, Any]]:
    """Yield `key` and `parts` for each line; blank lines are passed over. Raises `UsageError` for a bad line."""
    import msgspec

    from workbench.cli.events import decode, key_of

    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{source}, line {number}: {error}", cure="See what an event may have: workbench fingerprint --help"
            ) from error
        found = key_of(event)
        yield {"key": found.key, "version": found.version, "parts": [msgspec.to_builtins(p) for p in found.parts]}
