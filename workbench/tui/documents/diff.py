"""A diff as lines: files and hunks in the colours of their language, side by side where there is room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from workbench.text import plain, plain_lines
from workbench.tui.highlight import source
from workbench.tui.lines import BLANK, Ink, Line, Span, cut, heading, line
from workbench.tui.words import plural

MOST_LINES = 5_000
WIDE = 150  # cells from which on the two sides stand beside each other
NUMBER = 5  # cells of a line number

_FILE = re.compile(r"diff --git a/(?P<old>.*) b/(?P<new>.*)")
_HUNK = re.compile(r"@@ -(?P<old>\d+)(?:,\d+)? \+(?P<new>\d+)(?:,\d+)? @@(?P<where>.*)")
_TOLD = ("new file", "deleted file", "rename from", "rename to", "Binary files", "old mode", "new mode")


@dataclass(frozen=True)
class Row:
    """One line of a hunk. `sign` is " ", "+" or "-"; the numbers are those of the line before and after, or None."""

    sign: str
    text: str
    old: int | None
    new: int | None


@dataclass
class Hunk:
    """One hunk: its heading, and its rows."""

    head: str
    rows: list[Row] = field(default_factory=list)


@dataclass
class File:
    """One file of a diff. `told` is what git says of it beside its hunks."""

    path: str
    told: list[str] = field(default_factory=list)
    hunks: list[Hunk] = field(default_factory=list)

    def count(self, sign: str) -> int:
        """Return how many lines with this sign it has."""
        return sum(row.sign == sign for hunk in self.hunks for row in hunk.rows)


def diff_lines(diff: str, width: int) -> list[Line]:
    """Return a unified diff as git writes it."""
    if not diff.strip():
        return [heading("Diff", section="diff"), line(("  The change is empty.", "warn"))]
    shown = plain_lines(diff, most=MOST_LINES)
    files = parse(shown)
    added, removed = (sum(file.count(sign) for file in files) for sign in "+-")
    out = [heading("Diff", section="diff", note=f"{plural(len(files), 'file')}  +{added} −{removed}")]
    out += [_summary(file) for file in files]
    for file in files:
        out += [BLANK, *_file(file, width)]
    return out


def parse(lines: list[str]) -> list[File]:
    """Return the files of a diff. What is not understood stays as it is, in the hunk or file that it stands in."""
    files: list[File] = []
    old = new = 0
    for text in lines:
        file = files[-1] if files else None
        if found := _FILE.fullmatch(text):
            files.append(File(found["new"]))
        elif file is None:
            files.append(File(text))
        elif found := _HUNK.fullmatch(text):
            old, new = int(found["old"]), int(found["new"])
            file.hunks.append(Hunk(found["where"].strip()))
        elif not file.hunks:
            if text.startswith(_TOLD):
                file.told.append(text)
        else:
            sign = text[:1] if text[:1] in ("+", "-") else " "
            is_code = text[:1] in ("+", "-", " ")
            file.hunks[-1].rows.append(
                Row(
                    sign,
                    text[1:] if is_code else text,
                    old if is_code and sign != "+" else None,
                    new if is_code and sign != "-" else None,
                )
            )
            old += is_code and sign != "+"
            new += is_code and sign != "-"
    return files


def _summary(file: File) -> Line:
    counts: list[Span] = [(f"  +{file.count('+')}", "add"), (f" −{file.count('-')}", "remove")]
    return line(f"  {plain(file.path, 200)}", *counts, (f"  {file.told[0]}" if file.told else "", "muted"))


def _file(file: File, width: int) -> Iterator[Line]:
    yield line((f"  {plain(file.path, 300)}", "strong"))
    for told in file.told:
        yield line((f"  {told}", "muted"))
    for hunk in file.hunks:
        yield line((f"  ⋯ {hunk.head}" if hunk.head else "  ⋯", "accent"))
        if width >= WIDE:
            yield from _beside(hunk, file.path, width)
        else:
            for row in hunk.rows:
                yield line((f"  {_number(row.old)}{_number(row.new)} ", "muted"), *_code(row, file.path))


def _beside(hunk: Hunk, path: str, width: int) -> Iterator[Line]:
    half = (width - 2 - 3) // 2
    for left, right in _pairs(hunk.rows):
        sides: list[Line] = []
        for row, number in ((left, left.old if left else None), (right, right.new if right else None)):
            side = line((f"  {_number(number)} ", "muted"), *(_code(row, path) if row else ()))
            sides.append(cut(side, half))
        pad = " " * max(half - sides[0].width, 0)
        yield Line((*sides[0].spans, (pad, ""), (" │ ", "muted"), *sides[1].spans))


def _pairs(rows: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield what stands beside what: lines that stay by themselves, removed ones by the added ones after them."""
    removed: list[Row] = []
    added: list[Row] = []
    for row in [*rows, Row(" ", "", None, None)]:
        if row.sign == "-" and not added:
            removed.append(row)
            continue
        if row.sign == "+":
            added.append(row)
            continue
        yield from zip_longest(removed, added)
        removed, added = ([row], []) if row.sign == "-" else ([], [])
        if row.sign == " " and (row.old is not None or row.text):
            yield row, row


def _code(row: Row, path: str) -> list[Span]:
    if row.sign == "-":
        return [("- ", "remove"), (row.text, "remove")]
    sign: tuple[str, Ink] = ("+ ", "add") if row.sign == "+" else ("  ", "")
    return [sign, *source(row.text, path)]


def _number(number: int | None) -> str:
    return f"{number if number is not None else '':>{NUMBER}}"
