"""Counts as a text plot: a column for each part of time, what was deployed below it, the present at the right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.cells import cell_len

from workbench.text import plain
from workbench.tui.lines import Ink, Line, Span, cell, line
from workbench.tui.words import LOW, clock_time, plural, short_count

if TYPE_CHECKING:
    from workbench.bugs import over_time

HEIGHT = 6
WIDEST = 3  # cells of a column
DEPLOYS_NAMED = 5
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_AXIS = 8  # cells left of the columns


def plot_lines(span: over_time.Span, width: int, *, height: int = HEIGHT) -> Iterator[Line]:
    """Yield the plot of a span. Where a terminal is too narrow for all of it, its latest part."""
    shown = min(len(span.counts), max(width - _AXIS - 1, 1))
    wide = max(min((width - _AXIS - 1) // shown, WIDEST), 1)
    counts = span.counts[-shown:]
    first = len(span.counts) - shown
    top = max(*counts, LOW)
    for row in reversed(range(height)):
        scale = short_count(top) if row == height - 1 else "0" if row == 0 else ""
        yield line((f"  {scale:>{_AXIS - 4}} ", "muted"), ("│", "muted"), *_row(counts, top, row, height, wide))
    yield line((f"{'':{_AXIS - 1}}└", "muted"), (_axis(span, first, shown, wide), "muted"))
    yield line((" " * _AXIS, ""), (_labels(span, first, shown, wide), "muted"))
    yield from _deploys(span, first, shown, wide, width)


def _row(counts: tuple[int, ...], top: int, row: int, height: int, wide: int) -> list[Span]:
    """Return one line of all columns; that of now is of another ink."""
    cells = []
    for count in counts:
        eighths = -(-count * height * 8 // top) - row * 8  # rounded up: one event is never drawn as none
        full = _EIGHTHS[max(min(eighths, 8), 0)]
        cells.append(full * (wide - 1) + " " if wide > 1 else full)
    return [("".join(cells[:-1]), "accent"), (cells[-1], "warn")]


def _axis(span: over_time.Span, first: int, shown: int, wide: int) -> str:
    ticks = {part - first for part in _ticks(span) if part >= first}
    return "".join(("┴" if part in ticks else "─") + "─" * (wide - 1) for part in range(shown))


def _labels(span: over_time.Span, first: int, shown: int, wide: int) -> str:
    """Return what stands below the ticks, as far as there is room, and `now` at the right."""
    text = ""
    for part in _ticks(span):
        at = (part - first) * wide
        moment = span.start + part * span.step
        label = f"{moment:%m-%d}" if moment.hour == 0 else f"{moment:%H:%M}"
        if at >= len(text) + bool(text) and at + len(label) + 1 <= shown * wide - len("now"):
            text += " " * (at - len(text)) + label
    return text + "now".rjust(max(shown * wide - len(text), 4))


def _ticks(span: over_time.Span) -> list[int]:
    """Return the parts that begin a quarter of a day, or a week."""
    moments = ((part, span.start + part * span.step) for part in range(len(span.counts)))
    if span.step < timedelta(days=1):
        return [part for part, moment in moments if moment.hour % 6 == 0]
    return [part for part, moment in moments if moment.weekday() == 0]


def _deploys(span: over_time.Span, first: int, shown: int, wide: int, width: int) -> Iterator[Line]:
    in_sight = [each for each in span.deploys if span.part(each.at) >= first]
    if not in_sight:
        return
    marked = {span.part(each.at) - first for each in in_sight}
    row = "".join(("▲" if part in marked else " ") + " " * (wide - 1) for part in range(shown))
    yield line((" " * _AXIS, ""), (row.rstrip(), "good"))
    for each in in_sight[:DEPLOYS_NAMED]:
        name = cell(each.release, min(40, max(width - 40, 8))).rstrip()
        yield line(("    ▲ ", "good"), name, (f"  first seen {clock_time(each.at)[:16]} UTC", "muted"))
    if len(in_sight) > DEPLOYS_NAMED:
        yield line((f"    … and {plural(len(in_sight) - DEPLOYS_NAMED, 'release')} before", "muted"))


def bar(count: int, most: int, width: int) -> str:
    """Return a bar across for a count, in at most `width` cells: at least a sliver for anything that is not none."""
    eighths = -(-count * width * 8 // max(most, 1))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def bars(values: list[tuple[str, int]], of: int, width: int, *, ink: Ink = "accent", key: str = "") -> Iterator[Line]:
    """Yield a line for each value: its name, a bar, how many, and what part of `of`."""
    name_width = min(max((cell_len(plain(name, 60)) for name, _ in values), default=0), max(width // 3, 12), 48)
    room = max(min(width - name_width - 26, 40), 4)
    most = max((count for _, count in values), default=0)
    for name, count in values:
        part = 100 * count / max(of, 1)
        yield line(
            f"    {cell(name, name_width)}  ",
            (f"{bar(count, most, room):<{room}}", ink),
            f" {count:>8,}",
            (f"  {'<1' if 0 < part < 1 else f'{part:.0f}':>3} %", "muted"),
            key=key,
        )
