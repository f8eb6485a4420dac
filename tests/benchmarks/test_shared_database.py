"""One PostgreSQL for eight site processes, four workers and four workbenches, for ten minutes.

WORKBENCH_SHARED_SECONDS=60 makes it shorter. Whether anything was lost, deadlocked or waited is what is measured, so
the rate is what a machine with all of it on two cores bears: each site process asks ten times a second.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from benchmarks.inside import Inside
from sqlalchemy.engine import Engine
from standins.github_in_memory import GitHubInMemory, github_in_memory
from terminal import Terminal

from capture.store.tables import Bug, OutboxRow, table_of
from workbench.bugs import queries

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(1_800)]
SECONDS = float(os.environ.get("WORKBENCH_SHARED_SECONDS", "600"))
SITES, HOSTS, WORKERS, WORKBENCHES = 8, 4, 4, 4
FAULTS = 120  # different ones
A_SECOND = 10  # failures of each site process
KEYS = ("j", "j", "G", "g", "enter", "escape", "k", "/", "e", "r", "enter", "escape", "escape", "d", "escape")
LONGEST_WAIT = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0) FROM pg_locks WHERE NOT granted
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def test_all_on_one_database(postgres_engine: Engine, tmp_path: Path, report: Callable[..., None]) -> None:
    before = _number(postgres_engine, DEADLOCKS)
    until = time.monotonic() + SECONDS
    with github_in_memory() as there, _everybody(postgres_engine, there, tmp_path) as all_of_them:
        with ThreadPoolExecutor(SITES + WORKBENCHES) as pool:
            asked = [pool.submit(_fail, site, number, until) for number, site in enumerate(all_of_them.sites)]
            used = [pool.submit(_use, terminal, until) for terminal in all_of_them.workbenches]
            waited = _watch(postgres_engine, until, [*asked, *used])
        answered = sum(future.result() for future in asked)
        slowest = sorted(itertools.chain.from_iterable(future.result() for future in used))
        late = _settled(postgres_engine, answered)
        ledger = queries.ledger(postgres_engine)
        with postgres_engine.connect() as connection:
            states = Counter(connection.scalars(sa.select(table_of(OutboxRow).c.state)))
            bugs = connection.scalar(sa.select(sa.func.count()).select_from(Bug)) or 0
        issues = len(there.issues)
    assert ledger.balanced, ledger
    report("8 + 4 + 4 on one PostgreSQL: failures", answered, "", 0, "")
    missing = answered - ledger.stored - ledger.counted
    report("… not accounted for as stored or counted", missing, "", 0, "", bar="none", met=missing == 0)
    report("… settled after the last answer", late, "", 0, "s")
    deadlocks = _number(postgres_engine, DEADLOCKS) - before
    report("… deadlocks", deadlocks, "", 0, "", bar="none", met=deadlocks == 0)
    report("… longest wait for a lock", waited, "", 0, "s", bar="≤ 1 s", met=waited <= 1)
    report("… issues opened", issues, "bugs", bugs, "", bar="one each", met=issues == bugs)
    report("… actions given up", states["parked"], "done", states["done"], "", bar="none", met=not states["parked"])
    if slowest:  # on a machine that is too busy the time may be over before a screen has changed
        report("… a key until the screen changed, 95 %", slowest[len(slowest) * 95 // 100], "", 0, "ms")


@dataclass(frozen=True)
class Everybody:
    """Who is at the database. The workers need nothing from anybody."""

    sites: list[Inside]
    workbenches: list[Terminal]


@contextlib.contextmanager
def _everybody(engine: Engine, there: GitHubInMemory, folder: Path) -> Iterator[Everybody]:
    url = engine.url.render_as_string(hide_password=False)
    environ = {
        "GITHUB_TOKEN": "t0ken",
        "WORKBENCH_GITHUB_REPOSITORY": there.full_name,
        "WORKBENCH_GITHUB_BASE_URL": there.url,
        "WORKBENCH_GITHUB_HOURLY_WRITES": "0",
        "WORKBENCH_GITHUB_POLL_SECONDS": "5",
        "WORKBENCH_DATABASE_URL": url,
        "PATH": "/usr/bin:/bin",
    }
    workbench = [sys.executable, "-m", "workbench"]
    with contextlib.ExitStack() as stack:
        sites = [
            stack.enter_context(
                contextlib.closing(Inside("capture", folder / f"host{number % HOSTS}", DATABASE_URL=url))
            )
            for number in range(SITES)
        ]
        for number in range(WORKERS):
            home = folder / f"worker{number}"
            home.mkdir()
            log = stack.enter_context((home / "log").open("w"))
            worker = subprocess.Popen([*workbench, "worker"], cwd=home, env={**environ, "HOME": str(home)}, stdout=log)
            stack.callback(worker.wait, 60)
            stack.callback(worker.terminate)
        terminals = []
        for number in range(WORKBENCHES):
            home = folder / f"home{number}"
            home.mkdir()
            one = Terminal(workbench, env={**environ, "HOME": str(home)}, cwd=home)
            terminals.append(stack.enter_context(one))
            one.wait_for("bugs|Bugs")
        yield Everybody(sites, terminals)


def _fail(site: Inside, number: int, until: float) -> int:
    """Let a site fail so often a second; return how often it did."""
    failed = 0
    while time.monotonic() < until:
        began = time.monotonic()
        paths = [f"/fault/{(number + failed + n) * 7 % FAULTS}/7/" for n in range(A_SECOND)]
        site.requests(paths, status=500)
        failed += len(paths)
        time.sleep(max(began + 1 - time.monotonic(), 0))
    return failed


def _use(terminal: Terminal, until: float) -> list[float]:
    """Press keys as a person does; return the milliseconds until the screen changed after each."""
    took: list[float] = []
    while time.monotonic() < until:
        for key in KEYS:
            began, before = time.monotonic(), len(terminal.chunks)
            terminal.press(key)
            while len(terminal.chunks) == before and time.monotonic() < began + 2:
                terminal.read(0.01)
            if len(terminal.chunks) > before:
                took.append(1_000 * (terminal.chunks[before][0] - began))
            terminal.read(0.4)
            assert terminal.is_alive, terminal.text
    return took


def _watch(engine: Engine, until: float, at_work: list[Future[int] | Future[list[float]]]) -> float:
    """Return the seconds that anybody waited for a lock at most."""
    longest = 0.0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while time.monotonic() < until and not any(one.done() and one.exception() for one in at_work):
            longest = max(longest, float(connection.scalar(sa.text(LONGEST_WAIT)) or 0))
            threading.Event().wait(0.05)
    return longest


def _settled(engine: Engine, answered: int) -> float:
    """Wait until all that was answered is in the ledger and no action is left; return the seconds that it took."""
    began = time.monotonic()
    outbox = table_of(OutboxRow)
    while time.monotonic() < began + 120:
        ledger = queries.ledger(engine)
        owed = sa.select(outbox.c.id).where(outbox.c.state == "due", outbox.c.due_at <= datetime.now(UTC)).limit(1)
        with engine.connect() as connection:
            if ledger.stored + ledger.counted >= answered and connection.scalar(owed) is None:
                break
        time.sleep(0.2)
    return time.monotonic() - began


def _number(engine: Engine, statement: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(statement)) or 0)
