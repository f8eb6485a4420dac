"""Whether anything in the shared database changed since one last looked."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Any

from sqlalchemy.engine import Engine

from capture.store import moving
from capture.store.engine import POOLED, shown_url
from workbench.bugs.store import database_errors

CHANNEL = "workbench_changed"  # as the triggers of the first migration call it
# Behind a pooler word may be sent to a session that is no longer ours: so often it is taken for sent.
UNTOLD_SECONDS = 5.0


class Watcher:
    """Says whether any process, this one included, changed something since it was made or last asked.

    Cheap enough to ask several times a second: SQLite counts the commits of others in its shared memory, and
    PostgreSQL has sent word already. It holds one connection until it is closed, and belongs to one thread at a
    time. After a lost connection it raises `DatabaseError` and connects anew the next time it is asked.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Any = None
        self._seen: Any = None
        self._said = 0.0
        self._shown = shown_url(engine.url)
        with database_errors(self._shown):
            self._connect()

    def changed(self) -> bool:
        """Return True when something changed, or may have."""
        with database_errors(self._shown):
            if self._connection is None:
                self._connect()
                return True
            try:
                return self._heard() if self._engine.dialect.name == "postgresql" else self._counted()
            except Exception:
                self.close()
                raise

    def close(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _connect(self) -> None:
        self._connection = self._engine.raw_connection()
        driver = self._connection.driver_connection
        if self._engine.dialect.name == "postgresql":
            driver.autocommit = True
            self._schema = driver.execute("SELECT current_schema()").fetchone()[0]
            driver.execute(f"LISTEN {CHANNEL}")
            self._said = monotonic()
        else:
            self._counted()

    def _counted(self) -> bool:
        if not moving.is_there(self._connection.info):  # another file is in its place
            self.close()
            self._connect()
            return True
        before = self._seen
        self._seen = self._connection.driver_connection.execute("PRAGMA data_version").fetchone()[0]
        return bool(self._seen != before)

    def _heard(self) -> bool:
        heard = list(self._connection.driver_connection.notifies(timeout=0))
        is_due = POOLED in self._connection.info and monotonic() >= self._said + UNTOLD_SECONDS
        if is_due or any(notice.payload == self._schema for notice in heard):
            self._said = monotonic()
            return True
        return False
