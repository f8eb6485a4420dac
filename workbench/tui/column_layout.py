"""The columns of the bug list in a line: which there is room for, where each begins, and which gives way first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from workbench.tui.columns import ALWAYS, BY_ID, NARROWEST, SORTS, Chosen, Column, Drawing
from workbench.tui.lines import Line, Span, cell, line

if TYPE_CHECKING:
    from workbench.bugs.order import Order
    from workbench.bugs.rows import BugRow

ROOMY = 140  # below it, one blank has to part the columns
NARROW = 100  # below it, no column has a share
# Of the line, that columns of less weight leave to those of words.
SHARES, ROOMY_SHARES = {"title": 0.34}, {"title": 0.3, "route": 0.16}
COMFORTABLE = 80  # cells; a title that has as many needs no more before others have what they can use


class Fitted(NamedTuple):
    """A column at its place in a line."""

    column: Column
    start: int
    width: int


def fitted(width: int, chosen: Chosen | None = None, *, longest: int = 0) -> tuple[Fitted, ...]:
    """Return the columns that fit into `width` cells, and where each begins. `longest` is that of the numbers."""
    chosen = chosen or Chosen()
    gap = 1 if width < ROOMY else 2
    wanted = [column for column in chosen.columns() if chosen.wants(column)]
    least = {column.id: chosen.widths.get(column.id, column.width) for column in wanted}
    least["number"] = max(least["number"], longest + 1)
    for id_, share in (ROOMY_SHARES if width >= ROOMY else SHARES if width >= NARROW else {}).items():
        if id_ in least and id_ not in chosen.widths:
            least[id_] = max(least[id_], min(int(width * share), BY_ID[id_].most))
    kept: set[str] = set()
    left = width + gap
    for column in sorted(wanted, key=lambda column: _weight(column, chosen)):
        if column.id in ALWAYS or least[column.id] + gap <= left:
            kept.add(column.id)
            left -= least[column.id] + gap
    shown = [column for column in wanted if column.id in kept]
    widths = {column.id: least[column.id] for column in shown}
    if left < 0:  # a terminal narrower than any list: the title gives way, then the end of the line
        widths["title"] = max(widths["title"] + left, NARROWEST)
    growing = [column for column in shown if column.most and column.id not in chosen.widths]
    # A narrow list needs what is left for its titles.
    _grow(widths, [column for column in growing if width >= ROOMY or column.id == "title"], left)
    placed, start = [], 0
    for column in shown:
        placed.append(Fitted(column, start, widths[column.id]))
        start += widths[column.id] + gap
    return tuple(placed)


def _weight(column: Column, chosen: Chosen) -> tuple[bool, bool, int]:
    return column.id not in ALWAYS, column.id not in chosen.shown, column.weight


def _grow(widths: dict[str, int], growing: Iterable[Column], left: int) -> None:
    """Give the room that is left to those that can use it: half of it to a short title, and to it what others leave."""
    others = [column for column in growing if column.id != "title"]
    spare, grows = max(left, 0), "title" in (column.id for column in growing)
    is_short = grows and widths["title"] < COMFORTABLE
    for place, column in enumerate(others):
        share = spare // (2 if is_short else 1) // (len(others) - place)
        more = min(share, max(column.most - widths[column.id], 0))
        widths[column.id] += more
        spare -= more
    if grows:
        widths["title"] += spare


def heading_line(columns: Sequence[Fitted], order: Order) -> Line:
    """Return the line above the columns, with a mark at the one that the list is sorted by.

    Where that has no room, it is named at the end of the title's, which is always there.
    """
    arrow = "▼" if order.is_descending else "▲"
    is_marked = order.by in {place.column.order for place in columns} or order.by not in SORTS
    out = ""
    for place in columns:
        column, word = place.column, place.column.heading
        begins = place.start
        if column.id == "title" and not is_marked:
            word = _both_ends(word, f"{arrow} by {SORTS[order.by].heading}", place.width)
        if column.order == order.by and order.by:
            marked = f"{arrow}{word}"
            if len(marked) > place.width and begins:  # it may stand in the blank before the column
                out = out.ljust(begins - 1) + arrow
            else:
                word = marked
        out = out.ljust(begins) + cell(word, place.width, right=column.is_right)
    return line((out, "muted"))


def _both_ends(left: str, right: str, width: int) -> str:
    """Return two words at the ends of a cell; the left one gives way."""
    room = width - len(right) - 1
    return cell(left, room) + " " + right if room > 0 else right


def column_at(columns: Sequence[Fitted], cell_: int) -> Column | None:
    """Return the column that a cell of a line belongs to, the blank before a column being its own."""
    found = [place for place in columns if place.start - 1 <= cell_ <= place.start + place.width]
    return found[-1].column if found else None


def row_line(row: BugRow, columns: Sequence[Fitted], now: datetime, *, is_marked: bool = False) -> Line:
    """Return `row` in columns."""
    spans: list[Span] = []
    has_session = any(place.column.id == "session" for place in columns)
    at = 0
    for place in columns:
        if place.start > at:
            spans.append((" " * (place.start - at), ""))
        spans += place.column.draw(row, Drawing(now, place.width, has_session=has_session, is_marked=is_marked))
        at = place.start + place.width
    return Line(tuple(span for span in spans if span[0]))
