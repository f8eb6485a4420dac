"""The ledger: what became of every failure that the processes of this site met."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture import spool
from capture.conf import CaptureSettings
from capture.errors import SchemaMissing, StoreError
from capture.folders import why_not_writable
from capture.store.engine import open_engine, shown_url
from capture.store.failures import store_errors
from capture.store.migrate import check
from capture.store.tables import JournalRow, table_of


@dataclass(frozen=True)
class Ledger:
    """seen = stored + counted + dropped + pending, or the ledger does not balance.

    `pending` are failures that are still in journals on this host only. `journal_error` says why no journal can be
    written: what fails then is counted in its process alone, and told once a journal can be. `processes` are its lines:
    one for each journal that was carried over, and one for all that are gone (`folded` says how many).
    """

    seen: int
    stored: int
    counted: int
    dropped: dict[str, int]
    pending: int
    journals: int
    journal_dir: str
    database: str
    database_error: str = ""
    journal_error: str = ""
    processes: tuple[dict[str, Any], ...] = ()
    balanced: bool = field(init=False)

    def __post_init__(self) -> None:
        total = self.stored + self.counted + sum(self.dropped.values()) + self.pending
        object.__setattr__(self, "balanced", total == self.seen)

    def as_dict(self) -> dict[str, Any]:
        """Return the ledger as plain data."""
        return asdict(self)


def ledger(settings: CaptureSettings) -> Ledger:
    """Return the ledger of the database and of this host's journals. A database that is away is named, not raised."""
    rows, error = _rows(settings)
    seen = sum(row.seen for row in rows.values())
    dropped = Counter[str]()
    for row in rows.values():
        dropped.update(row.dropped)
    pending = 0
    paths = spool.journals(settings.journal_dir)
    for path in paths:
        offset, before = (rows[path.name].offset, rows[path.name].seen) if path.name in rows else (0, 0)
        for chunk in spool.chunks(path, offset=offset, seen=before):
            pending += sum(1 for record in chunk.records if record.encoded is not None or record.count is not None)
            dropped.update(chunk.dropped)
            seen, before = seen + chunk.seen - before, chunk.seen
    return Ledger(
        seen=seen,
        stored=sum(row.stored for row in rows.values()),
        counted=sum(row.counted for row in rows.values()),
        dropped=dict(dropped),
        pending=pending,
        journals=len(paths),
        journal_dir=str(settings.journal_dir),
        database=shown_url(settings.database_url),
        database_error=error,
        journal_error=why_not_writable(str(settings.journal_dir)),
        processes=tuple(_line(row) for _name, row in sorted(rows.items())),
    )


def _line(row: sa.Row[Any]) -> dict[str, Any]:
    names = ("name", "project", "folder", "folded", "seen", "stored", "counted", "dropped")
    return {name: getattr(row, name) for name in names} | {"updated_at": row.updated_at.isoformat()}


def _rows(settings: CaptureSettings) -> tuple[dict[str, sa.Row[Any]], str]:
    """Return the database's part, by the name of the journal, and why it is missing where it is."""
    try:
        engine = open_engine(settings.database_url)
        try:
            return _read(engine), ""
        finally:
            engine.dispose()
    except SchemaMissing:
        return {}, ""
    except StoreError as error:
        return {}, f"{error} {error.cure}".strip()


def _read(engine: Engine) -> dict[str, sa.Row[Any]]:
    check(engine)
    with store_errors(engine), engine.connect() as connection:
        return {row.name: row for row in connection.execute(sa.select(table_of(JournalRow)))}
