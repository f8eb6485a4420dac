"""The bug list: a virtual list in columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.message import Message

from workbench.tui.lines import Ink, Line, Span, cell, line
from workbench.tui.pane import Pane
from workbench.tui.words import age, session_mark, short_count, sparkline, state_mark

if TYPE_CHECKING:
    from workbench.bugs.listing import Window
    from workbench.bugs.order import Order
    from workbench.bugs.rows import BugRow

NARROW = 100
ROOMY = 150
READ_AHEAD = 300  # lines that are held, around what is in sight
REHEARSAL = " REHEARSAL "
# Session states that say more than the bug's own state does.
_TELLING = frozenset({"starting", "working", "needs_input", "waiting", "quiet", "failed", "interrupted"})


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
        self._marks: dict[int, BugRow] = {}

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
        drawn = row_line(row, self.room, self.now)
        return with_mark(drawn) if row.number in self._marks else drawn

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
        self._start, self._total, self._rows, self.now = window.start, window.total, window.rows, now
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
        self._start, self._total, self._rows, self.now = window.start, window.total, window.rows, now
        self.resize_to()
        self.post_message(self.Moved(self, self.cursor))

    def ask(self) -> None:
        """Ask for lines that are in sight, or a screen away from it, and not held."""
        height = max(self.size.height, 1)
        top = round(self.scroll_y)
        first, last = max(top - height, 0), min(top + 2 * height, self._total)
        if first < self._start or last > self._start + len(self._rows):
            self.post_message(self.Wanted(max(top - READ_AHEAD // 2, 0)))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for what comes into sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) == 0 and self.new_above:
            self.new_above = 0
            self.post_message(self.Moved(self, self.cursor))
        self.ask()

    def tick(self, now: datetime) -> None:
        """Let the relative times go on; nothing is drawn unless one of them reads differently now."""
        if self.now is None:
            return
        top = round(self.scroll_y)
        seen = [row for index in range(top, top + max(self.size.height, 1)) if (row := self.row(index)) is not None]
        stale = any(
            (age(row.first_seen, now), age(row.last_seen, now))
            != (age(row.first_seen, self.now), age(row.last_seen, self.now))
            for row in seen
        )
        self.now = now
        if stale:
            self.refresh()


def with_mark(drawn: Line) -> Line:
    """Return a bug's line with a mark behind its number, where there is a blank otherwise."""
    number, _blank, *rest = drawn.spans
    return Line((number, ("✔", "key"), *rest), drawn.key, drawn.section)


def heading_line(width: int, order: Order) -> Line:
    """Return the line above the columns, with a mark at the one that the list is sorted by."""
    arrow = "▼" if order.is_descending else "▲"

    def titled(by: str, word: str) -> str:
        return f"{arrow}{word}" if order.by == by else word

    return _columns(
        width,
        number=titled("number", "bug"),
        state=(titled("state", "state"), "muted"),
        title=titled("title", "title"),
        route=titled("route", "route"),
        count=titled("count", "count"),
        trend="last 24 h",
        first=titled("first", "first"),
        last=titled("last", "seen"),
        issue=titled("issue", "issue"),
        session=("session", "muted"),
        ink="muted",
    )


def row_line(row: BugRow, width: int, now: datetime) -> Line:
    """Return `row` in columns for `width` cells."""
    glyph, ink = state_mark(row.state)
    word, again = row.state, " ↻" if row.is_recurrence else ""
    session: tuple[str, Ink] = ("", "muted")
    if row.session_state in _TELLING:
        session_glyph, session_word, session_ink = session_mark(row.session_state)
        session = (f"{session_glyph} {session_word}", session_ink)
        if width < NARROW and row.state == "fixing":
            word, ink = session_word, session_ink
    route = " ".join(part for part in (row.method, row.route) if part)
    return _columns(
        width,
        number=row.label,
        state=(f"{glyph} {word}{again}", ink),
        title=row.title,
        route=route,
        count=short_count(row.count),
        trend=row.trend,
        first=age(row.first_seen, now),
        last=age(row.last_seen, now),
        issue=f"#{row.issue.number}" if row.issue else "–",
        session=session,
        ink="",
        is_rehearsal=row.session_rehearsal is not None and row.state in ("fixing", "review"),
    )


def _columns(
    width: int,
    *,
    number: str,
    state: tuple[str, Ink],
    title: str,
    route: str,
    count: str,
    trend: str | tuple[int, ...],
    first: str,
    last: str,
    issue: str,
    session: tuple[str, Ink],
    ink: Ink,
    is_rehearsal: bool = False,
) -> Line:
    trend_width = 24 if width >= ROOMY else 12 if width >= NARROW else 9
    bars = cell(trend if isinstance(trend, str) else sparkline(trend, trend_width), trend_width)
    # A narrow list needs the room for its titles; the page of the bug says since when.
    seen_first: list[Span] = [(cell(first, 5, right=True), "muted"), (" ", "")] if width >= NARROW else []
    tail: list[Span] = [
        (cell(count, 5, right=True), ink),
        ("  ", ""),
        (bars, ink or "accent"),
        (" ", ""),
        *seen_first,
        (cell(last, 5, right=True), ink),
        ("  ", ""),
        (cell(issue, 5), "muted"),
    ]
    if width >= NARROW:
        tail += [(" ", ""), (cell(session[0], 13), session[1])]
    head: list[Span] = [(cell(number, 6), ink or "muted"), (" ", ""), (cell(state[0], 13), state[1]), (" ", "")]
    middle = width - sum(len(text) for text, _ in head) - sum(len(text) for text, _ in tail) - 2
    route_width = min(middle // 3, 40) if width >= ROOMY else 0
    badge: list[Span] = [(REHEARSAL, "rehearsal"), (" ", "")] if is_rehearsal else []
    title_width = middle - route_width - (len(REHEARSAL) + 1 if is_rehearsal else 0)
    body: list[Span] = [*badge, (cell(title, max(title_width, 4)), ink or "")]
    if route_width:
        body.append((cell(f" {route}", route_width), "muted"))
    return line(*head, *body, "  ", *tail)
