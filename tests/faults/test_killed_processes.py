"""Processes die at any moment: what was answered arrives exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from faults.sites import FULL, Site, check_all_arrived, check_the_ledger, journals, until

MakeSite = Callable[..., Site]


def test_workers_killed_in_a_storm_lose_nothing_that_was_answered(make_site: MakeSite) -> None:
    site = make_site()
    site.serve(workers=2)
    with site.storm() as storm:
        for _ in range(30 if FULL else 3):
            time.sleep(0.3)
            answered = len(storm.answered)
            until(lambda: len(storm.answered) > answered + 10)  # noqa: B023
            _status, pid = site.get("/pid/")
            if pid:
                os.kill(int(pid), signal.SIGKILL)
    site.stop()
    site.drain()
    check_all_arrived(site, storm)
    assert journals(site) == []


def test_a_worker_killed_right_after_its_answer(make_site: MakeSite) -> None:
    """The answer and the kill follow each other at once: nothing is carried over in between."""
    site = make_site(BACKGROUND=False)
    site.serve()
    pid = int(site.get("/pid/")[1])
    assert site.get("/fault/?n=7")[0] == 500
    os.kill(pid, signal.SIGKILL)
    site.stop()
    site.drain()
    assert site.arrived().numbers == [7]
    check_the_ledger(site.ledger(), failures=1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_drain_that_is_ended_goes_on_where_it_was(make_site: MakeSite, how: signal.Signals) -> None:
    failures = 20_000 if FULL else 1_500
    site = make_site(BACKGROUND=False)
    site.fail(failures)
    stored = 0
    for _ in range(3 if FULL else 2):
        drain = site.start("-m", "django", "capture_drain")
        _until_it_stored_more(site, drain, than=stored)
        drain.send_signal(how)
        drain.wait()
        assert "Traceback" not in (site.folder / "stderr").read_text()
        stored = _stored(site)
    site.drain()
    arrived = site.arrived()
    assert sorted(arrived.numbers) == list(range(1, failures + 1))
    assert arrived.counted == arrived.tallied == failures
    check_the_ledger(site.ledger(), failures=failures)


def _until_it_stored_more(site: Site, drain: subprocess.Popen[str], *, than: int) -> None:
    until(lambda: drain.poll() is not None or _stored(site) > than)


def _stored(site: Site) -> int:
    try:
        return site.arrived().stored
    except Exception:  # noqa: BLE001  (there is no database yet)
        return 0


def test_two_recorders_on_the_same_journals(make_site: MakeSite, database_url: str) -> None:
    failures = 5_000 if FULL else 500
    site = make_site(database_url=database_url, BACKGROUND=False)
    site.fail(failures)
    drains = [site.start("-m", "django", "capture_drain") for _ in range(2)]
    assert [drain.wait() for drain in drains] == [0, 0], (site.folder / "stderr").read_text()
    arrived = site.arrived()
    assert sorted(arrived.numbers) == list(range(1, failures + 1))
    assert arrived.counted == arrived.tallied == failures
    check_the_ledger(site.ledger(), failures=failures)


def test_a_torn_last_line_is_in_the_ledger(make_site: MakeSite) -> None:
    """The power failed while the last record was written."""
    site = make_site(BACKGROUND=False)
    site.run("fail(3)\nos._exit(0)")
    (path,) = journals(site)
    path.write_bytes(path.read_bytes()[:-40])
    site.drain()
    assert site.arrived().numbers == [1, 2]
    found = site.ledger()
    check_the_ledger(found, failures=3)
    assert found.dropped == {"torn": 1}
    assert journals(site) == []
