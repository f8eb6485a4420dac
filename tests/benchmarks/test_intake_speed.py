"""Intake of full 5 KB events, bugs and tallies included, against raw inserts of the same rows in the same run.

The raw side has the rows of our own tables, finished, and the same schema with all its indexes: it does nothing but
insert them. "From events" has it encode and compress the payloads as well, as a hand-written writer would have to.
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

from capture.event import Event
from capture.store import payloads
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event

EVENTS, BATCH, FAULTS = 10_000, 200, 50
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


def ours(engine: Engine, batches: list[list[Event]]) -> float:
    """Return events a second that are in the table when the clock stops."""
    began = time.perf_counter()
    for index, batch in enumerate(batches):
        outcome = take_in(engine, Batch("bench", index, index + 1, (index + 1) * BATCH, batch), now=NOW)
        assert outcome.stored == len(batch)
    return EVENTS / (time.perf_counter() - began)


def cut(events: list[Any]) -> list[list[Any]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]


def make_payloads(batch: list[Event], *, plain: bool) -> None:
    """Make the payloads as the rows have them."""
    for event in batch:
        payloads.pack(event, plain=plain)


def test_intake_on_sqlite(engine: Engine, tmp_path: Path, report: Callable[..., None]) -> None:
    events = cut(full_events(EVENTS))
    figure = ours(engine, events)
    source = sqlite3.connect(str(engine.url.database))
    found = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}  # noqa: S608
    schema = source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'")
    statements = [row[0] for row in schema]
    source.close()
    for what, with_payloads in (("from events", True), ("finished rows", False)):
        raw = sqlite3.connect(tmp_path / f"{what}.db", isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", *statements):
            raw.execute(statement)
        began = time.perf_counter()
        for name in TABLES:
            marks = ", ".join("?" * len(found[name][0]))
            for index, batch in enumerate(cut(found[name])):
                raw.execute("BEGIN IMMEDIATE")
                if with_payloads and name == "occurrence":
                    make_payloads(events[index], plain=False)
                raw.executemany(f"INSERT INTO {name} VALUES ({marks})", batch)  # noqa: S608
                raw.execute("COMMIT")
        theirs = EVENTS / (time.perf_counter() - began)
        raw.close()
        bar, met = ("≥ 0.4", figure >= 0.4 * theirs) if with_payloads else ("", None)
        report("intake, SQLite", figure, f"raw sqlite3, {what}", theirs, "events/s", bar=bar, met=met)


@pytest.mark.postgres
def test_intake_on_postgresql(postgres_engine: Engine, report: Callable[..., None]) -> None:
    events = cut(full_events(EVENTS))
    figure = ours(postgres_engine, events)
    with postgres_engine.begin() as connection:
        occurrences = [tuple(row) for row in connection.execute(sa.text("SELECT * FROM occurrence"))]
        connection.execute(sa.text("CREATE TABLE raw (LIKE occurrence INCLUDING ALL)"))
    try:
        for what, with_payloads in (("from events", True), ("finished rows", False)):
            with postgres_engine.begin() as connection:
                connection.execute(sa.text("TRUNCATE raw"))
            began = time.perf_counter()
            for index, batch in enumerate(cut(occurrences)):
                if with_payloads:
                    make_payloads(events[index], plain=True)
                with (
                    postgres_engine.begin() as connection,
                    connection.connection.cursor() as cursor,
                    cursor.copy("COPY raw FROM STDIN") as copy,
                ):
                    for row in batch:
                        copy.write_row(row)
            theirs = EVENTS / (time.perf_counter() - began)
            bar, met = ("≥ 0.4", figure >= 0.4 * theirs) if with_payloads else ("", None)
            report("intake, PostgreSQL", figure, f"psycopg COPY, {what}", theirs, "events/s", bar=bar, met=met)
    finally:
        with postgres_engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE raw"))


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
    from capture.carrier import Carrier

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
