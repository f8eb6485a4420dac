"""What many hosts with small batches cost one PostgreSQL: all with the same few bugs, or each with bugs of its own.

A batch counts its bugs, so that two with the same bug wait for each other until the first is committed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from benchmarks.hosts import EVENTS
from benchmarks.test_shared_database import DEADLOCKS, LONGEST_WAIT
from sqlalchemy.engine import Engine

from workbench.bugs import queries

pytestmark = pytest.mark.postgres
SCRIPT = Path(__file__).with_name("hosts.py")
AT_ONCE, SECONDS, BUGS = 8, 8, 20


def test_small_batches(postgres_engine: Engine, report: Callable[..., None]) -> None:
    url = postgres_engine.url.render_as_string(hide_password=False)
    with postgres_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        alone, _waited = _bring(connection, url, "alone", [0])
        own, own_waited = _bring(connection, url, "own", [number * BUGS for number in range(AT_ONCE)])
        before = connection.scalar(sa.text(DEADLOCKS))
        same, waited = _bring(connection, url, "same", [0] * AT_ONCE)
        deadlocks = connection.scalar(sa.text(DEADLOCKS)) - before
    assert queries.ledger(postgres_engine).balanced
    report("batches of ten from one host at a time", alone, "", 0, "/s")
    report(f"… from {AT_ONCE} at once, with bugs of their own", own, "one at a time", alone, "/s")
    report(f"… from {AT_ONCE} at once, all with the same {BUGS} bugs", same, "with bugs of their own", own, "/s")
    report("… events a second", same * EVENTS, "", 0, "/s")
    report("… longest wait for a lock", waited, "with bugs of their own", own_waited, "s", bar="≤ 1 s", met=waited <= 1)
    report("… deadlocks", deadlocks, "", 0, "", bar="none", met=deadlocks == 0)


def _bring(connection: sa.Connection, url: str, name: str, firsts: list[int]) -> tuple[float, float]:
    """Return the batches a second of as many processes as there are `firsts`, and the longest wait for a lock."""
    argv = [sys.executable, str(SCRIPT), url]
    started = [
        subprocess.Popen(
            [*argv, f"{name}{number}", str(BUGS), str(first), str(SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, first in enumerate(firsts)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    longest, until = 0.0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        longest = max(longest, float(connection.scalar(sa.text(LONGEST_WAIT)) or 0))
        time.sleep(0.02)
    brought = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    return sum(map(int, brought)) / SECONDS, longest
