"""The columns of the bug list as a table of data: what each shows, how wide it is, and what a person chose of them.

No Textual in here: what a cell says is tested without a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.tui.lines import Ink, Span, cell
from workbench.tui.words import age, session_mark, short_count, sparkline, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow

REHEARSAL = " REHEARSAL "
NARROWEST, WIDEST = 4, 120  # what a person may make of a column
# Session states that say more than the bug's own state does.
_TELLING = frozenset({"starting", "working", "needs_input", "waiting", "quiet", "failed", "interrupted"})


class Drawing(NamedTuple):
    """What a cell is drawn for: its width, and what else the line shows."""

    now: datetime
    width: int = 0
    has_session: bool = False  # there is a column for the session
    is_marked: bool = False


Draw = Callable[["BugRow", Drawing], tuple[Span, ...]]


class Column(NamedTuple):
    """One column. `weight` says which stay when there is little room: the lowest.

    `order` is what a list is sorted by along it (`workbench.bugs.listing.SORTABLE`). `most` says how wide it may become
    where room is left.
    """

    id: str
    heading: str
    meaning: str
    width: int
    weight: int
    draw: Draw
    order: str = ""
    is_right: bool = False
    is_ascending: bool = False  # sorted from the smallest at first: names, not figures
    most: int = 0
    is_extra: bool = False  # shown only where a person chose it


def _plain(
    text: Callable[[BugRow, Drawing], object], ink: Ink = "", *, right: bool = False
) -> Callable[[BugRow, Drawing], tuple[Span, ...]]:
    def draw(row: BugRow, drawing: Drawing) -> tuple[Span, ...]:
        return ((cell(text(row, drawing), drawing.width, right=right), ink),)

    return draw


def _number(row: BugRow, drawing: Drawing) -> tuple[Span, ...]:
    mark: Span = ("✔", "key") if drawing.is_marked else (" ", "")
    return (cell(row.label, drawing.width - 1), "muted"), mark


def _state(row: BugRow, drawing: Drawing) -> tuple[Span, ...]:
    glyph, ink = state_mark(row.state)
    word = row.state
    if not drawing.has_session and row.state == "fixing" and row.session_state in _TELLING:
        _glyph, word, ink = session_mark(row.session_state)
    again = " ↻" if row.is_recurrence else ""
    return ((cell(f"{glyph} {word}{again}", drawing.width), ink),)


def _title(row: BugRow, drawing: Drawing) -> tuple[Span, ...]:
    is_rehearsal = row.session_rehearsal is not None and row.state in ("fixing", "review")
    if not is_rehearsal or drawing.width < len(REHEARSAL) + 8:
        return ((cell(row.title, drawing.width), ""),)
    return (REHEARSAL, "rehearsal"), (" ", ""), (cell(row.title, drawing.width - len(REHEARSAL) - 1), "")


def _session(row: BugRow, drawing: Drawing) -> tuple[Span, ...]:
    if row.session_state not in _TELLING:
        return ((" " * drawing.width, ""),)
    glyph, word, ink = session_mark(row.session_state)
    return ((cell(f"{glyph} {word}", drawing.width), ink),)


def _bars(values: Callable[[BugRow], Sequence[int]]) -> Callable[[BugRow, Drawing], tuple[Span, ...]]:
    return lambda row, drawing: ((cell(sparkline(values(row), drawing.width), drawing.width), "accent"),)


def _issue(row: BugRow, drawing: Drawing) -> tuple[Span, ...]:
    outside = row.issue is not None and row.issue.closed_outside
    number = f"#{row.issue.number}{'⊘' if outside else ''}" if row.issue else "–"
    return ((cell(number, drawing.width), "warn" if outside else "muted"),)


COLUMNS: tuple[Column, ...] = (
    Column("number", "bug", "the number; marked bugs have a ✔", 7, 0, _number, "number", is_ascending=True),
    Column("state", "state", "the state, ↻ after a recurrence", 13, 2, _state, "state", is_ascending=True),
    Column("title", "title", "the title", 22, 1, _title, "title", is_ascending=True, most=1_000),
    Column(
        "route", "route", "method and route", 16, 11,
        _plain(lambda row, _: " ".join(part for part in (row.method, row.route) if part), "muted"),
        "route", is_ascending=True, most=40,
    ),
    Column(
        "count", "count", "how many events", 6, 4,
        _plain(lambda row, _: short_count(row.count), right=True), "count", is_right=True,
    ),
    Column(
        "users", "users", "how many different users met it", 6, 10,
        _plain(lambda row, _: short_count(row.users) if row.users else "–", "muted", right=True),
        "users", is_right=True,
    ),
    Column("trend", "last 24 h", "the last 24 hours", 9, 5, _bars(lambda row: row.trend), "trend", most=24),
    Column(
        "days", "last 14 d", "the last 14 days", 14, 18, _bars(lambda row: row.days), "days", is_extra=True,
    ),
    Column(
        "first", "first", "when it was first seen", 5, 9,
        _plain(lambda row, drawing: age(row.first_seen, drawing.now), "muted", right=True), "first", is_right=True,
    ),
    Column(
        "last", "seen", "when it was last seen", 5, 3,
        _plain(lambda row, drawing: age(row.last_seen, drawing.now), right=True), "last", is_right=True,
    ),
    Column(
        "issue", "issue", "the issue on GitHub; ⊘ after one that was closed outside", 6, 6, _issue, "issue",
    ),
    Column("session", "session", "who is at work on it: the fix session", 13, 7, _session, "session"),
    Column(
        "assigned", "assigned", "who has it", 14, 12,
        _plain(lambda row, _: (row.assignee or "–").partition(" <")[0], "muted"), "assigned", is_ascending=True,
    ),
    Column(
        "labels", "labels", "its labels", 14, 13,
        _plain(lambda row, _: " ".join(row.labels), "name"), "labels", is_ascending=True, most=24,
    ),
    Column(
        "env", "environment", "the environment of its latest event", 12, 14,
        _plain(lambda row, _: row.environment, "muted"), "env", is_ascending=True,
    ),
    Column(
        "release", "release", "the release of its latest event", 12, 15,
        _plain(lambda row, _: row.release or "–", "muted"), "release", most=20,
    ),
    Column(
        "project", "project", "the project", 12, 16,
        _plain(lambda row, _: row.project, "muted"), "project", is_ascending=True,
    ),
    Column(
        "level", "level", "how bad its latest event is", 8, 17,
        _plain(lambda row, _: row.level, "muted"), "level", is_extra=True,
    ),
)  # fmt: skip
BY_ID: Mapping[str, Column] = {column.id: column for column in COLUMNS}
SORTS: Mapping[str, Column] = {column.order: column for column in COLUMNS}  # by what they sort by
ALWAYS = frozenset({"number", "title"})  # what makes a line a bug's


class Chosen(NamedTuple):
    """What a person chose of the columns: their order, those to have or not to have, and widths. All else is ours."""

    order: tuple[str, ...] = ()
    shown: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    widths: Mapping[str, int] = {}

    def columns(self) -> tuple[Column, ...]:
        """Return all columns in order; one that the choice does not know stands where it stands in the table."""
        ids = [id_ for id_ in dict.fromkeys(self.order) if id_ in BY_ID]
        for place, column in enumerate(COLUMNS):
            if column.id not in ids:
                before = COLUMNS[place - 1].id if place else ""
                ids.insert(ids.index(before) + 1 if before else 0, column.id)
        return tuple(BY_ID[id_] for id_ in ids)

    def wants(self, column: Column) -> bool:
        """Say whether a column is to be shown where there is room."""
        if column.id in ALWAYS or column.id in self.shown:
            return True
        return column.id not in self.hidden and not column.is_extra

    def toggled(self, id_: str) -> Chosen:
        """Return the choice with a column taken in or out; number and title stay."""
        if id_ in ALWAYS:
            return self
        if self.wants(BY_ID[id_]):
            return self._replace(shown=self.shown - {id_}, hidden=self.hidden | {id_})
        return self._replace(shown=self.shown | {id_}, hidden=self.hidden - {id_})

    def moved(self, id_: str, by: int) -> Chosen:
        """Return the choice with a column moved; the number stays in front."""
        ids = [column.id for column in self.columns()]
        place = ids.index(id_)
        goal = min(max(place + by, 1), len(ids) - 1)
        if id_ != "number":
            ids.insert(goal, ids.pop(place))
        return self._replace(order=tuple(ids))

    def resized(self, id_: str, width: int) -> Chosen:
        """Return the choice with another width of a column."""
        return self._replace(widths={**self.widths, id_: min(max(width, NARROWEST), WIDEST)})

    def as_data(self) -> dict[str, Any]:
        """Return the choice as it is written down."""
        return {
            "order": list(self.order),
            "shown": sorted(self.shown),
            "hidden": sorted(self.hidden),
            "widths": dict(self.widths),
        }

    @classmethod
    def of_data(cls, data: Any) -> Chosen:
        """Return the choice that was written down. Raises `ValueError` for anything else."""
        if not isinstance(data, dict):
            raise ValueError("columns: not a table")
        widths = data.get("widths", {})
        if not isinstance(widths, dict) or not all(type(width) is int for width in widths.values()):
            raise ValueError("columns.widths: not numbers")
        chosen = cls(_ids(data, "order"), frozenset(_ids(data, "shown")), frozenset(_ids(data, "hidden")))
        for id_, width in widths.items():
            if id_ in BY_ID:
                chosen = chosen.resized(id_, width)
        return chosen


def _ids(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    given = data.get(key, [])
    if not isinstance(given, list) or not all(isinstance(id_, str) for id_ in given):
        raise ValueError(f"columns.{key}: not a list of names")
    return tuple(id_ for id_ in given if id_ in BY_ID)  # of another version, perhaps
