"""What the benchmarks measured, as one table: for the eye, and as Markdown for docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("what", "ours", "beside", "theirs", "ratio", "bar", "met")


@dataclass(frozen=True)
class Row:
    """One measured line. `met` is None where nothing was promised."""

    what: str
    ours: float
    peer: str
    theirs: float
    unit: str
    bar: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the line as words, one for each heading."""
        ratio = f"{self.ours / self.theirs:.2f}" if self.theirs else ""
        theirs = _figure(self.theirs, self.unit) if self.peer else ""
        met = "" if self.met is None else "yes" if self.met else "NO"
        return (self.what, _figure(self.ours, self.unit), self.peer, theirs, ratio, self.bar, met)


def as_text(rows: Sequence[Row]) -> list[str]:
    """Return the table with its columns aligned."""
    table = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the table as a Markdown file that says where it was measured."""
    lines = [f"| {' | '.join(line)} |" for line in [HEADINGS, *(row.cells() for row in rows)]]
    lines.insert(1, "|" + "---|" * len(HEADINGS))
    return f"Measured on {machine()}.\n\n" + "\n".join(lines) + "\n"


def machine() -> str:
    """Return in a few words on what was measured."""
    from django import get_version

    return f"{os.cpu_count()} cores, Python {platform.python_version()}, Django {get_version()}"


def _figure(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()
