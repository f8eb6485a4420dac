"""Several carriers at once: no event lost, none twice, one bug for each fingerprint, numbers without gaps."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.errors import StoreError
from capture.store import creation, newcomers, releases
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.store.tables import Bug
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


@pytest.mark.postgres
def test_who_meets_what_another_stores_at_this_moment_begins_anew_in_silence(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Between our look at what is known and our writing, another host begins the same bug, and one before it."""
    find = newcomers.find

    def others_first(*given: Any, is_alone: bool = False) -> Any:
        found = find(*given, is_alone=is_alone)
        if not is_alone:
            theirs = [make_event(key="other"), make_event(key="same")]
            with monkeypatch.context() as patch:
                patch.setattr(newcomers, "find", find)
                assert take_in(postgres_engine, Batch("theirs", 0, 1, 2, theirs), now=NOW).new_bugs == (1, 2)
        return found

    monkeypatch.setattr(newcomers, "find", others_first)
    ours = [make_event(key="same"), make_event(key="ours")]
    outcome = take_in(postgres_engine, Batch("ours", 0, 1, 2, ours), now=NOW)
    assert (outcome.stored, outcome.new_bugs) == (2, (3,))
    with Session(postgres_engine) as session:
        bugs = session.exec(select(Bug.number, Bug.count).order_by(col(Bug.number))).all()
    assert bugs == [(1, 1), (2, 2), (3, 1)]
    assert caplog.records == []


@pytest.mark.postgres
def test_a_host_that_begins_bugs_keeps_no_other_from_beginning_its_own(postgres_engine: Engine) -> None:
    """Numbers are given with the last statements: a host that has no processor meanwhile holds nobody up."""
    with Session(postgres_engine) as begun:
        creation.share_numbers(begun)
        assert newcomers.begin(begun, {("clinic", "a"): make_event(key="a")}, creation.identify).bugs
        events = [make_event(key="b")]
        assert take_in(postgres_engine, Batch("theirs", 0, 1, 1, events), now=NOW).new_bugs == (1,)


@pytest.mark.postgres
def test_a_host_that_counts_up_what_another_takes_for_new_waits_for_it_in_no_circle(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both begin bugs. One of them still takes the other's bug for new, as it looked before that was stored."""
    find, store = newcomers.find, creation.store
    has_looked, may_store, is_storing, may_number = (threading.Event() for _ in range(4))
    failed: list[BaseException] = []

    def looked(*given: Any, is_alone: bool = False) -> Any:
        found = find(*given, is_alone=is_alone)
        if threading.current_thread().name == "behind" and not is_alone:
            has_looked.set()
            assert may_store.wait(30)
        return found

    def storing(*given: Any, **named: Any) -> None:
        if threading.current_thread().name == "ahead":
            is_storing.set()
            assert may_number.wait(30)
        store(*given, **named)

    def carry(*keys: str) -> None:
        name = threading.current_thread().name
        try:
            events = [make_event(key=key) for key in keys]
            take_in(postgres_engine, Batch(name, 0, 1, len(keys), events), now=NOW)
        except BaseException as error:  # noqa: BLE001 (told by the test)
            failed.append(error)

    monkeypatch.setattr(newcomers, "find", looked)
    monkeypatch.setattr(creation, "store", storing)
    behind = threading.Thread(target=carry, args=("same",), name="behind")
    behind.start()
    assert has_looked.wait(30)
    carry("same")
    ahead = threading.Thread(target=carry, args=("same", "new"), name="ahead")
    ahead.start()
    assert is_storing.wait(30)
    may_store.set()
    while not _waiting(postgres_engine):
        time.sleep(0.01)
    may_number.set()
    for thread in (behind, ahead):
        thread.join(30)
    assert failed == []
    with Session(postgres_engine) as session:
        assert session.exec(select(Bug.number, Bug.count).order_by(col(Bug.number))).all() == [(1, 3), (2, 1)]


def _waiting(engine: Engine) -> int:
    """Return how many connections of this database wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with engine.connect() as connection:
        return connection.scalar(sa.text(query)) or 0


@pytest.mark.postgres
def test_a_connection_that_is_lost_while_a_batch_is_written_is_told_and_given_up(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    note = releases.note

    def lose(connection: sa.Connection, *given: Any) -> None:
        pid = connection.connection.driver_connection.info.backend_pid
        with postgres_engine.connect() as other:
            other.execute(sa.select(sa.func.pg_terminate_backend(pid, 5_000)))
        note(connection, *given)

    batch = Batch("ours", 0, 1, 1, [make_event()])
    with monkeypatch.context() as patch:
        patch.setattr(releases, "note", lose)
        with pytest.raises(StoreError, match="does not answer"):
            take_in(postgres_engine, batch, now=NOW)
    assert caplog.records == []
    assert take_in(postgres_engine, batch, now=NOW).new_bugs == (1,)


@pytest.mark.postgres
def test_a_server_that_is_gone_after_the_commit_takes_nothing_back(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Session.commit

    def commit_and_lose(session: Session) -> None:
        commit(session)
        monkeypatch.setattr(postgres_engine.pool, "connect", lose)

    def lose() -> None:
        raise sa.exc.OperationalError("", {}, Exception("the server is restarted"))

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", commit_and_lose)
        outcome = take_in(postgres_engine, Batch("ours", 0, 1, 2, [make_event(key="a"), make_event(key="b")]), now=NOW)
    assert (outcome.stored, outcome.new_bugs) == (2, (1, 2))


@pytest.mark.postgres
def test_a_server_that_ends_a_slow_transaction_is_no_fault_of_its_events(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for one, each event that is slow to store would be dropped."""
    find = newcomers.find

    def slowly(session: Session, *given: Any, **more: Any) -> Any:
        pid = session.connection().connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        session.connection().execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 1"))
        ended = sa.text("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid")
        with postgres_engine.connect() as connection:
            other = connection.execution_options(isolation_level="AUTOCOMMIT")
            while not other.scalar(ended, {"pid": pid}):
                time.sleep(0.01)
        return find(session, *given, **more)

    monkeypatch.setattr(newcomers, "find", slowly)
    with pytest.raises(StoreError, match="does not answer"):
        take_in(postgres_engine, Batch("ours", 0, 1, 1, [make_event()]), now=NOW)
