"""Several carriers at once: no event lost, none twice, one bug for each fingerprint, numbers without gaps."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event

Rows = Callable[..., list[Any]]
CARRIERS, BATCHES, EVENTS, FAULTS = 4, 8, 12, 10

_CARRIER = """
import sys
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event

url, journal, batches, events, faults = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
engine = open_engine(url)
print("ready", flush=True)
sys.stdin.readline()
for n in range(batches):
    some = [make_event(key=f"{(n * events + i) % faults:x}") for i in range(events)]
    if int(journal[-1]) % 2:
        some.reverse()  # the same faults in the other order
    outcome = take_in(engine, Batch(journal, n, n + 1, (n + 1) * events, some), now=NOW)
    assert not outcome.stale and outcome.stored == events, outcome
"""


def test_processes_with_a_journal_each_lose_nothing(any_engine: Engine, rows: Rows) -> None:
    deadlocks = _deadlocks(any_engine)
    url = any_engine.url.render_as_string(hide_password=False)
    shape = [str(number) for number in (BATCHES, EVENTS, FAULTS)]
    carriers = [
        subprocess.Popen(
            [sys.executable, "-c", _CARRIER, url, f"journal-{carrier}", *shape],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for carrier in range(CARRIERS)
    ]
    for carrier in carriers:  # all are loaded before any begins, so that they really meet
        assert carrier.stdout is not None
        assert carrier.stdout.readline() == "ready\n"
    for carrier in carriers:
        assert carrier.stdin is not None
        carrier.stdin.write("go\n")
        carrier.stdin.flush()
    errors = [carrier.communicate(timeout=60)[1] for carrier in carriers]
    assert [carrier.returncode for carrier in carriers] == [0] * CARRIERS, errors

    total = CARRIERS * BATCHES * EVENTS
    assert len(rows("occurrence")) == sum(rows("bug", "count")) == sum(rows("tally", "count")) == total
    assert sorted(rows("bug", "number")) == list(range(1, FAULTS + 1))
    assert len(rows("fingerprint")) == FAULTS
    assert len(rows("outbox")) == 2 * FAULTS
    assert sum(rows("journal", "seen")) == sum(rows("journal", "stored")) == total
    assert _deadlocks(any_engine) == deadlocks


def _deadlocks(engine: Engine) -> int:
    """Return how many deadlocks PostgreSQL has met in this database."""
    if engine.dialect.name == "sqlite":
        return 0
    with engine.connect() as connection:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return connection.scalar(sa.text(query)) or 0


def test_carriers_of_one_journal_carry_each_batch_once(any_engine: Engine, rows: Rows) -> None:
    batches = [Batch("journal", n, n + 1, n + 1, [make_event(key=f"{n % 3}")]) for n in range(15)]
    outcomes: list[bool] = []
    errors: list[BaseException] = []
    begin = threading.Barrier(CARRIERS)

    def carry() -> None:
        engine = open_engine(any_engine.url.render_as_string(hide_password=False))
        try:
            begin.wait(timeout=30)
            outcomes.extend(take_in(engine, batch, now=NOW).stale for batch in batches)
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=carry) for _ in range(CARRIERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    assert outcomes.count(False) == len(batches)
    assert len(rows("occurrence")) == sum(rows("bug", "count")) == len(batches)
    assert rows("journal", "offset") == [len(batches)]


@pytest.mark.postgres
def test_the_same_events_in_two_journals_at_once_are_stored_once(postgres_engine: Engine) -> None:
    events = [make_event(key=f"{n % 4}") for n in range(60)]
    counts: list[tuple[int, int]] = []
    begin = threading.Barrier(2)

    def carry(journal: str, some: list[Any]) -> None:
        begin.wait(timeout=30)
        outcome = take_in(postgres_engine, Batch(journal, 0, 1, 60, some), now=NOW)
        counts.append((outcome.stored, outcome.duplicates))

    threads = [
        threading.Thread(target=carry, args=(name, some))
        for name, some in (("one", events), ("two", list(reversed(events))))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sum(stored for stored, _ in counts) == 60
    assert sum(duplicates for _, duplicates in counts) == 60
