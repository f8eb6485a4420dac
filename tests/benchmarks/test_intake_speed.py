"""Intake of full events, bugs and tallies included, against raw sqlite3 inserts of the same payloads."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import Engine

from capture.event import encode
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event

EVENTS, BATCH = 10_000, 200


def test_intake_on_sqlite(engine: Engine, tmp_path: Path, report: Callable[..., None]) -> None:
    """Events a second that are in the table when the clock stops."""
    padding = "x" * 3_000
    events = [make_event(key=f"{n % 50:016x}", tags={"padding": padding}) for n in range(EVENTS)]
    batches = [events[start : start + BATCH] for start in range(0, EVENTS, BATCH)]

    began = time.perf_counter()
    for index, batch in enumerate(batches):
        take_in(engine, Batch(journal="bench", start=index, end=index + 1, seen=BATCH, events=batch), now=NOW)
    ours = EVENTS / (time.perf_counter() - began)

    raw = sqlite3.connect(tmp_path / "raw.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=NORMAL")
    raw.execute("CREATE TABLE occurrence (id TEXT PRIMARY KEY, at TEXT, payload BLOB)")
    began = time.perf_counter()
    for batch in batches:
        raw.execute("BEGIN IMMEDIATE")
        rows = [(event.id, event.at.isoformat(), zlib.compress(encode(event))) for event in batch]
        raw.executemany("INSERT INTO occurrence VALUES (?, ?, ?)", rows)
        raw.execute("COMMIT")
    theirs = EVENTS / (time.perf_counter() - began)
    raw.close()

    report("intake, SQLite", ours, "raw sqlite3, the same payloads", theirs, "events/s")
    assert ours > 0.1 * theirs
