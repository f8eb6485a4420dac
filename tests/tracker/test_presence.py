"""What a dead worker held is taken over by others of its machine, and what a living one holds is not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capture.store.outbox import KINDS
from workbench.tracker import outbox, presence
from workbench.tracker.markers import issue_marker

_NAME = "from workbench.tracker import presence; print(presence.worker_name(), flush=True)"


@pytest.fixture
def another() -> Any:
    """Starts a process that is a worker, and returns it with its name."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        code = f"{_NAME}; input()"
        one = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(one)
        assert one.stdout is not None
        return one, one.stdout.readline().strip()

    yield start
    for one in started:
        one.kill()
        one.communicate()


def test_a_worker_is_gone_once_its_process_is_dead_also_before_anybody_collected_it(another: Any) -> None:
    process, name = another()
    assert not presence.is_gone(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and a zombie
    assert presence.is_gone(name)


def test_another_process_with_its_number_is_not_taken_for_it() -> None:
    host, place, pid, started, token = presence.worker_name().split(":")
    assert not presence.is_gone(":".join((host, place, pid, started, token)))
    assert presence.is_gone(":".join((host, place, pid, "1", token)))


@pytest.mark.parametrize("name", ["", "w", "host:4711:ab12", "host:another-boot/4026531836:1:2:ab12", "host::1:2:ab12"])
def test_nothing_is_known_of_workers_elsewhere(name: str) -> None:
    assert not presence.is_gone(name)


def test_nothing_is_known_of_a_worker_on_a_copy_of_this_machine_or_without_a_known_start() -> None:
    """A copy of a machine that ran has its boot, its namespaces and its numbers, and other processes."""
    host, place, pid, _started, token = presence.worker_name().split(":")
    assert not presence.is_gone(":".join((f"{host}-2", place, pid, "1", token)))
    assert not presence.is_gone(":".join((host, place, pid, "", token)))


def test_nothing_is_known_where_proc_is_that_of_another_namespace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after `unshare --pid` without a /proc of its own: the process of our number there is somebody else."""
    for kept in ("sys", str(os.getpid())):
        (tmp_path / kept).symlink_to(f"/proc/{kept}")
    (tmp_path / "self").symlink_to("1")
    monkeypatch.setattr(presence, "_PROC", tmp_path)
    _host, place, pid, started, _token = presence.worker_name().split(":")
    assert (place, pid, bool(started)) == ("", str(os.getpid()), True)


@pytest.fixture
def held(any_site: Any, another: Any) -> list[outbox.Leased]:
    """What a worker held that has just died."""
    any_site.fail()
    process, name = another()
    held = outbox.lease_many(any_site.engine, name, KINDS, any_site.now(), 20)
    assert any_site.work() == []
    process.kill()
    process.wait()
    any_site.pass_time(seconds=5)
    return held


def test_what_a_dead_worker_held_is_done_by_the_next_one_before_its_lease_ends(any_site: Any, held: Any) -> None:
    assert {leased.kind for leased in held} == {"write_file", "open_issue"}
    assert [done.kind for done in any_site.work()] == ["write_file"]
    any_site.pass_time(seconds=30)
    assert [done.kind for done in any_site.work()][:1] == ["open_issue"]
    assert [row.attempts for row in any_site.rows()][:2] == [2, 2]
    assert any_site.now() < held[0].until - timedelta(minutes=4)


def test_the_last_request_of_a_dead_worker_may_still_arrive_and_is_waited_for(any_site: Any, held: Any) -> None:
    any_site.work()
    there = any_site.tracker.issues("bot/clinic")
    there.create("KeyError", issue_marker("clinic", "a1b2c3d4e5f60718"))
    any_site.pass_time(seconds=30)
    any_site.work()
    assert list(there.opened) == [any_site.issue().number] == [1]
