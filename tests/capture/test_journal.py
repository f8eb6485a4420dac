"""What was accepted is on disk; what was dropped is counted; a crash spoils at most the record being written."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import spool
from capture.event import encode
from capture.journal import Count, Journal
from capture.journal_file import folder_bytes, make_folder
from capture.testing import make_event

COUNT = Count("clinic", "a1b2", 1_795_000_000.0)
EVENT = encode(make_event())


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal", max_bytes=1 << 26)
    yield journal
    journal.close()


@pytest.fixture
def looking_each_time(monkeypatch):
    """However soon one record follows the other, look whether the file is still in its place."""
    monkeypatch.setattr("capture.journal_file.IN_PLACE_SECONDS", -1)


def chunks(path, **options):
    return list(spool.chunks(path, **({"offset": 0, "seen": 0} | options)))


def test_events_and_counts_come_back_in_order(journal, read_records):
    assert journal.append_event(EVENT, count=COUNT)
    assert journal.append_count(COUNT)
    first, second = read_records(journal.folder)
    assert encode(first.event) == EVENT
    assert second.count == COUNT
    assert (first.seen, second.seen) == (1, 2)


def test_folder_and_files_are_private_and_ignored_by_git(journal):
    journal.append_count(COUNT)
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert (journal.folder / ".gitignore").read_text() == "*\n"


def test_the_living_are_told_from_the_dead(journal):
    journal.append_count(COUNT)
    path = journal.path
    assert not spool.is_abandoned(path)
    journal.close()
    assert spool.is_abandoned(path)
    assert not spool.is_abandoned(path.with_name("missing.journal"))


def test_drops_are_told_in_the_next_record(journal, read_records):
    journal.drop("too_large")
    journal.drop("too_large")
    journal.append_count(COUNT)
    [record] = read_records(journal.folder)
    assert (record.seen, record.drops) == (3, {"too_large": 2})


def test_drops_at_the_end_are_told_on_closing(journal, read_records):
    journal.append_count(COUNT)
    journal.drop("internal_error")
    journal.close()
    assert read_records(journal.folder)[-1] == spool.Record(
        end=folder_bytes(journal.folder), seen=2, drops={"internal_error": 1}
    )


def test_what_a_process_dropped_that_kept_nothing_is_told_on_closing(journal, read_records):
    journal.drop("ignored")
    journal.close()
    (record,) = read_records(journal.folder)
    assert (record.seen, record.drops) == (1, {"ignored": 1})


def test_a_full_disk_drops_and_leaves_no_half_record(journal, read_records, monkeypatch):
    journal.append_count(COUNT)
    write = os.write

    room = 10

    def half(fd, data):
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(fd, data[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", half)
    assert not journal.append_event(EVENT, count=COUNT)
    monkeypatch.undo()
    assert journal.append_event(EVENT, count=COUNT)
    first, second = read_records(journal.folder)
    assert (first.seen, second.seen, second.drops) == (1, 3, {"disk_full": 1})


def test_a_disk_that_fails_drops_with_a_reason(journal, read_records, monkeypatch):
    def fail(fd, data):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "write", fail)
    assert not journal.append_count(COUNT)
    journal.close()
    monkeypatch.undo()
    assert journal.append_count(COUNT)
    assert read_records(journal.folder)[-1].drops == {"journal_unwritable": 1}


def test_a_folder_that_cannot_be_made_drops(tmp_path):
    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "journal", max_bytes=1 << 20)
    assert not journal.append_event(EVENT, count=COUNT)
    journal.close()


def test_a_file_that_cannot_be_put_in_place_drops(journal, read_records, monkeypatch):
    import fcntl

    def fail(fd, how):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", fail)
    assert not journal.append_count(COUNT)
    monkeypatch.undo()
    assert journal.append_count(COUNT)
    assert read_records(journal.folder)[0].drops == {"journal_unwritable": 1}


@pytest.mark.usefixtures("looking_each_time")
@pytest.mark.parametrize("how", ["file deleted", "folder deleted", "folder moved", "replaced by another"])
def test_a_file_that_went_away_is_put_back_as_it_was(journal, read_records, tmp_path, how):
    journal.append_event(EVENT, count=COUNT)
    path = journal.path
    take_away(journal, tmp_path, how)
    journal.append_count(COUNT)
    assert journal.path == path
    assert [record.seen for record in read_records(journal.folder)] == [1, 2]
    assert not spool.is_abandoned(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def take_away(journal, tmp_path, how):
    if how == "file deleted":
        journal.path.unlink()
    elif how == "folder deleted":
        shutil.rmtree(journal.folder)
    elif how == "folder moved":
        journal.folder.rename(tmp_path / "elsewhere")
    else:
        (tmp_path / "other").write_bytes(b"")
        (tmp_path / "other").rename(journal.path)


@pytest.mark.parametrize("how", ["folder deleted", "folder moved"])
@pytest.mark.parametrize("then", ["look_after", "close"])
@pytest.mark.parametrize("followed", [False, True])
def test_a_file_that_went_away_is_put_back_without_another_record(
    journal, read_records, tmp_path, monkeypatch, how, then, followed
):
    """With all that was written to it, and be it after it went, by a record that followed too closely to look."""
    monkeypatch.setattr("capture.journal_file.IN_PLACE_SECONDS", 3_600)
    journal.append_count(COUNT)
    take_away(journal, tmp_path, how)
    if followed:
        assert journal.append_event(EVENT, count=COUNT)
    getattr(journal, then)()
    assert [record.seen for record in read_records(journal.folder)] == ([1, 2] if followed else [1])
    assert list(journal.folder.glob(".*.new")) == []


@pytest.mark.usefixtures("looking_each_time")
def test_a_file_that_cannot_be_put_back_is_kept_open_until_it_can(journal, read_records, caplog):
    journal.append_event(EVENT, count=COUNT)
    shutil.rmtree(journal.folder)
    journal.folder.write_text("in the way")
    assert not journal.append_event(EVENT, count=COUNT)
    journal.look_after()
    journal.folder.unlink()
    assert journal.append_event(EVENT, count=COUNT)
    first, second = read_records(journal.folder)
    assert (first.seen, second.seen, second.drops) == (1, 3, {"journal_unwritable": 1})
    shutil.rmtree(journal.folder)
    journal.folder.write_text("in the way")
    journal.close()
    assert "with up to 3 failures and cannot be put back" in caplog.text
    journal.folder.unlink()


@pytest.mark.usefixtures("looking_each_time")
def test_a_file_that_went_away_long_after_it_was_written_is_begun_anew(journal, read_records, monkeypatch):
    journal.append_count(COUNT)
    journal.path.unlink()
    monkeypatch.setattr("capture.journal_file.PUT_BACK_SECONDS", -1)
    journal.append_count(COUNT)
    assert [record.seen for record in read_records(journal.folder)] == [1]


def test_a_limit_on_the_size_of_a_file_begins_another(journal, read_records, monkeypatch):
    journal.append_count(COUNT)
    write = os.write

    def fail(fd, data):
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "write", fail)
    assert not journal.append_count(COUNT)
    monkeypatch.setattr(os, "write", write)
    assert journal.append_count(COUNT)
    assert [(record.seen, record.drops) for record in read_records(journal.folder)] == [(1, {}), (2, {"disk_full": 1})]


def test_files_are_rotated(tmp_path, read_records):
    journal = Journal(tmp_path, max_bytes=1 << 26, rotate_bytes=5_000)
    for _ in range(10):
        journal.append_event(EVENT, count=COUNT)
    paths = spool.journals(tmp_path)
    assert len(paths) > 2
    assert [spool.is_abandoned(path) for path in paths] == [True] * (len(paths) - 1) + [False]
    assert len(read_records(tmp_path)) == 10
    assert all(chunks(path)[0].records[0].seen == 1 for path in paths)
    journal.close()


def test_a_full_journal_counts_then_drops_and_the_ledger_balances(tmp_path, read_records):
    journal = Journal(tmp_path, max_bytes=64 * 1024)
    results = [journal.append_event(EVENT, count=COUNT) for _ in range(200)]
    assert folder_bytes(tmp_path) <= 64 * 1024 * 1.05 + len(EVENT)
    assert results[0]
    assert not results[-1]
    for path in spool.journals(tmp_path)[:-1]:
        path.unlink()  # carried over: there is room again
    assert journal.append_event(EVENT, count=COUNT)
    last = chunks(journal.path)[-1]
    kept = sum(len(chunk.records) for chunk in chunks(journal.path))
    assert last.seen == kept + sum(sum(chunk.dropped.values()) for chunk in chunks(journal.path))
    journal.close()


def test_a_journal_that_stays_full_makes_no_file_for_each_failure(tmp_path):
    journal = Journal(tmp_path, max_bytes=1024 * 1024)
    for _ in range(1_000):
        journal.append_event(EVENT * 20, count=COUNT)
    assert len(spool.journals(tmp_path)) < 30
    journal.close()


def test_a_torn_last_line_is_left_for_later(journal):
    journal.append_count(COUNT)
    journal.append_count(COUNT)
    whole = journal.path.read_bytes()
    torn = journal.folder / "torn.journal"
    torn.write_bytes(whole[:-5])
    [chunk] = chunks(torn)
    assert len(chunk.records) == 1
    with torn.open("ab") as file:
        file.write(whole[-5:])
    [rest] = chunks(torn, offset=chunk.end, seen=chunk.seen)
    assert (rest.start, rest.end, rest.seen) == (chunk.end, len(whole), 2)


def test_a_spoiled_record_is_counted_as_dropped(journal):
    for _ in range(3):
        journal.append_count(COUNT)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    spoiled = journal.folder / "spoiled.journal"
    spoiled.write_bytes(lines[0] + lines[1].replace(b"clinic", b"clinik") + b"rubbish\n\n" + lines[2])
    [chunk] = chunks(spoiled)
    assert (len(chunk.records), chunk.seen, chunk.dropped) == (2, 3, {"corrupt": 1})


def test_records_come_in_chunks(journal):
    for _ in range(5):
        journal.append_count(COUNT)
    found = chunks(journal.path, limit=2)
    assert [len(chunk.records) for chunk in found] == [2, 2, 1]
    assert [chunk.start for chunk in found[1:]] == [chunk.end for chunk in found[:-1]]


def test_a_journal_that_is_gone_has_no_records(tmp_path):
    assert chunks(tmp_path / "gone.journal") == []
    assert spool.journals(tmp_path / "gone") == []
    assert folder_bytes(tmp_path / "gone") == 0


def test_threads_lose_nothing(journal, read_records):
    threads = [threading.Thread(target=lambda: [journal.append_count(COUNT) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.seen for record in read_records(journal.folder)] == list(range(1, 401))


def test_a_signal_handler_in_the_middle_of_a_record_waits_for_nothing(journal, read_records, monkeypatch):
    monkeypatch.setattr("capture.journal.LOCK_SECONDS", 600.0)  # longer than a test may take
    assert journal._take_turn()
    journal.drop("too_large")
    journal._end_turn()
    journal.append_count(COUNT)
    assert read_records(journal.folder)[0].drops == {"journal_busy": 1}


def test_a_slow_writer_costs_no_other_thread_its_event(journal, read_records, monkeypatch):
    monkeypatch.setattr("capture.journal.LOCK_SECONDS", 60.0)  # however slow this machine is
    other = threading.Thread(target=journal.append_event, args=(EVENT,), kwargs={"count": COUNT})
    assert journal._take_turn()
    other.start()
    time.sleep(0.1)
    journal._end_turn()
    other.join()
    assert [record.drops for record in read_records(journal.folder)] == [{}]


def test_a_signal_in_the_middle_does_not_wait_for_ever(journal, read_records, monkeypatch):
    monkeypatch.setattr("capture.journal.LOCK_SECONDS", 0.01)
    with journal._lock:
        assert not journal.append_count(COUNT)
        assert not journal.append_event(EVENT, count=COUNT)
        journal.drop("too_large")
        journal.close()
    journal.append_count(COUNT)
    assert read_records(journal.folder)[0].drops == {"journal_busy": 4}


def test_a_forked_child_begins_a_journal_of_its_own(journal, read_records):
    journal.append_count(COUNT)
    mine = journal.path
    with journal._lock:  # as if another thread were writing at the moment of the fork
        pid = os.fork()
        if pid == 0:
            journal.append_count(COUNT)  # without any hook: the process id gives the fork away
            os._exit(0 if journal.path != mine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not spool.is_abandoned(mine)
    assert [record.seen for record in read_records(journal.folder)] == [1, 1]


def test_a_fork_without_hooks_is_noticed(journal, read_records):
    journal.append_count(COUNT)
    journal._pid = 0
    journal.append_count(COUNT)
    assert [record.seen for record in read_records(journal.folder)] == [1, 1]


def test_making_the_folder_twice_changes_nothing(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [".gitignore"]


@settings(max_examples=30, deadline=None)
@given(
    actions=st.lists(st.sampled_from(["event", "count", "drop", "close"]), max_size=25),
    cut=st.integers(0, 400),
)
def test_any_story_balances_even_when_it_is_cut_off(tmp_path_factory, actions, cut):
    folder = tmp_path_factory.mktemp("story")
    journal = Journal(folder, max_bytes=1 << 20)
    for action in actions:
        if action == "event":
            journal.append_event(EVENT, count=COUNT)
        elif action == "count":
            journal.append_count(COUNT)
        elif action == "drop":
            journal.drop("too_large")
        else:
            journal.close()
    last = journal.path
    journal._forget_file()
    if last is not None:
        last.write_bytes(last.read_bytes()[: max(0, last.stat().st_size - cut)])
    for path in spool.journals(folder):
        found = chunks(path)
        kept = sum(1 for chunk in found for record in chunk.records if record.event or record.count)
        dropped = sum(sum(chunk.dropped.values()) for chunk in found)
        assert (found[-1].seen if found else 0) == kept + dropped


@settings(max_examples=50, deadline=None)
@given(noise=st.binary(max_size=300))
def test_any_noise_is_no_record(tmp_path_factory, noise):
    path = tmp_path_factory.mktemp("noise") / "x.journal"
    path.write_bytes(noise)
    assert [record for chunk in chunks(path) for record in chunk.records] == []


def test_a_record_that_is_seen_half_written_is_no_spoiled_one(journal):
    for _ in range(3):
        journal.append_count(COUNT)
    written = journal.path.read_bytes()
    growing = journal.folder / "growing.journal"
    for cut in (0, 1, len(written) // 2, len(written) - 1):
        growing.write_bytes(written[:cut])
        read = chunks(growing)
        growing.write_bytes(written)
        at = (read[-1].end, read[-1].seen) if read else (0, 0)
        read += chunks(growing, offset=at[0], seen=at[1])
        assert [(sum(len(chunk.records) for chunk in read), chunk.dropped) for chunk in read[-1:]] == [(3, {})], cut


def test_a_half_record_that_a_full_disk_took_back_spoils_none_after_it(journal):
    """What is put in its place, while the reader carries what came before, is read as it is."""
    journal.append_count(COUNT)
    size = journal.path.stat().st_size
    half = b"0123abcd E 2 - " + EVENT[: len(EVENT) // 2]
    with journal.path.open("ab") as file:
        file.write(half)
    reading = spool.chunks(journal.path, offset=0, seen=0, limit=1)
    read = [next(reading)]
    os.truncate(journal.path, size)
    for _ in range(3):
        journal.append_event(EVENT, count=COUNT)
    read += reading
    read += chunks(journal.path, offset=read[-1].end, seen=read[-1].seen)
    assert [chunk.dropped for chunk in read if chunk.dropped] == []
    assert sum(len(chunk.records) for chunk in read) == 4


def test_a_record_longer_than_a_piece_is_read_whole(journal, monkeypatch):
    monkeypatch.setattr(spool, "READ_BYTES", 16)
    for _ in range(2):
        journal.append_event(EVENT, count=COUNT)
        journal.append_count(COUNT)
    assert [len(chunk.records) for chunk in chunks(journal.path)] == [4]


def test_spoiled_records_at_the_end_are_left_until_something_follows_them(journal):
    journal.append_count(COUNT)
    journal.append_count(COUNT)
    first, second = journal.path.read_bytes().splitlines(keepends=True)
    spoiled = journal.folder / "spoiled.journal"
    spoiled.write_bytes(first + second.replace(b"clinic", b"clinik") + b"rubbish\n" + b"0123")
    [chunk] = chunks(spoiled)
    assert (chunk.end, chunk.seen, chunk.dropped) == (len(first), 1, {})
    lost = spool.tail(spoiled, offset=chunk.end, seen=chunk.seen)
    assert (lost.end, lost.seen, lost.dropped) == (spoiled.stat().st_size, 4, {"corrupt": 2, "torn": 1})
