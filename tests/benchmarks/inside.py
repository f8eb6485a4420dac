"""Sites that serve requests inside a child process each, so that one's CPU is nobody else's."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from capture.conf import CaptureSettings
from capture.ledger import Ledger, ledger

SITE = Path(__file__).parent / "site"


class Inside:
    """A child with the site of one variant: "none", "floor", "capture", "capture-only" or "sentry-sdk".

    "capture-only" leaves the carrying to another process, as all but one process of a host do.
    """

    def __init__(self, variant: str, folder: Path, **capture: Any) -> None:
        self.variant, self.folder = variant, folder
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "stderr").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(SITE / "bench_child.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment(variant, folder, **capture),
            )
        self.at_start = self._answer()

    def requests(self, paths: Sequence[str], *, status: int, method: str = "GET") -> tuple[list[float], float]:
        """Serve the paths; return the CPU of each in its thread and of all in the process, both in microseconds."""
        answer = self._ask({"method": method, "paths": list(paths), "status": status})
        return answer["thread"], answer["process"] * 1_000_000

    def state(self, *, memory: bool = False) -> dict[str, Any]:
        """Return the CPU seconds and the threads of the process so far, and on demand the MiB that are its own."""
        return self._ask({"memory": True} if memory else {})

    def stored(self) -> int:
        """Return how many events are in the site's bug database."""
        return stored(self.folder)

    def settle(self, number: int, *, seconds: float = 60) -> None:
        """Wait until as many events are stored."""
        deadline = time.monotonic() + seconds
        while self.stored() < number:
            assert time.monotonic() < deadline, f"{self.stored()} of {number} stored after {seconds} s"
            time.sleep(0.05)

    def close(self) -> None:
        """End the child."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError((self.folder / "stderr").read_text()[-3_000:])
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(variant: str, folder: Path, **capture: Any) -> dict[str, str]:
    """Return the environment of a process that runs the benchmarks' site."""
    if variant == "capture-only":
        variant, capture = "capture", {**capture, "BACKGROUND": False}
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bench_settings",
        "PYTHONPATH": str(SITE),
        "BENCH_VARIANT": variant,
        "BENCH_FOLDER": str(folder),
        "BENCH_CAPTURE": json.dumps(capture),
    }


def stored(folder: Path) -> int:
    """Return how many events were put into the bug database of a folder, by its ledger: old ones may be pruned."""
    path = folder / "bugs.db"
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            return int(connection.execute("SELECT coalesce(sum(stored), 0) FROM journal").fetchone()[0])
        except sqlite3.OperationalError:  # being made
            return 0


def lost(folder: Path, answered: int, *, url: str = "", seconds: float = 60) -> int:
    """Wait until as many events are stored as failures were answered; return how many are not.

    Fails where it cannot show what became of them: what is still in a journal is late and not lost, and an answer
    that the ledger knows nothing of was perhaps none of the site's. What was dropped, and why, is printed.
    """
    deadline = time.monotonic() + seconds
    while (found := _ledger(folder, url)).stored < answered and time.monotonic() < deadline:
        time.sleep(0.5)
    if found.stored != answered:
        sys.stdout.write(f"\n{answered} answered, and the ledger says: {found.as_dict()}\n")
    assert found.balanced, found
    assert not found.pending, f"{found.pending} are still in journals: {found}"
    assert found.seen == answered, f"{answered} were answered and {found.seen} seen: {found}"
    return answered - found.stored


def _ledger(folder: Path, url: str) -> Ledger:
    url = url or f"sqlite:///{folder / 'bugs.db'}"
    return ledger(CaptureSettings(url, folder / "journal", release=None, environment="", project=""))


@contextlib.contextmanager
def sites(folder: Path, *variants: str, **capture: Any) -> Iterator[list[Inside]]:
    """Start one child for each variant, and end them afterwards."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Inside(name, folder / name, **capture))) for name in variants]
