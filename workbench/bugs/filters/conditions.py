"""A filter's tree as a condition of the database, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from capture.store import schema
from workbench.bugs.filters.alike import alike, holding, literal
from workbench.bugs.filters.fields import Comparison, Moment, Range, Sign, Wanted
from workbench.bugs.filters.language import Every, Node, Not, Some, Term
from workbench.bugs.numbers import parse_number
from workbench.errors import UsageError

BUG, EVIDENCE, FINGERPRINT, ISSUE = schema.BUG, schema.EVIDENCE, schema.FINGERPRINT, schema.ISSUE
LABEL, NOTE, SESSION = schema.BUG_LABEL, schema.NOTE, schema.FIX_SESSION
SEARCHED = (BUG.c.title, BUG.c.route, BUG.c.exception_type, BUG.c.last_release)
LIVE = ("starting", "working", "needs_input", "waiting", "quiet")
NEW = timedelta(hours=24)

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Whose:
    """For whom and when a filter is read: what "me" and "24h" mean."""

    me: str
    now: datetime


def condition(node: Node, whose: Whose) -> Condition:
    """Return the condition for the bugs that a filter matches."""
    match node:
        case Every(nodes):
            return sa.and_(sa.true(), *(condition(each, whose) for each in nodes))
        case Some(nodes):
            return sa.or_(sa.false(), *(condition(each, whose) for each in nodes))
        case Not(inner):
            # What is not known is not so: without this, a bug without a route would match neither.
            return sa.not_(sa.func.coalesce(condition(inner, whose), sa.false()))
        case Term("", (word,)):
            return with_word(str(word))
        case Term(field, wanted):
            return sa.or_(sa.false(), *(_FIELDS[field](each, whose) for each in wanted))


def with_word(word: str) -> Condition:
    """Return the condition for a word of free text: it is in what the list shows, or the number of the bug."""
    found = sa.or_(*(holding(column, word) for column in SEARCHED))
    with suppress(UsageError):  # most words are not the number of a bug
        found = sa.or_(found, BUG.c.number == parse_number(word))
    return found


_SIGNS: Mapping[Sign, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_OPPOSITE: Mapping[Sign, Sign] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}

Make = Callable[[Any, Whose], Condition]


def _like(column: Any, *, begins: bool = False, part_of_dotted: bool = False) -> Make:
    """Return what compares a column with a pattern: `*` stands for anything, upper and lower case are one."""

    def make(wanted: Wanted, _whose: Whose) -> Condition:
        pattern = _escaped(str(wanted))
        patterns = [pattern + "%" if begins and "*" not in str(wanted) else pattern]
        if part_of_dotted:
            patterns.append(f"%.{pattern}")
        return sa.or_(*(alike(column, each) for each in patterns))

    return make


def _escaped(wanted: str) -> str:
    return literal(wanted).replace("*", "%")


def _number(column: Any) -> Make:
    def make(wanted: Comparison | Range, _whose: Whose) -> Condition:
        if isinstance(wanted, Range):
            return sa.and_(column >= wanted.first, column <= wanted.last)
        return _SIGNS[wanted.sign](column, wanted.number)  # type: ignore[no-any-return]

    return make


def _time(column: Any) -> Make:
    def make(wanted: Moment, whose: Whose) -> Condition:
        if wanted.ago is None:
            return _SIGNS[wanted.sign](column, wanted.at)  # type: ignore[no-any-return]
        # A smaller age is a later time.
        return _SIGNS[_OPPOSITE[wanted.sign]](column, whose.now - wanted.ago)  # type: ignore[no-any-return]

    return make


def _state(wanted: str, _whose: Whose) -> Condition:
    return BUG.c.state == wanted


def _fingerprint(wanted: str, _whose: Whose) -> Condition:
    return _exists(FINGERPRINT, FINGERPRINT.c.key.startswith(wanted, autoescape=True))


def _assigned(wanted: str, whose: Whose) -> Condition:
    if wanted.lower() == "nobody":
        return BUG.c.assignee.is_(None)
    if wanted.lower() == "me":
        return BUG.c.assignee == whose.me
    # People are named as git names them, "Ann Lee <ann@example.com>": a part is enough.
    return holding(BUG.c.assignee, wanted)


def _label(wanted: str, _whose: Whose) -> Condition:
    return _exists(LABEL, alike(LABEL.c.name, _escaped(wanted)))


def _exists(table: sa.Table, *conditions: Condition) -> Condition:
    return sa.exists().where(table.c.bug_id == BUG.c.id, *conditions)


_IS: Mapping[str, Make] = {
    "recurring": lambda _wanted, _whose: BUG.c.is_recurrence,
    "new": lambda _wanted, whose: BUG.c.first_seen > whose.now - NEW,
    "live": lambda _wanted, _whose: _exists(SESSION, SESSION.c.state.in_(LIVE)),
    "assigned": lambda _wanted, _whose: BUG.c.assignee.is_not(None),
    "merged": lambda _wanted, _whose: BUG.c.merged_into.is_not(None),
    "rehearsal": lambda _wanted, _whose: _exists(SESSION, SESSION.c.rehearsal.is_not(None)),
}
_HAS: Mapping[str, Make] = {
    "issue": lambda _wanted, _whose: _exists(ISSUE),
    "session": lambda _wanted, _whose: _exists(SESSION),
    "evidence": lambda _wanted, _whose: _exists(EVIDENCE),
    "release": lambda _wanted, _whose: BUG.c.last_release.is_not(None),
    "exception": lambda _wanted, _whose: BUG.c.exception_type.is_not(None),
    "note": lambda _wanted, _whose: _exists(NOTE),
    "label": lambda _wanted, _whose: _exists(LABEL),
}

_FIELDS: Mapping[str, Make] = {
    "state": _state,
    "status": _number(BUG.c.status_code),
    "level": _like(BUG.c.level),
    "type": _like(BUG.c.exception_type, part_of_dotted=True),
    "route": _like(BUG.c.route),
    "method": _like(BUG.c.method),
    "title": _like(BUG.c.title),
    "release": _like(BUG.c.last_release, begins=True),
    "env": _like(BUG.c.environment),
    "project": _like(BUG.c.project),
    "fingerprint": _fingerprint,
    "seen": _time(BUG.c.last_seen),
    "first": _time(BUG.c.first_seen),
    "count": _number(BUG.c.count),
    "assigned": _assigned,
    "label": _label,
    "is": lambda wanted, whose: _IS[wanted](wanted, whose),
    "has": lambda wanted, whose: _HAS[wanted](wanted, whose),
}
