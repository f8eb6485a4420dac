"""Locks on bugs, for what writes to several of them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlmodel import Session, col

from capture.store.tables import Bug


def lock_bugs(session: Session, bug_ids: Collection[int]) -> None:
    """Lock bugs until the transaction ends, in the order in which everybody locks them. Call it before other locks."""
    statement = sa.select(col(Bug.id)).where(col(Bug.id).in_(bug_ids)).order_by(col(Bug.id))
    session.execute(statement.with_for_update(key_share=True)).all()
