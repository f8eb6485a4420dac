"""Payloads that were stored as they came are compressed later: those that pruning has left where they are.

To compress an event takes longer than to store it, and most events of a storm are pruned within minutes. Only on
SQLite; PostgreSQL compresses by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy.engine import Connection, Engine

from capture.store import payloads
from capture.store.engine import delete_cheaply, writing
from capture.store.failures import store_errors

# With events of 5 KB, some 5 ms of work, and 2 ms of the only write lock that SQLite has.
AT_ONCE = 50

# In the order in which they were stored; what is packed already is passed over without being read out.
_NEXT = (
    "SELECT rowid, id, CASE WHEN substr(payload, 1, 1) = ? THEN payload END FROM occurrence"
    " WHERE rowid > ? ORDER BY rowid LIMIT ?"
)
_LAST = "SELECT max(rowid) FROM occurrence"
_ONE = "SELECT rowid, substr(payload, 1, 1) = ? FROM occurrence WHERE rowid > ? ORDER BY rowid LIMIT 1"


class Packer:
    """Compresses the payloads of one database in rounds that are bounded in time; remembers where the last stopped."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._after: int | None = None  # the row that was looked at last

    def round(self, *, seconds: float) -> bool:
        """Compress for some `seconds`, at least one transaction's worth; return whether nothing is left to do.

        Killed at any moment, a payload is there in one form or the other. Raises `capture.errors.StoreError`.
        """
        if self._engine.dialect.name != "sqlite":
            return True
        end = self._clock() + seconds
        with store_errors(self._engine), self._engine.connect() as connection:
            last = connection.exec_driver_sql(_LAST).scalar() or 0
            if self._after is None or last < self._after:  # rows were deleted at the end, or numbered anew by a VACUUM
                self._after = _packed_up_to(connection, last)
        while True:
            with store_errors(self._engine), self._engine.connect() as connection:
                found = connection.exec_driver_sql(_NEXT, (payloads.PLAIN, self._after, AT_ONCE)).all()
            packed = [(payloads.pack(payload), id_) for _row, id_, payload in found if payload is not None]
            if packed:
                with store_errors(self._engine), writing(self._engine).begin() as connection:
                    delete_cheaply(connection)
                    # One that was deleted meanwhile stays deleted.
                    connection.exec_driver_sql("UPDATE occurrence SET payload = ? WHERE id = ?", packed)
            if found:
                self._after = found[-1][0]
            if len(found) < AT_ONCE:
                return True
            if self._clock() >= end:
                return False


def _packed_up_to(connection: Connection, last: int) -> int:
    """Return the row up to which all is packed.

    Since rows are packed in their order, that is found in a few steps, and no start reads the whole table. One that
    lies plain among packed ones, as it may in a copy of another database, takes more room and is read all the same.
    """
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        row, is_plain = connection.exec_driver_sql(_ONE, (payloads.PLAIN, middle)).one()
        low, high = (low, middle) if is_plain else (row, high)
    return low
