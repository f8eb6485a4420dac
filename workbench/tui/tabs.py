"""The saved views as tabs, by number and by mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message

from workbench.text import plain
from workbench.tui.bars import Bar
from workbench.tui.lines import Span, cell, line

NAME = 24  # cells of a name, at most
GAP = 2
NUMBERED = 9  # tabs that have a key


class Tabs(Bar):
    """One line of names; the one that is shown stands out."""

    @dataclass
    class Picked(Message):
        """A tab was clicked."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._places: list[tuple[int, int, int]] = []

    def offer(self, names: Sequence[str], shown: int, width: int, counts: Sequence[str] = ()) -> None:
        """Show the tabs; where they do not fit, those around the one that is shown.

        `counts` says how many bugs are behind each; where not all fit, the first that have any say so.
        """
        shortened = [cell(name, min(cell_len(plain(name, NAME)), NAME)) for name in names]
        words = [f"{index + 1} {name}" if index < NUMBERED else name for index, name in enumerate(shortened)]
        told = _told(words, counts, width)
        sizes = [cell_len(word) + len(count) + bool(count) for word, count in zip(words, told, strict=True)]
        first = _first(sizes, shown, width)
        spans: list[Span] = [("‹ ", "muted")] if first else []
        self._places = []
        column = 2 if first else 0
        for index in range(first, len(words)):
            size, count = sizes[index], told[index]
            if index > first and column + size > width - (2 if index + 1 < len(words) else 0):
                spans.append(("›", "muted"))
                break
            number, blank, name = words[index].partition(" ") if index < NUMBERED else ("", "", words[index])
            is_shown = index == shown
            spans += [(number + blank, "key" if is_shown else "muted"), (name, "heading" if is_shown else "muted")]
            spans += [(f" {count}" if count else "", "muted" if count == "0" else "accent"), (" " * GAP, "")]
            self._places.append((column, column + size, index))
            column += size + GAP
        self.show(line(*spans))

    def on_click(self, event: events.Click) -> None:
        """Pick the tab under the mouse."""
        for start, end, index in self._places:
            if start <= event.x - 1 < end:
                self.post_message(self.Picked(index))


def _told(words: Sequence[str], counts: Sequence[str], width: int) -> list[str]:
    """Return which of the counts are shown: all where there is room, else the first ones that are not nothing."""
    counts = counts or [""] * len(words)
    spare = width - sum(cell_len(word) + GAP for word in words) + GAP
    if sum(len(count) + 1 for count in counts if count) <= spare:
        return list(counts)
    told = []
    for count in counts:
        has_room = count not in ("", "0") and len(count) + 1 <= spare
        spare -= len(count) + 1 if has_room else 0
        told.append(count if has_room else "")
    return told


def _first(sizes: Sequence[int], shown: int, width: int) -> int:
    """Return from which tab on there is room for the one that is shown."""
    first = 0
    while first < shown and sum(size + GAP for size in sizes[first : shown + 1]) > width - 4:
        first += 1
    return first
