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
BEFORE, BEHIND = 2, GAP + 1  # cells of the arrows that say that there is more
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

        `counts` says how many bugs are behind each; where not all fit, the one that is shown says so, and the first
        of the others that have any.
        """
        shortened = [cell(name, min(cell_len(plain(name, NAME)), NAME)) for name in names]
        words = [f"{index + 1} {name}" if index < NUMBERED else name for index, name in enumerate(shortened)]
        told = _told(words, counts, shown, width)
        sizes = [cell_len(word) + len(count) + bool(count) for word, count in zip(words, told, strict=True)]
        first = _first(sizes, shown, width)
        spans: list[Span] = [("‹ ", "muted")] if first else []
        self._places = []
        column = BEFORE if first else 0
        for index in range(first, len(words)):
            size, count = sizes[index], told[index]
            if index > first and column + size > width - (BEHIND if index + 1 < len(words) else 0):
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


def _told(words: Sequence[str], counts: Sequence[str], shown: int, width: int) -> list[str]:
    """Return which of the counts are shown: all where there is room.

    Else that of the tab that is shown, and as there is room the first ones that are not nothing.
    """
    counts = counts or [""] * len(words)
    spare = width - sum(cell_len(word) + GAP for word in words) + GAP
    if sum(len(count) + 1 for count in counts if count) <= spare:
        return list(counts)
    told = [""] * len(counts)
    for index in sorted(range(len(counts)), key=lambda index: index != shown):
        count = counts[index]
        is_telling = bool(count) if index == shown else count not in ("", "0")
        if is_telling and len(count) + 1 <= spare:
            spare -= len(count) + 1
            told[index] = count
    return told


def _first(sizes: Sequence[int], shown: int, width: int) -> int:
    """Return from which tab on there is room for the one that is shown; the first, where there is room for all."""
    if sum(sizes) + GAP * (len(sizes) - 1) <= width:
        return 0
    first = 0
    behind = BEHIND if shown + 1 < len(sizes) else 0
    while first < shown:
        before = BEFORE if first else 0
        if before + sum(sizes[first : shown + 1]) + GAP * (shown - first) + behind <= width:
            break
        first += 1
    return first
