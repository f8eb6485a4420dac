"""The list of all fix sessions: groups under headings that the cursor passes over, lines made as they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.tui.documents.sessions import Fitted, columns, group_line, row_line
from workbench.tui.lines import BLANK, Line
from workbench.tui.pane import Pane
from workbench.tui.words import age

if TYPE_CHECKING:
    from workbench.bugs.overview import Overview, SessionLine


class SessionList(Pane):
    """Sessions, one a line. The cursor stays on its session, wherever that goes."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.now: datetime | None = None
        self._items: Sequence[Line | SessionLine] = ()
        self._fitted: tuple[int, tuple[Fitted, ...]] = (0, ())

    @property
    def room(self) -> int:
        """Cells that a line has, also before the list is laid out: the heading above it is drawn with it."""
        return max(self.screen.size.width - 2, 1)  # the cursor's mark and the scrollbar

    @property
    def columns(self) -> tuple[Fitted, ...]:
        """The columns that there is room for."""
        if self._fitted[0] != self.room:
            self._fitted = self.room, columns(self.room)
        return self._fitted[1]

    @property
    def line_count(self) -> int:
        """How many lines there are, with those that head a group."""
        return len(self._items)

    def row(self, index: int) -> SessionLine | None:
        """Return the session of a line; None where there is none."""
        item = self._items[index] if 0 <= index < len(self._items) else None
        return None if isinstance(item, Line) else item

    @property
    def selected(self) -> SessionLine | None:
        """The session under the cursor."""
        return self.row(self.cursor)

    def line_at(self, index: int) -> Line:
        """Return a line as it is now."""
        item = self._items[index]
        if isinstance(item, Line):
            return item
        return row_line(item, self.columns, self.now) if self.now is not None else BLANK

    def show(self, found: Overview, now: datetime) -> None:
        """Take the sessions as they are now; the view stays too, unless its session went out of sight."""
        kept, was, top = self.selected, self.cursor, round(self.scroll_y)
        items: list[Line | SessionLine] = []
        for name, rows in found.groups:
            items += [BLANK] if items else []
            items += [group_line(name, len(rows), earlier=found.earlier if name == "ended" else 0), *rows]
        if items == self._items:
            self.tick(now)
            return
        self._items, self.now = items, now
        self.resize_to()
        places = {row.session.id: index for index in range(len(items)) if (row := self.row(index)) is not None}
        self.cursor = places.get(kept.session.id, was) if kept is not None else was
        self._show_from(top)
        self.move_to(self.cursor)
        self.post_message(self.Moved(self, self.cursor))

    def move_to(self, index: int, *, at_top: bool = False) -> None:
        """Put the cursor on a session: on the next one, the way it goes, where a group begins."""
        last = len(self._items) - 1
        index = min(max(index, 0), last)
        by = 1 if index >= self.cursor else -1
        places = [*range(index, last + 1 if by > 0 else -1, by), *range(index, -1 if by > 0 else last + 1, -by)]
        place = next((place for place in places if self.row(place) is not None), index)
        super().move_to(place, at_top=at_top)
        if place <= 1 and not at_top:
            self._show_from(0)  # the heading above the first session can't have the cursor

    def tick(self, now: datetime) -> None:
        """Let the times go on; only the lines are drawn in which one of them reads differently now."""
        before, self.now = self.now or now, now
        top = round(self.scroll_y)
        for index in range(top, top + max(self.size.height, 1)):
            row = self.row(index)
            if row is None:
                continue
            ended = None if row.session.is_live else row.session.ended_at
            if ended is None or age(ended, now) != age(ended, before):
                self.refresh_lines(index)
