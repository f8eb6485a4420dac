"""`workbench fingerprint`: the dry run for grouping rules."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import complain, note, say, table
from workbench.cli.words import noun, taught
from workbench.errors import UsageError

if TYPE_CHECKING:
    from capture.event import Fingerprint
    from workbench.cli.events import GivenEvent

app = noun()

COMPLAINTS = 20
_CURE = "See what an event may have: workbench fingerprint --help"


@dataclass
class Group:
    """The lines of a file that would be one bug."""

    found: Fingerprint
    lines: list[int] = field(default_factory=list)


@app.command(
    epilog=taught(
        "workbench fingerprint events.jsonl | cut -c1-80",
        "0; 2 for lines that are no such event (the messages name them, the others are answered); 3 when the file "
        "cannot be read.",
    )
)
def fingerprint(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl", help="One event a line, as JSON; - reads the input.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Lines of JSON on a terminal as well, one for each event.")
    ] = False,
) -> None:
    """Try the grouping rules: for each event of a file, its key, the parts that made it, and what was left out.

    Into a file or a pipe goes one line of JSON for each event; on a terminal, the bugs that the events would be.

    An event may have exception_type, message, frames (outermost first, each with module, function, filename,
    lineno, context_line, statement where that goes on over several lines, in_app), chain (the exceptions that led to
    it: type, message, frames, and link, which is cause or context), members (of an exception group), template (name,
    lineno, context_line), status, reason, method, path, route, referer, host, referer_route, logger. Nothing is stored,
    and no database is needed. The rules of a site's own CAPTURE setting are not applied.
    """
    if file == "-":
        lines: Iterable[bytes] = sys.stdin.buffer
        _answer(lines, "the input", as_json=as_json)
        return
    with Path(file).open("rb") as lines:
        _answer(lines, file, as_json=as_json)


def _answer(lines: Iterable[bytes], source: str, *, as_json: bool) -> None:
    wrong = 0
    groups: dict[str, Group] = {}
    for number, event in given(lines):
        if isinstance(event, Exception):
            wrong += 1
            if wrong <= COMPLAINTS:
                complain(f"{source}, line {number}: {event}", "" if wrong > 1 else _CURE)
        elif as_json or not sys.stdout.isatty():
            say(json.dumps(answer(event)))
        else:
            from workbench.cli.events import key_of

            found = key_of(event)
            groups.setdefault(found.key, Group(found)).lines.append(number)
    if groups:
        _show(list(groups.values()))
    if wrong:
        raise UsageError(
            f"{source} has {wrong} {'line that is' if wrong == 1 else 'lines that are'} no event.", cure=""
        )


def given(lines: Iterable[bytes]) -> Iterator[tuple[int, GivenEvent | Exception]]:
    """Yield the number of each line with its event, or with what is wrong with it; blank lines are passed over."""
    import msgspec

    from workbench.cli.events import decode

    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield number, error


def answer(event: GivenEvent) -> dict[str, Any]:
    """Return the key of an event, the parts that made it, and what was left out."""
    import msgspec

    from workbench.cli.events import explanation_of, key_of

    found, why = key_of(event), explanation_of(event)
    return {
        "key": found.key,
        "version": found.version,
        "parts": msgspec.to_builtins(found.parts),
        "left_out": msgspec.to_builtins(why.left_out),
        "splits": why.splits,
        "merges": why.merges,
    }


def _show(groups: list[Group]) -> None:
    from workbench.text import plain

    rows = []
    for group in sorted(groups, key=lambda group: (-len(group.lines), group.lines[0])):
        shown = ", ".join(str(number) for number in group.lines[:4]) + (" …" if len(group.lines) > 4 else "")
        what = " · ".join(plain(part.value, 120) for part in group.found.parts)
        rows.append([str(len(group.lines)), group.found.key, shown, what])
    table(("EVENTS", "KEY", "LINES", "WHAT THEY SHARE"), rows, flexible=3, numbers=(0,))
    total = sum(len(group.lines) for group in groups)
    note(f"{total} {'event' if total == 1 else 'events'}, {len(groups)} {'bug' if len(groups) == 1 else 'bugs'}.")
