"""How commands speak: data on stdout, everything said about it on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.tui.lines import Line

NARROWEST_COLUMN = 8


def say(text: str = "") -> None:
    """Print one line, or several, on stdout."""
    print(text, file=sys.stdout)


def tell(text: str) -> None:
    """Print what is happening right now: a reader of a pipe gets it at once."""
    print(text, file=sys.stdout, flush=True)


def note(text: str) -> None:
    """Print what is no data on stderr, after all that was said before: what is going on, or what to do next."""
    with suppress(OSError):  # a reader who left is found out when the command ends
        sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)


def complain(message: str, cure: str) -> None:
    """Print what went wrong, and the cure below it."""
    from workbench.text import plain_lines

    note("\n  ".join([*plain_lines(f"workbench: {message}"), *(plain_lines(cure) if cure else ())]))


def emit(data: Any) -> None:
    """Print `data` as JSON: ASCII, so that no captured character can act on a terminal."""
    json.dump(data, sys.stdout, indent=2, default=_as_json)
    sys.stdout.write("\n")


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int, numbers: Collection[int] = ()) -> None:
    """Print rows below a head, the columns `numbers` to the right.

    The column `flexible` gives way, so that a line fits the terminal (or COLUMNS, or 80).
    """
    from workbench.tui.lines import cell, line

    rows = [head, *rows]
    widths = [max(line(row[column]).width for row in rows) for column in range(len(head))]
    taken = sum(widths) - widths[flexible] + 2 * (len(head) - 1)
    widths[flexible] = min(widths[flexible], max(line_width() - taken, len(head[flexible]), NARROWEST_COLUMN))
    for row in rows:
        cells = (cell(row[column], widths[column], right=column in numbers) for column in range(len(head)))
        say("  ".join(cells).rstrip())


def line_width() -> int:
    """Return how wide a line may be."""
    return shutil.get_terminal_size().columns


def colored() -> bool:
    """Tell whether stdout takes colours: a terminal that is not dumb, and no NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


# The inks of the screens that mean something without a theme, as SGR codes.
INKS: Mapping[str, str] = {
    "strong": "1",
    "heading": "1",
    "muted": "2",
    "accent": "36",
    "good": "32",
    "add": "32",
    "bad": "31",
    "remove": "31",
    "warn": "33",
    "rehearsal": "7",
}


def paint(text: str, ink: str) -> str:
    """Return inert text in an ink, where colours are taken."""
    return f"\x1b[{INKS[ink]}m{text}\x1b[0m" if text and ink in INKS and colored() else text


def say_lines(lines: Iterable[Line]) -> None:
    """Print lines of the screens' documents."""
    for line in lines:
        say("".join(paint(text, ink) for text, ink in line.spans).rstrip())
    sys.stdout.flush()


def ask(question: str) -> str:
    """Ask on stderr and return the answer without spaces around it; "" when the input has ended."""
    sys.stdout.flush()
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def agreed(question: str) -> bool:
    """Ask a question whose answer is no unless it is y or yes."""
    return ask(f"{question} (y/N)").lower() in ("y", "yes")


def without_password(url: str) -> str:
    """Return a database URL without the password that it may hold."""
    # By pattern and not by parsing, so that a URL with a mistake in it does not show its password either.
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^:@/]*):.*@", r"\1:***@", url))


def text_argument(value: str) -> str:
    """Return the text of an option: itself, or for "-" what comes on stdin."""
    if value != "-":
        return value
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError("The text on the input is not UTF-8.", cure="Convert it first, with iconv.") from error
