"""Intake of full 5 KB events, from the journals' files on, against raw inserts of the same rows in the same run.

Ours reads, checks and decodes the records, makes bugs and tallies, and keeps the ledger.
The raw side has the rows of our own tables, finished, in batches of the same size, and the same schema with all its
indexes: it does nothing but insert them, with the events as they are ("plain", which has the bar; they are stored so
by us too) or compressed, as those that stay are afterwards. "From events" has it encode the payloads as well, as a
hand-written writer would have to. Best of some rounds by turns, since a busy machine slows down whoever happens to run.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.carrier import Carrier
from capture.event import Event, encode
from capture.journal import Count, Journal
from capture.spool import CHUNK_BYTES
from capture.store import payloads
from capture.store.engine import open_engine
from capture.store.migrate import upgrade
from capture.store.tables import metadata
from capture.testing import make_event

EVENTS, FAULTS, ROUNDS = 10_000, 50, 3
BATCH = CHUNK_BYTES // 6_000  # what ours carries at once
TABLES = ("bug", "fingerprint", "journal", "outbox", "transition", "occurrence", "tally")
WORDS = [f"{what}_{part}" for what in ("visit", "owner", "pet", "price", "clinic") for part in ("id", "name", "list")]


def full_events(number: int) -> list[Event]:
    """Events of some 5 KB that compress like real ones."""
    chance = random.Random(1)  # noqa: S311  (a benchmark, not a secret)

    def lines(count: int) -> tuple[str, ...]:
        return tuple("    " + " ".join(chance.choices(WORDS, k=5)) for _ in range(count))

    def one(key: str) -> Event:
        event = make_event(key=key)
        frame = event.exceptions[0].frames[-1]
        frames = tuple(
            msgspec.structs.replace(
                frame,
                pre_context=lines(4),
                post_context=lines(4),
                locals={name: f"<{name} {chance.getrandbits(40):x}>" for name in chance.choices(WORDS, k=5)},
            )
            for _ in range(6)
        )
        return msgspec.structs.replace(event, exceptions=(msgspec.structs.replace(event.exceptions[0], frames=frames),))

    return [one(f"{n % FAULTS:016x}") for n in range(number)]


def ours(engine: Engine, folder: Path, events: list[Event]) -> float:
    """Return events a second that are in the table when the clock stops."""
    journal = Journal(folder, max_bytes=1 << 30)
    for event in events:
        assert journal.append_event(encode(event), count=Count("clinic", event.fingerprint.key, 0.0))
    journal.close()
    began = time.perf_counter()
    assert Carrier(folder, engine).carry().stored == EVENTS
    return EVENTS / (time.perf_counter() - began)


def cut(events: list[Any]) -> list[list[Any]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]


def tell(report: Callable[..., None], database: str, ours: list[float], raw: dict[str, list[float]]) -> None:
    """Report the best round of each side; "plain" has the bar."""
    figure = max(ours)
    for what, rounds in raw.items():
        theirs = max(rounds)
        bar, met = ("≥ 0.4", figure >= 0.4 * theirs) if what.endswith("plain") else ("", None)
        report(f"intake, {database}", figure, what, theirs, "events/s", bar=bar, met=met)


def test_intake_on_sqlite(tmp_path: Path, report: Callable[..., None]) -> None:
    events = full_events(EVENTS)
    figures: list[float] = []
    raw: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        engine = open_engine(f"sqlite:///{tmp_path / f'ours-{turn}.db'}", create=True)
        upgrade(engine)
        figures.append(ours(engine, tmp_path / f"journal-{turn}", events))
        engine.dispose()
        source = sqlite3.connect(str(engine.url.database))
        found = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}  # noqa: S608
        assert all(sum(isinstance(value, bytes) for value in row) == 1 for row in found["occurrence"])
        schema = source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'")
        statements = [row[0] for row in schema]
        source.close()
        finished = found["occurrence"]
        for what in ("plain", "compressed", "from events"):
            found["occurrence"] = compressed(finished) if what == "compressed" else finished
            path = tmp_path / f"{what}-{turn}.db"
            done = insert_raw(path, statements, found, events if what == "from events" else [])
            raw.setdefault(f"raw sqlite3, {what}", []).append(done)
            path.unlink()
    tell(report, "SQLite", figures, raw)


def compressed(rows: list[Any]) -> list[Any]:
    """Return occurrences with their payloads as those that stay have them."""
    return [tuple(payloads.pack(value) if isinstance(value, bytes) else value for value in row) for row in rows]


def insert_raw(path: Path, schema: list[str], tables: dict[str, list[Any]], events: list[Event]) -> float:
    """Insert finished rows into a new database, encoding `events` on the way; return events a second."""
    raw = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", *schema):
        raw.execute(statement)
    began = time.perf_counter()
    for name, rows in tables.items():
        marks = ", ".join("?" * len(rows[0]))
        for index, batch in enumerate(cut(rows)):
            raw.execute("BEGIN IMMEDIATE")
            if events and name == "occurrence":
                [encode(event) for event in cut(events)[index]]
            raw.executemany(f"INSERT INTO {name} VALUES ({marks})", batch)  # noqa: S608
            raw.execute("COMMIT")
    seconds = time.perf_counter() - began
    raw.close()
    return EVENTS / seconds


@pytest.mark.postgres
def test_intake_on_postgresql(postgres_engine: Engine, tmp_path: Path, report: Callable[..., None]) -> None:
    events = full_events(EVENTS)
    figures: list[float] = []
    raw: dict[str, list[float]] = {}
    ours_only = ", ".join(f'"{name}"' for name in metadata.tables)
    with postgres_engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE raw (LIKE occurrence INCLUDING ALL)"))
    try:
        for turn in range(ROUNDS):
            with postgres_engine.begin() as connection:
                connection.execute(sa.text(f"TRUNCATE {ours_only} RESTART IDENTITY CASCADE"))
            figures.append(ours(postgres_engine, tmp_path / f"journal-{turn}", events))
            with postgres_engine.begin() as connection:
                finished = [tuple(row) for row in connection.execute(sa.text("SELECT * FROM occurrence"))]
            for what in ("plain", "from events"):  # the server compresses what comes plain
                done = copy_raw(postgres_engine, finished, events if what == "from events" else [])
                raw.setdefault(f"psycopg COPY, {what}", []).append(done)
    finally:
        with postgres_engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE raw"))
    tell(report, "PostgreSQL", figures, raw)


def copy_raw(engine: Engine, rows: list[Any], events: list[Event]) -> float:
    """Copy finished rows into the empty table `raw`, encoding `events` on the way; return events a second."""
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE raw"))
    began = time.perf_counter()
    for index, batch in enumerate(cut(rows)):
        if events:
            [encode(event) for event in cut(events)[index]]
        with (
            engine.begin() as connection,
            connection.connection.cursor() as cursor,
            cursor.copy("COPY raw FROM STDIN") as copy,
        ):
            for row in batch:
                copy.write_row(row)
    return EVENTS / (time.perf_counter() - began)


_BURST = """
import sys, time
from pathlib import Path
from capture.event import encode
from capture.journal import Count, Journal
from capture.testing import make_event
journal = Journal(Path(sys.argv[1]), max_bytes=1 << 28)
for n in range(int(sys.argv[2])):
    event = make_event(key=f"{n % 50:016x}", tags={"padding": "x" * 3_000})
    assert journal.append_event(encode(event), count=Count("clinic", event.fingerprint.key, time.time()))
journal.close()
"""


def test_a_burst_from_four_processes(any_engine: Engine, tmp_path: Path, report: Callable[..., None]) -> None:
    """10,000 events appended by four processes at once, all in the table when the clock stops."""
    began = time.perf_counter()
    writers = [
        subprocess.Popen([sys.executable, "-c", _BURST, str(tmp_path / "journal"), str(EVENTS // 4)]) for _ in range(4)
    ]
    carrier = Carrier(tmp_path / "journal", any_engine)
    stored = 0
    while any(writer.poll() is None for writer in writers):
        stored += carrier.carry().stored
    stored += carrier.carry().stored
    seconds = time.perf_counter() - began
    assert [writer.returncode for writer in writers] == [0] * 4
    with any_engine.connect() as connection:
        assert stored == EVENTS == connection.scalar(sa.text("SELECT count(*) FROM occurrence"))
        assert connection.scalar(sa.text("SELECT sum(count) FROM tally")) == EVENTS
    what = f"burst of 4 processes, {any_engine.dialect.name}"
    report(what, EVENTS / seconds, "Bugsink, end to end", 35.0, "events/s", bar="none lost", met=True)
