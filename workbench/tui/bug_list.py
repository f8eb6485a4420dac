"""The bug list: a virtual list in columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.message import Message

from workbench.tui.column_layout import Fitted, fitted, row_line
from workbench.tui.columns import Chosen
from workbench.tui.lines import Line, line
from workbench.tui.pane import Pane
from workbench.tui.words import age

if TYPE_CHECKING:
    from workbench.bugs.listing import Window
    from workbench.bugs.rows import BugRow

EDGES = 2  # the cursor's mark and the scrollbar, whose place is always kept
READ_AHEAD = 5  # screens of lines that are held, what is in sight in their middle
READ_FIRST = 3  # and at the beginning of a list


class BugList(Pane):
    """Bugs, one a line. Only a window of the list is held; what lies outside is asked for when it comes into sight."""

    @dataclass
    class Wanted(Message):
        """Lines from `start` on came into sight, or will soon, and are not held."""

        start: int

        def can_replace(self, message: Message) -> bool:
            """Only the latest place matters."""
            return isinstance(message, BugList.Wanted)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.now: datetime | None = None
        self.new_above = 0  # bugs that came in above since the beginning of the list was last in sight
        self._start, self._total = 0, 0
        self._rows: tuple[BugRow, ...] = ()
        self._longest = 0  # characters of the numbers in them
        self._marks: dict[int, BugRow] = {}
        self.chosen = Chosen()
        self._fitted: tuple[object, tuple[Fitted, ...]] = (None, ())

    @property
    def room(self) -> int:
        """Cells that a line has, also before the list is laid out: the heading above it is drawn with it."""
        return max(self.screen.size.width - EDGES, 1)

    @property
    def held(self) -> int:
        """How many lines are held, also before the list is laid out."""
        return READ_AHEAD * max(self.screen.size.height, 1)

    @property
    def held_first(self) -> int:
        """How many lines are held at the beginning of a list: who types a filter sees many and scrolls in one."""
        return READ_FIRST * max(self.screen.size.height, 1)

    @property
    def held_from(self) -> int:
        """The first line to be held, for what is in sight now."""
        return max(round(self.scroll_y) - self.held // 2, 0)

    @property
    def columns(self) -> tuple[Fitted, ...]:
        """The columns that there is room for."""
        fits = (self.room, self.chosen, self._longest)
        if self._fitted[0] != fits:
            self._fitted = fits, fitted(self.room, self.chosen, longest=self._longest)
        return self._fitted[1]

    def choose(self, chosen: Chosen) -> None:
        """Show other columns."""
        self.chosen = chosen
        self.refresh()

    @property
    def line_count(self) -> int:
        """How many bugs there are."""
        return self._total

    @property
    def is_at_start(self) -> bool:
        """True while the view begins with the first bug and the cursor is in it."""
        return round(self.scroll_y) == 0 and self.cursor < max(self.size.height, 1)

    @property
    def selected(self) -> BugRow | None:
        """The bug under the cursor; None also while its line is being read."""
        return self.row(self.cursor)

    @property
    def marked(self) -> tuple[BugRow, ...]:
        """The bugs that are marked."""
        return tuple(self._marks.values())

    @property
    def rows(self) -> tuple[BugRow, ...]:
        """The bugs that are held: what is in sight, and around it."""
        return self._rows

    def row(self, index: int) -> BugRow | None:
        """Return the bug of a line, or None where the line is not held."""
        held = index - self._start
        return self._rows[held] if 0 <= held < len(self._rows) else None

    def line_at(self, index: int) -> Line:
        """Return a bug as one line."""
        row = self.row(index)
        if row is None or self.now is None:
            return line((" …", "muted"))
        return row_line(row, self.columns, self.now, is_marked=row.number in self._marks)

    def mark(self, rows: Sequence[BugRow]) -> None:
        """Mark bugs; where all of them are marked, let go of them."""
        given = {row.number: row for row in rows}
        if given.keys() <= self._marks.keys():
            self._marks = {number: row for number, row in self._marks.items() if number not in given}
        else:
            self._marks |= given
        self.refresh()

    def unmark(self) -> None:
        """Let go of all marks."""
        self._marks = {}
        self.refresh()

    def show(self, window: Window, now: datetime, *, is_new: bool = False) -> None:
        """Take a window of the list as it is now; the cursor stays on its bug and the view on its place.

        `is_new` says that it is another list, which begins at its top.
        """
        if not is_new and (window.start, window.total, window.rows) == (self._start, self._total, self._rows):
            self.tick(now)
            return
        kept, was, offset = self.selected, self.cursor, self.cursor - round(self.scroll_y)
        at_start = self.is_at_start
        self._take(window, now)
        self._marks |= {row.number: row for row in window.rows if row.number in self._marks}
        if is_new:
            self.cursor = self.new_above = 0
        elif kept is not None:
            self.cursor = next((n for n, row in enumerate(window.rows, window.start) if row.number == kept.number), was)
        self.resize_to()
        if is_new:
            self._show_from(0)
        elif not (at_start and self.cursor < max(self.size.height, 1)):
            self.new_above += max(self.cursor - was, 0)
            self._show_from(self.cursor - offset)
        self.post_message(self.Moved(self, self.cursor))
        self.ask()

    def show_lines(self, window: Window, now: datetime) -> None:
        """Take other lines of the same list: the cursor and the view stay at their lines."""
        self._take(window, now)
        self.resize_to()
        self.post_message(self.Moved(self, self.cursor))

    def forget(self) -> None:
        """Hold no bug any longer; what is marked stays marked."""
        self._start, self._total, self._rows = 0, 0, ()
        self.cursor = self.new_above = 0
        self.resize_to()

    def _take(self, window: Window, now: datetime) -> None:
        self._start, self._total, self._rows, self.now = window.start, window.total, window.rows, now
        self._longest = max((len(row.label) for row in window.rows), default=0)

    def ask(self) -> None:
        """Ask for lines that are in sight, or a screen away from it, and not held."""
        height = max(self.size.height, 1)
        top = round(self.scroll_y)
        first, last = max(top - height, 0), min(top + 2 * height, self._total)
        if first < self._start or last > self._start + len(self._rows):
            self.post_message(self.Wanted(self.held_from))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for what comes into sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) == 0 and self.new_above:
            self.new_above = 0
            self.post_message(self.Moved(self, self.cursor))
        self.ask()

    def tick(self, now: datetime) -> None:
        """Let the relative times go on; only the lines are drawn in which one of them reads differently now."""
        if self.now is None:
            return
        before, self.now = self.now, now
        top = round(self.scroll_y)
        for index in range(top, top + max(self.size.height, 1)):
            row = self.row(index)
            if row is not None and any(age(at, now) != age(at, before) for at in (row.first_seen, row.last_seen)):
                self.refresh_lines(index)
