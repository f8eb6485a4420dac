"""Every fix session of every bug: those that need a person, those at work, and the latest of those that ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store import schema
from capture.store.labels import label
from workbench.bugs.filters.conditions import LIVE
from workbench.bugs.lines import BUG, SESSION, SESSIONS
from workbench.bugs.rows import ApprovalRow, SessionRow
from workbench.bugs.store import reading

Group = Literal["needs you", "at work", "ended"]
MOST = 500  # sessions that have not ended, or wait for a decision
NOT_ENDED = ("queued", *LIVE)
_ASKED, _LATER = schema.SESSION_REQUEST, SESSION.alias("later")
_RANKS = {"needs_input": 0, **dict.fromkeys(LIVE, 1), "queued": 2}


@dataclass(frozen=True)
class SessionLine:
    """A session among all others. `question` is what it asks first; `cap_usd` is None where it has no cap."""

    session: SessionRow
    title: str  # of its bug
    bug_state: str
    cap_usd: float | None = None
    question: ApprovalRow | None = None

    @property
    def label(self) -> str:
        """B-012."""
        return label(self.session.bug)


@dataclass(frozen=True)
class Overview:
    """Sessions in the order of the screen; `earlier` ended before those. `at_work_here` take the places of this host.

    `by_state` counts all there are.
    """

    needs_you: tuple[SessionLine, ...] = ()
    at_work: tuple[SessionLine, ...] = ()
    ended: tuple[SessionLine, ...] = ()
    earlier: int = 0
    by_state: Mapping[str, int] = field(default_factory=dict)
    at_work_here: int = 0

    @property
    def groups(self) -> tuple[tuple[Group, tuple[SessionLine, ...]], ...]:
        """The groups that hold something."""
        named: tuple[tuple[Group, tuple[SessionLine, ...]], ...] = (
            ("needs you", self.needs_you),
            ("at work", self.at_work),
            ("ended", self.ended),
        )
        return tuple((name, rows) for name, rows in named if rows)


# A person has to go on with it: a stopped session that still keeps its bug, and a result that nobody has decided on.
_WAITS = sa.and_(
    SESSION.c.state.not_in(NOT_ENDED),
    BUG.c.state.in_(("fixing", "review")),
    ~sa.exists().where(
        _LATER.c.bug_id == SESSION.c.bug_id,
        sa.or_(
            _LATER.c.started_at > SESSION.c.started_at,
            sa.and_(_LATER.c.started_at == SESSION.c.started_at, _LATER.c.id > SESSION.c.id),
        ),
    ),
)
_OPEN = sa.or_(SESSION.c.state.in_(NOT_ENDED), _WAITS)
_RANK = sa.case(*((SESSION.c.state == state, rank) for state, rank in _RANKS.items()), else_=3)
_LINES = SESSIONS.add_columns(
    BUG.c.title.label("title"),
    BUG.c.state.label("bug_state"),
    SESSION.c.options["max_cost_usd"].as_float().label("cap_usd"),
)


def overview(engine: Engine, *, ended: int, host: str, claim: str) -> Overview:
    """Return all sessions, of those that ended the latest `ended`, in five statements at most.

    `claim` is the phase of sessions that take no place of `host`.
    """
    with reading(engine) as connection:
        by_state, here = _counts(connection, host, claim)
        open_ = _rows(connection, _LINES.where(_OPEN).order_by(_RANK, SESSION.c.started_at, SESSION.c.id).limit(MOST))
        latest = sa.func.coalesce(SESSION.c.ended_at, SESSION.c.started_at).desc()
        over = _rows(connection, _LINES.where(~_OPEN).order_by(latest, SESSION.c.id).limit(ended))
        asked = _questions(connection, [row["id"] for row in open_ if row["state"] == "needs_input"])
    lines = [_line(row, asked.get(row["id"])) for row in open_]
    needs = [each for each in lines if each.session.state not in NOT_ENDED or each.session.state == "needs_input"]
    return Overview(
        needs_you=tuple(sorted(needs, key=_since)),
        at_work=tuple(each for each in lines if each not in needs),
        ended=tuple(_line(row, None) for row in over),
        earlier=max(sum(by_state.values()) - len(open_) - len(over), 0),
        by_state=by_state,
        at_work_here=here,
    )


def _since(each: SessionLine) -> tuple[bool, datetime]:
    """Who asks costs time while it waits, so it comes before what has stopped; who waits longest comes first."""
    row = each.session
    return row.state != "needs_input", each.question.asked_at if each.question else row.ended_at or row.started_at


def _counts(connection: Connection, host: str, claim: str) -> tuple[dict[str, int], int]:
    by_state = connection.execute(sa.select(SESSION.c.state, sa.func.count()).group_by(SESSION.c.state))
    here = sa.select(sa.func.count()).where(SESSION.c.state.in_(LIVE), SESSION.c.phase != claim, SESSION.c.host == host)
    return {row[0]: row[1] for row in by_state}, connection.scalar(here) or 0


def _questions(connection: Connection, ids: Sequence[str]) -> dict[str, ApprovalRow]:
    """Return the first question of each session that nobody has answered yet."""
    if not ids:
        return {}
    asked = _ASKED
    statement = (
        sa.select(asked.c.id, asked.c.session_id, asked.c.asked_at, asked.c.body)
        .where(asked.c.session_id.in_(ids), asked.c.kind == "approval", asked.c.answered_at.is_(None))
        .order_by(asked.c.id.desc())  # so that the first is the one that stays
    )
    return {row["session_id"]: ApprovalRow(**row) for row in connection.execute(statement).mappings()}


def _rows(connection: Connection, statement: sa.Select[Any]) -> Sequence[sa.RowMapping]:
    return connection.execute(statement).mappings().all()


def _line(row: sa.RowMapping, question: ApprovalRow | None) -> SessionLine:
    session = SessionRow(**{name: row[name] for name in SessionRow.__dataclass_fields__})
    return SessionLine(session, row["title"], row["bug_state"], row["cap_usd"], question)
