"""Journals get into the database: in order, once, in batches, and whatever the database does."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from capture import carrier as carriers
from capture import recorder as recorders
from capture import spool
from capture.carrier import Carrier, Drained
from capture.errors import StoreBusy, StoreUnreachable
from capture.event import encode, new_event_id
from capture.journal import Count, Journal
from capture.ledger import ledger
from capture.recorder import Recorder, drain
from capture.store.engine import open_engine
from capture.store.intake import Counted
from capture.store.tables import Bug, JournalRow, Occurrence, table_of
from capture.testing import make_event
from capture.upkeep import pause


@pytest.fixture
def journal(capture_settings):
    journal = Journal(capture_settings.journal_dir, max_bytes=1 << 26)
    yield journal
    journal.close()


@pytest.fixture
def recorder(capture_settings, monkeypatch):
    monkeypatch.setattr(recorders, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(recorders, "GATHER_SECONDS", 0.001)
    monkeypatch.setattr(recorders, "FIRST_RETRY_SECONDS", 0.02)
    recorder = Recorder(capture_settings)
    yield recorder
    recorder.stop(10)


@pytest.fixture
def rows(capture_settings):
    """A function that counts the rows of a table in the site's database."""
    engine = None

    def count(table=Occurrence):
        nonlocal engine
        engine = engine or open_engine(capture_settings.database_url)
        with engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(table_of(table)))

    yield count
    if engine is not None:
        engine.dispose()


def put(journal, key="a1b2", **changes):
    event = make_event(key=key, id=new_event_id(), at=datetime.now(UTC), **changes)
    assert journal.append_event(encode(event), count=Count("clinic", key, time.time()))
    return event


def put_count(journal, key="a1b2"):
    assert journal.append_count(Count("clinic", key, time.time(), "4f2d1c0", "production"))


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_everything_is_carried_over_and_dead_journals_go(journal, capture_settings, rows):
    put(journal)
    put(journal, key="ffff")
    put_count(journal)
    journal.drop("too_large")
    journal.close()
    assert drain(capture_settings) == Drained(stored=2, counted=1, dropped=1, new_bugs=(1, 2))
    assert rows() == 2
    assert rows(Bug) == 2
    assert spool.journals(capture_settings.journal_dir) == []
    assert drain(capture_settings) == Drained()


def test_a_living_journal_is_carried_over_again_and_again(journal, capture_settings, rows):
    for number in range(1, 4):
        put(journal)
        assert drain(capture_settings).stored == 1
        assert rows() == number
    assert len(spool.journals(capture_settings.journal_dir)) == 1
    found = ledger(capture_settings)
    assert (found.seen, found.stored, found.pending, found.balanced) == (3, 3, 0, True)


def test_many_events_go_in_batches(journal, capture_settings, rows, monkeypatch):
    monkeypatch.setattr(spool, "CHUNK_BYTES", 8_000)
    for _ in range(20):
        put(journal)
    batches = []
    take_in = carriers.take_in
    monkeypatch.setattr(
        carriers,
        "take_in",
        lambda engine, batch, now: batches.append(len(batch.events)) or take_in(engine, batch, now=now),
    )
    assert drain(capture_settings).stored == 20
    assert len(batches) > 2
    assert sum(batches) == 20
    assert rows(JournalRow) == 1


def test_counts_of_a_storm_are_one_row(journal, capture_settings, monkeypatch):
    put(journal)
    for _ in range(50):
        put_count(journal)
    put_count(journal, key="nobody knows")
    carried = []
    take_in = carriers.take_in
    monkeypatch.setattr(
        carriers, "take_in", lambda engine, batch, now: carried.extend(batch.events) or take_in(engine, batch, now=now)
    )
    assert drain(capture_settings) == Drained(stored=1, counted=50, dropped=1, new_bugs=(1,))
    assert sorted(one.count for one in carried if isinstance(one, Counted)) == [1, 50]
    assert ledger(capture_settings).dropped == {"unknown_fingerprint": 1}
    assert ledger(capture_settings).balanced


def test_a_journal_that_somebody_else_carried_is_not_carried_twice(journal, capture_settings, rows):
    put(journal)
    engine = carriers.open_store(capture_settings)
    first, second = (Carrier(capture_settings.journal_dir, engine) for _ in range(2))
    assert first.carry().stored == 1
    put(journal)
    assert second.carry().stored == 1
    put(journal)
    assert first.carry().stored == 1, "it looks again where the other one stopped"
    assert rows() == 3
    engine.dispose()


def test_a_journal_that_goes_while_it_is_looked_at(journal, capture_settings, tmp_path):
    put(journal)
    engine = carriers.open_store(capture_settings)
    carrier = Carrier(capture_settings.journal_dir, engine)
    assert carrier._carry_journal(tmp_path / "gone.journal") == Drained()
    engine.dispose()


def test_one_bad_event_does_not_hold_up_the_others(journal, capture_settings, rows, monkeypatch):
    put(journal)
    bad = put(journal)
    put(journal)
    put_count(journal)
    take_in = carriers.take_in

    def picky(engine, batch, now):
        if any(getattr(one, "id", "") == bad.id for one in batch.events):
            raise ValueError("cannot be stored")
        return take_in(engine, batch, now=now)

    monkeypatch.setattr(carriers, "take_in", picky)
    assert drain(capture_settings) == Drained(stored=2, counted=1, dropped=1, new_bugs=(1,))
    assert ledger(capture_settings).dropped == {"rejected": 1}
    assert ledger(capture_settings).balanced


@pytest.mark.parametrize("when", ["at once", "singly", "the bad one"])
def test_a_database_that_goes_away_in_the_middle_is_told(journal, capture_settings, monkeypatch, when):
    put(journal)
    put(journal)
    calls = []

    def away(engine, batch, now):
        calls.append(batch)
        if when == "at once" or len(calls) == (2 if when == "singly" else 3):
            raise StoreBusy("locked")
        raise ValueError

    monkeypatch.setattr(carriers, "take_in", away)
    with pytest.raises(StoreBusy):
        drain(capture_settings)
    monkeypatch.undo()
    assert drain(capture_settings).stored == 2


def test_somebody_else_carrying_a_bad_batch(journal, capture_settings, rows, monkeypatch):
    put(journal)
    put(journal)
    take_in = carriers.take_in
    calls = []

    def interfered(engine, batch, now):
        calls.append(batch)
        if len(calls) == 1:
            take_in(engine, batch, now=now)
            raise ValueError
        return take_in(engine, batch, now=now)

    monkeypatch.setattr(carriers, "take_in", interfered)
    assert drain(capture_settings) == Drained()
    assert rows() == 2


def test_drain_uses_the_engine_that_it_is_given(journal, capture_settings, engine):
    put(journal)
    assert drain(capture_settings, engine=engine).stored == 1


def test_the_thread_starts_with_the_first_event_and_is_woken_by_the_next(journal, recorder, rows, monkeypatch):
    monkeypatch.setattr("capture.recorder.LOOK_SECONDS", 600.0)  # it does not look by itself
    threads = threading.active_count()
    put(journal)
    recorder.wake()
    assert threading.active_count() == threads + 1
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1)
    put(journal)
    recorder.wake()
    assert wait_for(lambda: rows() == 2)


@pytest.mark.parametrize(
    ("done", "arrived", "seconds"), [(True, 500, 60), (False, 0, 1), (False, 19, 1), (False, 20, 5)]
)
def test_upkeep_waits_while_many_events_come(done, arrived, seconds):
    assert pause(done=done, arrived=arrived) == seconds


@pytest.mark.parametrize("moved", [True, False])
def test_a_database_that_is_moved_away_or_deleted_is_made_anew(journal, recorder, rows, capture_settings, moved):
    put(journal)
    recorder.wake()
    path = Path(open_engine(capture_settings.database_url, create=True).url.database)
    assert wait_for(lambda: path.exists() and ledger(capture_settings).stored == 1)
    path.rename(path.with_name("away.db")) if moved else path.unlink()
    put(journal)
    recorder.wake()
    assert wait_for(lambda: path.exists() and ledger(capture_settings).stored == 2), (
        "what the journal holds comes again"
    )
    assert rows() == 2


def test_whoever_carries_prunes_and_packs_as_well(journal, recorder, rows, capture_settings, monkeypatch):
    recorder._settings = replace(recorder._settings, keep_events=2)
    monkeypatch.setattr("capture.upkeep.BETWEEN_PASSES_SECONDS", 0.0)
    for _ in range(40):
        put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._upkeep is not None and rows() == 4)
    engine = open_engine(capture_settings.database_url)

    def payloads():
        with engine.connect() as connection:
            return list(connection.scalars(sa.select(table_of(Occurrence).c.payload)))

    assert wait_for(lambda: not any(payload.startswith(b"{") for payload in payloads()))
    engine.dispose()


def test_a_lock_that_was_deleted_is_taken_again(journal, recorder, capture_settings, rows):
    put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1)
    (capture_settings.journal_dir / "recorder.lock").unlink()
    put(journal)
    recorder.wake()
    assert wait_for(lambda: rows() == 2)
    assert (capture_settings.journal_dir / "recorder.lock").exists()


def test_a_journal_folder_that_cannot_be_used_is_said_without_a_traceback(recorder, capture_settings, caplog):
    capture_settings.journal_dir.write_text("in the way")
    recorder.wake()
    assert wait_for(lambda: caplog.messages)
    assert "The journal folder cannot be used; see `manage.py check`." in caplog.messages[0]
    assert caplog.records[0].exc_info is None or caplog.records[0].exc_info is False
    capture_settings.journal_dir.unlink()


@pytest.mark.parametrize(("drops", "torn"), [(False, {"torn": 1}), (True, {})])
def test_what_was_cut_off_is_one_failure_unless_it_only_told_of_drops(journal, capture_settings, drops, torn):
    put(journal)
    if drops:
        journal.drop("too_large")
    else:
        put(journal)
    journal.close()
    (path,) = spool.journals(capture_settings.journal_dir)
    path.write_bytes(path.read_bytes()[:-6])
    drain(capture_settings)
    found = ledger(capture_settings)
    assert (found.seen, found.stored, found.dropped, found.balanced) == (1 + len(torn), 1, torn, True)
    assert spool.journals(capture_settings.journal_dir) == []


def test_spoiled_records_at_the_end_of_a_dead_process_are_in_the_ledger(journal, capture_settings):
    for _ in range(3):
        put(journal)
    path = journal.path
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"rabbit", b"rabbid").replace(b"rabbid", b"rabbit", 4))
    drain(capture_settings)
    living = ledger(capture_settings)
    journal.close()
    drain(capture_settings)
    found = ledger(capture_settings)
    assert (living.seen, living.stored, living.dropped, living.balanced) == (1, 1, {}, True), "it may be written again"
    assert (found.seen, found.stored, found.dropped, found.balanced) == (3, 1, {"corrupt": 2}, True)
    assert spool.journals(capture_settings.journal_dir) == []


def test_the_last_events_are_carried_over_on_the_way_out(journal, recorder, rows, capture_settings):
    recorder.wake()
    put(journal)
    journal.close()
    recorder.stop(20)
    assert rows() == 1
    assert spool.journals(capture_settings.journal_dir) == []
    assert Recorder(capture_settings)._leads(), "the lock is free again"


def test_stopping_what_never_started(capture_settings):
    Recorder(capture_settings).stop(1)


def test_one_process_of_a_host_carries(journal, recorder, capture_settings, rows):
    capture_settings.journal_dir.mkdir(exist_ok=True)
    with (capture_settings.journal_dir / "recorder.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        put(journal)
        recorder.wake()
        time.sleep(0.1)
        assert recorder._carrier is None
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1), "it takes over when the other one is gone"


def test_a_database_that_is_away_is_said_once_and_tried_again(
    journal, recorder, capture_settings, caplog, rows, monkeypatch
):
    away = True
    opened = carriers.open_store

    def open_store(settings):
        if away:
            raise StoreUnreachable("No database.", cure="Start it.")
        return opened(settings)

    monkeypatch.setattr(carriers, "open_store", open_store)
    put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._retry_seconds > 0.1)
    away = False
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1)
    assert wait_for(lambda: len(caplog.messages) == 2)
    assert caplog.messages == [
        "The database cannot be written; events stay in the journal. No database. Start it.",
        "The database can be written again; the journal is carried over.",
    ]


def test_a_locked_database_costs_nothing_but_time(journal, recorder, capture_settings, rows, monkeypatch):
    put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1)
    take_in = carriers.take_in
    calls = []

    def busy(engine, batch, now):
        calls.append(batch)
        if len(calls) < 3:
            raise StoreBusy("locked")
        return take_in(engine, batch, now=now)

    monkeypatch.setattr(carriers, "take_in", busy)
    put(journal)
    recorder.wake()
    assert wait_for(lambda: rows() == 2)


def test_whatever_goes_wrong_the_thread_lives(journal, recorder, rows, monkeypatch, caplog):
    calls = []
    leads = recorder._leads

    def odd():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("odd")
        return leads()

    monkeypatch.setattr(recorder, "_leads", odd)
    put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1)
    assert caplog.messages[0] == "Journals cannot be carried over; events stay in them."


def test_a_thread_that_cannot_start_is_tried_again(recorder, monkeypatch):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_more)
    recorder.wake()
    assert recorder._thread is None
    with recorder._starting:
        recorder.wake()


def test_a_forked_child_forgets_its_parents_turn(journal, recorder, capture_settings, rows):
    put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._carrier is not None and rows() == 1)
    pid = os.fork()
    if pid == 0:
        recorder.wake()  # without any hook
        os._exit(0 if recorder._carrier is None and recorder._lock_fd is None and recorder._thread else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    put(journal)
    recorder.wake()
    assert wait_for(lambda: rows() == 2), "the parent still has its turn"


def test_after_a_fork_the_parents_connections_are_kept_from_the_collector(journal, recorder, capture_settings):
    put(journal)
    recorder.wake()
    assert wait_for(lambda: recorder._carrier is not None)
    carrier, thread = recorder._carrier, recorder._thread
    recorder._stopping.set()  # the child has no such thread
    thread.join()
    recorder._stopping.clear()
    recorder._carrier, recorder._lock_fd = carrier, os.open("/dev/null", os.O_RDONLY)
    recorder._pid = 0
    recorder.wake()
    assert recorder._pid == os.getpid()
    assert recorders._inherited.pop() is carrier


def test_the_ledger_counts_what_is_still_in_journals(journal, capture_settings):
    put(journal)
    journal.drop("too_large")
    put_count(journal)
    found = ledger(capture_settings)
    assert (found.seen, found.pending, found.dropped, found.balanced) == (3, 2, {"too_large": 1}, True)
    assert "There is no database" in found.database_error
    drain(capture_settings)
    put(journal)
    found = ledger(capture_settings)
    assert (found.seen, found.stored, found.counted, found.pending, found.balanced) == (4, 1, 1, 1, True)
    assert found.database_error == ""
    assert found.as_dict()["balanced"] is True


def test_the_ledger_of_an_empty_database(capture_settings, tmp_path):
    (tmp_path / "bugs.db").touch()
    assert ledger(capture_settings).database_error == ""
    assert ledger(replace(capture_settings, database_url="postgresql://localhost:1/x?connect_timeout=1")).database_error
