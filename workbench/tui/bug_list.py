"""The bug list: a virtual list in columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.tui.lines import Ink, Line, Span, cell, line
from workbench.tui.pane import Pane
from workbench.tui.words import age, session_mark, short_count, sparkline, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow

NARROW = 100
ROOMY = 150
REHEARSAL = " REHEARSAL "
# Session states that say more than the bug's own state does.
_TELLING = frozenset({"starting", "working", "needs_input", "waiting", "quiet", "failed", "interrupted"})


class BugList(Pane):
    """Bugs, one a line. Rows may be any sequence: only those on the screen are asked for."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.rows: Sequence[BugRow] = ()
        self._marks: set[int] = set()
        self.now: datetime | None = None

    @property
    def line_count(self) -> int:
        """How many bugs there are."""
        return len(self.rows)

    @property
    def selected(self) -> BugRow | None:
        """The bug under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def line_at(self, index: int) -> Line:
        """Return a bug as one line."""
        assert self.now is not None
        row = self.rows[index]
        drawn = row_line(row, self.room, self.now)
        return with_mark(drawn) if row.number in self._marks else drawn

    @property
    def marked(self) -> tuple[BugRow, ...]:
        """The bugs of the list that are marked."""
        return tuple(row for row in self.rows if row.number in self._marks) if self._marks else ()

    def mark(self, rows: Sequence[BugRow]) -> None:
        """Mark bugs; where all of them are marked, let go of them."""
        numbers = {row.number for row in rows}
        self._marks = self._marks - numbers if numbers <= self._marks else self._marks | numbers
        self.refresh()

    def unmark(self) -> None:
        """Let go of all marks."""
        self._marks = set()
        self.refresh()

    def show(self, rows: Sequence[BugRow], now: datetime) -> None:
        """Take new rows; the cursor stays on its bug and the view on its place."""
        if tuple(rows) == tuple(self.rows):
            self.tick(now)
            return
        kept = self.selected.number if self.selected else None
        offset = self.cursor - round(self.scroll_y)
        at_start = round(self.scroll_y) == 0
        height = max(self.size.height, 1)
        self.rows, self.now = rows, now
        self.cursor = next((index for index, row in enumerate(rows) if row.number == kept), self.cursor)
        self.resize_to()
        if rows and not (at_start and self.cursor < height):
            self._show_from(self.cursor - offset)
        self.post_message(self.Moved(self, self.cursor))

    def tick(self, now: datetime) -> None:
        """Let the relative times go on; nothing is drawn unless one of them reads differently now."""
        if self.now is None:
            return
        top = round(self.scroll_y)
        seen = self.rows[top : top + max(self.size.height, 1)]
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


def heading_line(width: int) -> Line:
    """Return the line above the columns."""
    return _columns(
        width,
        number="bug",
        state=("state", "muted"),
        title="title",
        route="route",
        count="count",
        trend="last 24 h",
        first="first",
        last="last",
        issue="issue",
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
        ("  ", ""),
        *seen_first,
        (cell(last, 4, right=True), ink),
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
