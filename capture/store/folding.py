"""The ledger's old lines folded into one: journals that are gone, and will not be carried any further.

A line may go only where its journal can never come again, since it says how far that was carried over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store.engine import upsert, writing
from capture.store.failures import store_errors
from capture.store.tables import JournalRow, table_of

# Lines of the folder that is carried, whose files are gone; twice what a process waits before it gives up a file
# of its own that was deleted (capture.journal_file.PUT_BACK_SECONDS).
OWN_AGE = timedelta(days=1)
# Lines of other folders, whose files cannot be seen from here: of machines and containers that are no more.
OTHER_AGE = timedelta(days=30)
PREFIX = "folded "
AT_ONCE = 500


def fold(engine: Engine, *, folder: Path, place: str, now: datetime, limit: int = AT_ONCE) -> int:
    """Fold at most `limit` lines into the one of their project, in one transaction; return how many.

    `place` names the folder as the lines do. Killed at any moment, all of it was done or nothing. The sums of the
    ledger stay what they were.
    """
    table = table_of(JournalRow)
    with store_errors(engine), writing(engine).begin() as connection:
        is_own = sa.and_(table.c.folder == place, table.c.updated_at < now - OWN_AGE)
        is_other = sa.and_(table.c.folder != place, table.c.updated_at < now - OTHER_AGE)
        query = (
            sa.select(table)
            .where(sa.not_(table.c.name.startswith(PREFIX)), sa.or_(is_own, is_other))
            .order_by(table.c.name)
            .limit(limit)
            .with_for_update(skip_locked=True)  # somebody is carrying that one just now
        )
        # The line of a journal is younger than its file: one without a file has lost it.
        old = [row for row in connection.execute(query) if row.folder != place or not (folder / row.name).exists()]
        for project in sorted({row.project for row in old}):
            _add(connection, project, [row for row in old if row.project == project], now)
        connection.execute(table.delete().where(table.c.name.in_([row.name for row in old])))
    return len(old)


def _add(connection: sa.Connection, project: str, rows: Sequence[sa.Row[Any]], now: datetime) -> None:
    table, name = table_of(JournalRow), f"{PREFIX}{project}"
    blank = JournalRow(name=name, project=project, updated_at=now).model_dump()
    connection.execute(upsert(connection, table).values(blank).on_conflict_do_nothing())
    total = connection.execute(sa.select(table).where(table.c.name == name).with_for_update()).one()
    dropped = Counter(total.dropped)
    for row in rows:
        dropped.update(row.dropped)
    connection.execute(
        table.update()
        .where(table.c.name == name)
        .values(
            seen=total.seen + sum(row.seen for row in rows),
            stored=total.stored + sum(row.stored for row in rows),
            counted=total.counted + sum(row.counted for row in rows),
            dropped=dict(sorted(dropped.items())),
            folded=total.folded + len(rows),
            updated_at=now,
        )
    )
