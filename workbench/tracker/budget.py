"""How many writes GitHub gets within an hour, from all workers on one database together.

GitHub ends the writes of an account at some 500 an hour, and of everything else it writes with the same token too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import upsert
from capture.store.tables import TrackerWrite, table_of

HOUR = timedelta(hours=1)
_TABLE = table_of(TrackerWrite)


def spent(engine: Engine, now: datetime) -> int:
    """Return how many writes the last hour saw."""
    within = sa.select(sa.func.coalesce(sa.func.sum(_TABLE.c.count), 0)).where(_TABLE.c.minute > now - HOUR)
    with engine.connect() as connection:
        return int(connection.scalar(within) or 0)


def note(session: Session, writes: int, *, now: datetime) -> None:
    """Count writes that were made. Nothing is committed."""
    if not writes:
        return
    connection = session.connection()
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.minute < now - 2 * HOUR))
    insert = upsert(connection, _TABLE).values(minute=now.replace(second=0, microsecond=0), count=writes)
    counted = {"count": _TABLE.c.count + insert.excluded.count}
    connection.execute(insert.on_conflict_do_update(index_elements=[_TABLE.c.minute], set_=counted))
