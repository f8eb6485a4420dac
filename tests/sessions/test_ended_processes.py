"""Processes that are dead and that nobody collects, as in a container whose process 1 collects none."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from workbench.ended import runs, still_running
from workbench.sessions import outliving, process
from workbench.sessions.process import Identity

MARK = "WORKBENCH_TEST_OF_ENDED"
PATIENCE = 60.0
# Collects nobody, and ends with its input.
PARENT = """
import subprocess, sys
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[psutil.Process]:
    """A process with one child, which it will not collect."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        yield psutil.Process(running.pid)


@pytest.fixture
def child(parent: psutil.Process) -> psutil.Process:
    """That child."""
    (child,) = parent.children()
    return child


@pytest.fixture
def dead(child: psutil.Process) -> psutil.Process:
    """It, killed."""
    child.kill()
    while child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    return child


def test_one_that_runs_does(child: psutil.Process) -> None:
    assert runs(child.pid)
    assert still_running([child], 0.1) == [child]


def test_one_that_nobody_collects_does_not(dead: psutil.Process) -> None:
    assert not runs(dead.pid)
    assert still_running([dead], PATIENCE) == []
    assert not Identity(dead.pid, dead.create_time()).is_alive


def test_our_own_children_are_collected() -> None:
    with subprocess.Popen(["sleep", "600"]) as ours:
        there = psutil.Process(ours.pid)
        there.kill()
        assert still_running([there], PATIENCE) == []
        assert not psutil.pid_exists(ours.pid)


def test_who_is_ended_is_not_waited_for(
    parent: psutil.Process, child: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", PATIENCE)
    began = time.monotonic()
    process.end_children(parent.pid)
    assert time.monotonic() - began < PATIENCE / 2
    assert not runs(child.pid)


def test_what_a_runner_has_left_is_ended_as_soon_as_it_is_dead(
    dead: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outliving, "GONE_SECONDS", PATIENCE)
    variables = process.marked(MARK, Identity(dead.pid, dead.create_time()))
    with subprocess.Popen(["sleep", "600"], env=variables) as left:
        began = time.monotonic()
        outliving.main(dead.pid, dead.create_time(), MARK)
        assert time.monotonic() - began < PATIENCE / 2
        assert not runs(left.pid)
