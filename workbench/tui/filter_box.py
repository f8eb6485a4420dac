"""The box that a filter is typed into: completion below it, and what is wrong with it, pointed at in its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.widgets import Input

from workbench.text import plain
from workbench.tui.bars import Bar
from workbench.tui.lines import Line, cell, line

if TYPE_CHECKING:
    from workbench.bugs.filters import Candidate, FilterError

MOST = 8  # candidates in sight
LONGEST = 2_000
EXAMPLE = "words, or state:review count:>100 seen:<24h !route:/api/*"


class FilterBox(Input):
    """A line of filter. It knows what may come next, and what was asked before."""

    @dataclass
    class Offered(Message):
        """What may come next is another now, or another of it is chosen."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(placeholder=EXAMPLE, id=id, select_on_focus=False)
        self.cursor_blink = False
        self.known: Mapping[str, Collection[str]] = {}
        self.history: Sequence[str] = ()
        self.candidates: list[Candidate] = []
        self.chosen = 0
        self._walked: int | None = None  # how far back in the history, while one walks it
        self._is_closed = False  # the list, until something is typed

    def validate_value(self, value: str) -> str:
        """Let nothing in that a terminal would act on, wherever it was copied from."""
        return plain(value[:LONGEST])[:LONGEST] if not value.isprintable() else value

    def propose(self) -> None:
        """Find out what may come next."""
        is_quiet = self._is_closed or self._walked is not None or not self.has_focus
        found = [] if is_quiet else self._may_come()
        if found != self.candidates:
            self.candidates, self.chosen = found, 0
        self.post_message(self.Offered())

    def _may_come(self) -> list[Candidate]:
        # Only once somebody types: the language brings the database's library along, and the first paint comes before.
        from workbench.bugs.filters import candidates

        return candidates(self.value, self.cursor_position, self.known)

    def watch_cursor_position(self, *_given: Any) -> None:
        """What may come next depends on where the cursor is."""
        if self.is_mounted:
            self.propose()

    def take(self, index: int) -> None:
        """Put a candidate in its place."""
        taken = self.candidates[index]
        after = self.value[self.cursor_position :]
        is_whole = not taken.text.endswith(":")
        text = self.value[: taken.start] + taken.text + (" " if is_whole and not after else "")
        self.value = text + after
        self.cursor_position = len(text)

    async def _on_key(self, event: events.Key) -> None:
        if self._took(event.key):
            event.stop()
            event.prevent_default()
        elif event.is_printable or event.key in ("backspace", "delete"):
            self._walked, self._is_closed = None, False

    def _took(self, key: str) -> bool:
        """Do what a key does to the list of candidates or the history; False where it does nothing there."""
        at_end = self.cursor_position == len(self.value)
        if key == "tab" or (key == "right" and at_end and self.value and self.candidates):
            if self.candidates:
                self.take(self.chosen)
            return True
        if key in ("up", "down"):
            if (not self.value or self._walked is not None) and (key == "up" or self._walked is not None):
                self._walk(1 if key == "up" else -1)
            elif self.candidates:
                self.chosen = (self.chosen + (1 if key == "down" else -1)) % len(self.candidates)
                self.post_message(self.Offered())
            return True
        if key == "escape" and self.candidates and self.value:
            self._is_closed = True
            self.propose()
            return True
        return False

    def _walk(self, by: int) -> None:
        place = (-1 if self._walked is None else self._walked) + by
        if place < 0:
            self._walked, self.value = None, ""
        elif place < len(self.history):
            self._walked, self.value = place, self.history[place]
        self.cursor_position = len(self.value)
        self.propose()

    def reset(self) -> None:
        """Begin anew: nothing was walked, nothing closed."""
        self._walked, self._is_closed = None, False


class Suggestions(Bar):
    """What may come next, one a line, below the box; above it the place of what is wrong."""

    @dataclass
    class Picked(Message):
        """A candidate was clicked."""

        index: int

    _first = 0
    _above = 0

    def offer(self, box: FilterBox, wrong: FilterError | None, width: int) -> None:
        """Show what is wrong with the box's filter, and what may come next."""
        out = [] if wrong is None else wrong_lines(box.value, wrong, round(box.scroll_x), width)
        self._above = len(out)
        count = len(box.candidates)
        self._first = min(max(box.chosen - MOST + 1, 0), max(count - MOST, 0))
        shown = box.candidates[self._first : self._first + MOST]
        names = max((cell_len(plain(each.text, 60)) for each in shown), default=0)
        for index, each in enumerate(shown, self._first):
            is_chosen = index == box.chosen
            out.append(
                line(
                    ("▸ " if is_chosen else "  ", "accent"),
                    (cell(each.text, min(names, 40)), "key" if is_chosen else ""),
                    (f"  {each.meaning}", "muted"),
                )
            )
        if count:
            rest = f"{count - len(shown)} more   " if count > len(shown) else ""
            keys = f"  {rest}tab completes   ↑ ↓ choose   esc closes the list"
            if not box.value and box.history:
                keys = f"  {rest}tab completes   ↓ chooses   ↑ earlier filters   esc leaves"
            out.append(line((keys, "comment")))
        self.display = bool(out)
        self.show(*out)

    def on_click(self, event: events.Click) -> None:
        """Take the candidate under the mouse."""
        index = self._first + event.y - self._above
        if event.y >= self._above and event.y < len(self.lines) - 1:
            self.post_message(self.Picked(index))


def wrong_lines(text: str, wrong: FilterError, scrolled: int, width: int) -> list[Line]:
    """Return a line of carets that stands under the wrong part of a box, and what is wrong with it."""
    start = cell_len(text[: wrong.start]) - scrolled
    end = cell_len(text[: max(wrong.end, wrong.start + 1)]) - scrolled
    start, end = max(start, 0), max(min(end, width), 1)
    start = min(start, end - 1)
    return [line(" " * start, ("^" * (end - start), "bad")), line((wrong.message, "warn"))]
