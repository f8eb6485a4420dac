"""What requests notice while the database is locked for ten seconds: nothing, and memory stays where it was."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
import sqlalchemy as sa
from benchmarks.inside import lost
from benchmarks.served import Load, Served, serving
from sqlalchemy.engine import Engine

ROUNDS, SECONDS = 2, 10
Locked = Callable[[], contextlib.AbstractContextManager[None]]


def _load(server: Served) -> Load:
    return server.load(seconds=SECONDS, pause=0.02)


@contextlib.contextmanager
def _sqlite_locked(path: Path) -> Iterator[None]:
    with contextlib.closing(
        sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(SECONDS, connection.rollback)
        release.start()
        yield
        release.join()


@contextlib.contextmanager
def _postgresql_locked(engine: Engine) -> Iterator[None]:
    with engine.connect() as connection:
        connection.execute(sa.text("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE"))
        release = threading.Timer(SECONDS, connection.rollback)
        release.start()
        yield
        release.join()


def test_sqlite_away(tmp_path: Path, report: Callable[..., None]) -> None:
    """Nobody else can write."""
    folder = tmp_path / "site"
    _measure(report, "database away 10 s", folder, lambda: _sqlite_locked(folder / "bugs.db"))


@pytest.mark.postgres
def test_postgresql_away(postgres_engine: Engine, tmp_path: Path, report: Callable[..., None]) -> None:
    """Nobody else gets at the table that is written first; whoever waits gives up in time."""
    url = postgres_engine.url.render_as_string(hide_password=False)
    what = "database away 10 s, PostgreSQL"
    _measure(report, what, tmp_path / "site", lambda: _postgresql_locked(postgres_engine), url=url)


def _measure(report: Callable[..., None], what: str, folder: Path, locked: Locked, *, url: str = "") -> None:
    """Report latency and memory of the same server, quiet and with its database locked, in turn."""
    worst, quiet, away, grown, answered = [], [], [], [], 0
    address = {"DATABASE_URL": url} if url else {}
    with serving("capture", folder, PAYLOADS_PER_HOUR=1_000_000, **address) as server:
        answered += len(server.load(seconds=2).milliseconds)
        for _ in range(ROUNDS):
            before = _load(server)
            memory = server.worker_memory()
            with locked():
                during = _load(server)
            grown.append(server.worker_memory() - memory)
            worst.append((max(during.milliseconds), max(before.milliseconds)))
            quiet.append(before.p99)
            away.append(during.p99)
            answered += len(before.milliseconds) + len(during.milliseconds)
        missing = lost(folder, answered, url=url)
    least = min(worst)
    report(f"{what}: slowest answer", least[0], "quiet", least[1], "ms", bar="≤ 150 ms", met=least[0] <= 150)
    ratio = median(a / q for a, q in zip(away, quiet, strict=True))
    report("… 99th percentile", median(away), "quiet", median(quiet), "ms", bar="≤ 2 × quiet", met=ratio <= 2)
    report("… memory grown by", max(grown), "", 0, "MiB", bar="≤ 10 MiB", met=max(grown) <= 10)
    report("… events lost", missing, "answered", answered, "", bar="none", met=missing == 0)
