"""New bugs: a number without gaps, the first line of history, and what is owed to the outside for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from capture.store import lifecycle, outbox
from capture.store.tables import ActRow, Bug

_LOCK = 0x62756702  # any number that nobody else uses for an advisory lock in this database


def lock_numbers(session: Session) -> None:
    """Let nobody else give numbers until this transaction ends.

    On SQLite a writing transaction is alone already. Take this before any lock on a bug, or two transactions may
    wait for each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def create(session: Session, bugs: Sequence[Bug], *, by: lifecycle.Actor, reason: str, now: datetime) -> None:
    """Give each bug the next number, store it, begin its history, and owe its file and its issue.

    Call `lock_numbers` first. Nothing is committed.
    """
    numbers = sa.select(sa.func.max(Bug.number)), sa.select(sa.func.max(ActRow.number))  # of deleted bugs as well
    last = max(session.connection().scalar(number) or 0 for number in numbers)
    for number, bug in enumerate(bugs, last + 1):
        bug.number = number
    session.add_all(bugs)
    session.flush()
    ids = [bug.id for bug in bugs if bug.id is not None]
    lifecycle.begin(session, bugs, by=by, reason=reason, now=now)
    outbox.owe_all(session, ("write_file", "open_issue"), ids, occasion="created", now=now)
