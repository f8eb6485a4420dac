"""How commands speak: data on stdout, everything said about it on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from workbench.errors import UsageError

NARROWEST = 40


def say(text: str = "") -> None:
    """Print one line, or several, on stdout."""
    print(text, file=sys.stdout)


def note(text: str) -> None:
    """Print what is no data on stderr: what is going on, or what to do next."""
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
    from workbench.text import plain

    cells = [list(head)] + [[plain(cell) for cell in row] for row in rows]
    widths = [max(wide(row[column]) for row in cells) for column in range(len(head))]
    taken = sum(widths) - widths[flexible] + 2 * (len(head) - 1)
    room = max(line_width() - taken, len(head[flexible]), 8)
    widths[flexible] = min(widths[flexible], room)
    for row in cells:
        fitted = [
            pad(cut(cell, width), width, right=column in numbers)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(fitted).rstrip())


def line_width() -> int:
    """Return how wide a line may be."""
    return max(shutil.get_terminal_size().columns, NARROWEST)


def wide(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return `text`, cut to `width` cells with an ellipsis at its end."""
    if wide(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` with spaces up to `width` cells, behind it or (`right`) before it."""
    spaces = " " * (width - wide(text))
    return spaces + text if right else text + spaces


def ago(at: datetime, now: datetime) -> str:
    """Return how long ago `at` was, in its two or three most telling characters: 5m, 3h, 12d."""
    passed = max(now - at, timedelta())
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if passed.total_seconds() >= seconds:
            return f"{int(passed.total_seconds() // seconds)}{unit}"
    return f"{int(passed.total_seconds())}s"


def moment(at: datetime) -> str:
    """Return `at` for people: to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def colored() -> bool:
    """Tell whether stdout takes colours: a terminal that is not dumb, and no NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


COLORS = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}


def paint(text: str, color: str) -> str:
    """Return `text` in a colour of `COLORS`, where colours are taken."""
    return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if colored() else text


def ask(question: str) -> str:
    """Ask on stderr and return the answer without spaces around it; "" when the input has ended."""
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def agreed(question: str) -> bool:
    """Ask a question whose answer is no unless it is y or yes."""
    return ask(f"{question} (y/N)").lower() in ("y", "yes")


def text_argument(value: str) -> str:
    """Return the text of an option: itself, or for "-" what comes on stdin."""
    if value != "-":
        return value
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError("The text on the input is not UTF-8.", cure="Convert it first, with iconv.") from error
