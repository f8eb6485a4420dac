"""All fix sessions as lines: who needs a person, who is at work, what it costs, and what was said last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from workbench.text import plain, plain_lines
from workbench.tui.documents.transcript import as_text
from workbench.tui.lines import BLANK, Ink, Line, Span, cell, line, paragraphs
from workbench.tui.words import age, duration, money, plural, session_mark, short_count, state_mark

if TYPE_CHECKING:
    from workbench.bugs.overview import Overview, SessionLine
    from workbench.tui.actions import KeyOf

GAP = 1
TITLE, SAID = "title", "last said, or asked"
SAID_MOST, SAID_LINES = 500, 3  # characters and lines of what was said last, below the list
_SHARES = {TITLE: 0.2, SAID: 0.22}  # of the line, that columns of less weight leave to them
TITLE_MOST = 44  # cells of the room that is left
# Of a tool, the input that says most: the one that stands beside its name.
_TELLING = ("command", "file_path", "path", "pattern", "url", "query", "description", "prompt")
_BADGES = (" REHEARSAL ", " R ")
ROOM_FOR_BADGE = 24  # cells of a title; in fewer, the short badge stands
_PHASES = {"test": "1 test", "fix": "2 fix"}


@dataclass(frozen=True)
class Column:
    """One column. `weight` says which stay when there is little room: the lowest."""

    heading: str
    width: int
    weight: int
    draw: Callable[[SessionLine, datetime, int], tuple[Span, ...]]
    is_right: bool = False


@dataclass(frozen=True)
class Fitted:
    """A column in the width that it has."""

    column: Column
    width: int


def _state(row: SessionLine, now: datetime, width: int) -> tuple[Span, ...]:
    glyph, word, ink = session_mark(row.session.state)
    if row.question is not None:
        word = f"{word} {age(row.question.asked_at, now)}"
    if row.session.state == "done" and row.bug_state == "review":
        glyph, ink = state_mark("review")
        word = "to decide"
    return ((cell(f"{glyph} {word}", width), ink),)


def _title(row: SessionLine, _now: datetime, width: int) -> tuple[Span, ...]:
    if row.session.rehearsal is None:
        return ((cell(row.title, width), ""),)
    badge = _BADGES[width < ROOM_FOR_BADGE]
    return (badge, "rehearsal"), (" ", ""), (cell(row.title, width - len(badge) - 1), "")


def _cost(row: SessionLine, _now: datetime, width: int) -> tuple[Span, ...]:
    about = "~" if row.session.is_cost_estimated else ""
    spent = f"{about}{money(row.session.cost_usd)}"
    cap = f"/{row.cap_usd:g}" if row.cap_usd is not None else ""
    pad = " " * max(width - cell_len(spent + cap), 0)
    is_near = row.cap_usd is not None and row.session.cost_usd >= 0.8 * row.cap_usd
    return (pad, ""), (cell(spent, min(cell_len(spent), width)), "warn" if is_near else ""), (cap, "muted")


def _elapsed(row: SessionLine, now: datetime, width: int) -> tuple[Span, ...]:
    until = row.session.ended_at or now
    return ((cell(duration(until - row.session.started_at), width, right=True), ""),)


def _said(row: SessionLine, now: datetime, width: int) -> tuple[Span, ...]:
    if row.question is not None:
        return ((cell(_within(question(row.question.body), row), width), "warn"),)
    alarm = row.session.alarm
    if alarm:
        return ((cell(f"⚠ {alarm}", width), "bad"),)
    if row.session.ended_at is not None and not row.session.is_live:
        return ((cell(f"{age(row.session.ended_at, now)} · {row.session.activity}", width), "muted"),)
    return ((cell(_within(row.session.activity, row), width), ""),)


def _within(text: str, row: SessionLine) -> str:
    """Return `text` with paths below the worktree from there."""
    return text.replace(f"{row.session.worktree}/", "") if row.session.worktree else text


def _of(name: str, *, right: bool = False) -> Callable[[SessionLine, datetime, int], tuple[Span, ...]]:
    def draw(row: SessionLine, _now: datetime, width: int) -> tuple[Span, ...]:
        return ((cell(getattr(row.session, name), width, right=right), "muted"),)

    return draw


def _phase(row: SessionLine, _now: datetime, width: int) -> tuple[Span, ...]:
    phase = row.session.phase
    return ((cell(_PHASES.get(phase, phase) if row.session.is_live else "", width), ""),)


def _who(row: SessionLine, _now: datetime, width: int) -> tuple[Span, ...]:
    return ((cell(row.session.launched_by.partition(" <")[0], width), "muted"),)


def _bug(row: SessionLine, _now: datetime, width: int) -> tuple[Span, ...]:
    return ((cell(row.label, width), "muted"),)


COLUMNS: tuple[Column, ...] = (
    Column("state", 14, 0, _state),
    Column("bug", 6, 0, _bug),
    Column(TITLE, 16, 1, _title),
    Column("phase", 8, 5, _phase),
    Column("elapsed", 7, 2, _elapsed, is_right=True),
    Column("cost/cap", 10, 3, _cost, is_right=True),
    Column("turns", 5, 6, _of("turns", right=True), is_right=True),
    Column("model", 16, 7, _of("model")),
    Column("by", 12, 8, _who),
    Column("host", 12, 9, _of("host")),
    Column(SAID, 20, 4, _said),
)


def columns(width: int) -> tuple[Fitted, ...]:
    """Return the columns that fit into `width` cells; title and last words share what is left."""
    least = {column.heading: max(column.width, int(width * _SHARES.get(column.heading, 0))) for column in COLUMNS}
    kept: list[Column] = []
    left = width + GAP
    for column in sorted(COLUMNS, key=lambda column: column.weight):
        if column.weight and least[column.heading] + GAP > left:
            break  # what says less does not take the room that this one has not found
        kept.append(column)
        left -= least[column.heading] + GAP
    spare = max(left, 0)
    has_said = any(column.heading == SAID for column in kept)
    title = min(spare * 2 // 5, TITLE_MOST) if has_said else spare
    grown = {TITLE: title, SAID: spare - title}
    return tuple(Fitted(each, least[each.heading] + grown.get(each.heading, 0)) for each in COLUMNS if each in kept)


def heading_line(fitted: Sequence[Fitted]) -> Line:
    """Return the line above the columns."""
    words = (cell(each.column.heading, each.width, right=each.column.is_right) for each in fitted)
    return line(((" " * GAP).join(words), "muted"))


def row_line(row: SessionLine, fitted: Sequence[Fitted], now: datetime) -> Line:
    """Return a session as one line."""
    spans: list[Span] = []
    for each in fitted:
        spans += [(" " * GAP if spans else "", ""), *each.column.draw(row, now, each.width)]
    return Line(tuple(span for span in spans if span[0]))


def question(body: Mapping[str, Any]) -> str:
    """Return the first line of what an agent asks: the tool, and what it would do with it."""
    given = body.get("input")
    inputs: Mapping[str, Any] = given if isinstance(given, Mapping) else {"input": given}
    telling = next((name for name in (*_TELLING, *inputs) if inputs.get(name)), "")
    told = as_text(inputs.get(telling) or body.get("title") or "")
    return f"{body.get('tool') or 'a tool'}: {plain_lines(told, most=1)[0]}"


def detail_lines(row: SessionLine, width: int) -> list[Line]:
    """Return what the line of a session may have had no room for."""
    session = row.session
    ink: Ink = "bad" if session.alarm or session.state == "failed" else "warn" if session.state == "waiting" else ""
    who = session.launched_by.partition(" <")[0]
    facts = (
        f"rehearsal {session.rehearsal}" if session.rehearsal is not None else "",
        session.model,
        _PHASES.get(session.phase, session.phase),
        plural(session.turns, "turn"),
        f"{short_count(session.tokens)} tokens",
        f"{who} on {session.host}" if session.host else who,
        session.branch,
    )
    said = paragraphs([plain(session.alarm or session.activity, SAID_MOST)], width, ink=ink)
    return [
        line((f"{row.label}  ", "muted"), cell(row.title, width - len(row.label) - 2)),
        *said[:SAID_LINES],
        *paragraphs([plain(" · ".join(fact for fact in facts if fact), SAID_MOST)], width, ink="muted")[:2],
    ]


def head_line(found: Overview, *, places: int, today_usd: float, daily_usd: float) -> Line:
    """Return how many ask, work and wait, how many places are taken here, and what today cost."""
    asks, queued = found.by_state.get("needs_input", 0), found.by_state.get("queued", 0)
    decide = sum(each.bug_state == "review" for each in found.needs_you)
    at_work = sum(found.by_state.get(state, 0) for state in ("starting", "working", "waiting", "quiet"))
    cap = f"/{daily_usd:g}" if daily_usd > 0 else ""
    is_spent = 0 < daily_usd <= today_usd
    parts: tuple[Span, ...] = (
        (f"? {asks} {'asks' if asks == 1 else 'ask'}", "warn" if asks else "muted"),
        (f"◇ {decide} to decide", "warn" if decide else "muted"),
        (f"▸ {at_work} at work", "accent" if at_work else "muted"),
        (f"· {queued} queued", "" if queued else "muted"),
        (f"{found.at_work_here}/{places} places", "warn" if queued and found.at_work_here >= places else "muted"),
        (f"{money(today_usd)}{cap} today", "bad" if is_spent else ""),
    )
    return line(*(span for part in parts for span in (part, ("  ", ""))))


def group_line(name: str, count: int, *, earlier: int = 0) -> Line:
    """Return the line above a group."""
    more = f"the latest; {earlier:,} more, down the list" if earlier else ""
    return line((name.capitalize(), "heading"), (f"  {count:,}  {more}".rstrip(), "muted"))


def empty_lines(key: KeyOf, width: int) -> list[Line]:
    """Return what stands where there are no sessions: what fills the list."""
    return [
        BLANK,
        line((" No fix session yet.", "strong")),
        BLANK,
        *paragraphs(
            [
                f"Every session of every bug is shown here, those that need you first. {key('list.fix')} on a bug of "
                f"the list launches one ({key('back')} goes back there). To try it without a model and without a cost, "
                "tick the rehearsal in its form."
            ],
            width,
            indent=" ",
            ink="muted",
        ),
    ]
