"""A real site under a real server, a storm of requests on it, and what of them arrived."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from capture import spool
from capture.conf import CaptureSettings
from capture.event import encode
from capture.journal import Count, Journal
from capture.ledger import Ledger, ledger
from capture.recorder import drain
from capture.store.engine import open_engine
from capture.store.tables import Bug, Occurrence, Tally, table_of
from capture.testing import make_event

SITE = Path(__file__).parent / "site"
# Full durations (30 s of a locked database, 60 s without one) by `make faults`; short ones with all other tests.
FULL = os.environ.get("WORKBENCH_FAULTS") == "full"


@dataclass
class Storm:
    """What clients saw: the numbers of the failures that were answered, and how long each answer took."""

    answered: list[int] = field(default_factory=list)
    odd: list[Any] = field(default_factory=list)
    unanswered: int = 0
    seconds: list[float] = field(default_factory=list)

    def slowest(self, share: float = 1.0) -> float:
        """Return the time within which `share` of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Site:
    """A site of its own, in a folder of the test."""

    def __init__(self, folder: Path, *, database_url: str = "", **capture: Any) -> None:
        self.folder = folder
        self.port = _free_port()
        self.settings = CaptureSettings(
            database_url=database_url or f"sqlite:///{folder / 'bugs.db'}",
            journal_dir=folder / "journal",
            release=None,
            environment="production",
            project="clinic",
            keep_events=100_000,
        )
        self.capture = {
            "DATABASE_URL": self.settings.database_url,
            "JOURNAL_DIR": str(self.settings.journal_dir),
            "PROJECT": "clinic",
            "PAYLOADS_PER_HOUR": 1_000_000,
            "KEEP_EVENTS": 100_000,
            **capture,
        }
        self.processes: list[subprocess.Popen[str]] = []

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the site's processes."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "faulty_settings",
            "FAULTY_SITE_DIR": str(self.folder),
            "FAULTY_SITE_CAPTURE": json.dumps(self.capture),
            "PYTHONPATH": os.pathsep.join([str(SITE), os.environ.get("PYTHONPATH", "")]),
            **more,
        }

    def serve(self, *options: str, workers: int = 1, app: str = "", **environment: str) -> subprocess.Popen[str]:
        """Serve the site by gunicorn, and wait until it answers."""
        process = self.start(
            *("-m", "gunicorn", "--workers", str(workers), "--threads", "8", "--worker-class", "gthread"),
            *("--bind", f"127.0.0.1:{self.port}", "--log-level", "error", *options),
            app or "django.core.wsgi:get_wsgi_application()",
            **environment,
        )
        until(lambda: self.get("/")[0] == 200 or process.poll() is not None, seconds=60)
        assert process.poll() is None, (self.folder / "stderr").read_text()[-4_000:]
        return process

    def start(self, *arguments: str, before: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        """Start Python with the site's settings."""
        with (self.folder / "stderr").open("a") as stderr:
            process = subprocess.Popen(
                [*before, sys.executable, *arguments],
                env=self.environment(**environment),
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def run(self, script: str, *, before: tuple[str, ...] = (), **environment: str) -> str:
        """Run a script with the site's settings, and return what it printed."""
        process = self.start("-W", "error", "-c", PRELUDE + script, before=before, **environment)
        said = process.communicate(timeout=110)[0]
        assert process.returncode == 0, (self.folder / "stderr").read_text()[-4_000:]
        return said

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of one answer; status 0 for none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def stop(self) -> None:
        """End all processes of the site, at once."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def fail(self, times: int) -> None:
        """Put the failures 1 to `times` into a journal, as a process of the site would that then ended."""
        journal = Journal(self.settings.journal_dir, max_bytes=1 << 28)
        for number in range(1, times + 1):
            event = make_event(message=f"failure {number}", key=f"{number % 7:016x}")
            assert journal.append_event(encode(event), count=Count("clinic", event.fingerprint.key, time.time()))
        journal.close()

    def drain(self) -> None:
        """Carry over all that is left."""
        drain(self.settings)

    def ledger(self) -> Ledger:
        """Return the site's ledger."""
        return ledger(self.settings)

    def arrived(self) -> Arrived:
        """Return what is in the database."""
        engine = open_engine(self.settings.database_url)
        try:
            with engine.connect() as connection:
                titles = connection.scalars(sa.select(table_of(Occurrence).c.id)).all()
                return Arrived(
                    stored=len(titles),
                    counted=connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(table_of(Bug).c.count), 0))) or 0,
                    tallied=connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(table_of(Tally).c.count), 0)))
                    or 0,
                    numbers=_numbers(connection),
                )
        finally:
            engine.dispose()

    @contextlib.contextmanager
    def storm(self, *, clients: int = 8, pause: float = 0.0) -> Iterator[Storm]:
        """Have clients ask for failures for as long as the block lasts."""
        seen, stop, lock = Storm(), threading.Event(), threading.Lock()
        numbers = iter(range(10_000_000))

        def ask() -> None:
            while not stop.is_set():
                with lock:
                    number = next(numbers)
                began = time.perf_counter()
                status, _body = self.get(f"/fault/?n={number}")
                took = time.perf_counter() - began
                with lock:
                    if status == 500:
                        seen.answered.append(number)
                        seen.seconds.append(took)
                    elif status == 0:
                        seen.unanswered += 1
                    else:
                        seen.odd.append(status)
                if pause:
                    stop.wait(pause)

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            stop.set()
            for thread in threads:
                thread.join()


@dataclass(frozen=True)
class Arrived:
    """What is in the database: occurrences, the counts of bugs, those of tallies, and which failures they are."""

    stored: int
    counted: int
    tallied: int
    numbers: list[int]


def check_all_arrived(site: Site, storm: Storm) -> None:
    """Every failure that was answered is there exactly once, every other at most once, and all balances."""
    arrived, found = site.arrived(), site.ledger()
    assert storm.odd == []
    assert len(arrived.numbers) == len(set(arrived.numbers)), "exactly once"
    assert set(storm.answered) <= set(arrived.numbers)
    # A process that is killed in the middle of a write leaves half a record, of a request that it had not answered.
    torn = found.dropped.get("torn", 0)
    assert arrived.stored + torn <= len(storm.answered) + storm.unanswered
    assert arrived.stored == arrived.counted == arrived.tallied == found.stored == found.seen - torn, found
    dropped = {"torn": torn} if torn else {}
    assert (found.pending, found.dropped, found.balanced, found.database_error) == (0, dropped, True, "")
    assert arrived.stored > 0


def check_the_ledger(found: dict[str, Any] | Ledger, *, failures: int) -> None:
    """Every failure is in the ledger, and it balances."""
    data = found.as_dict() if isinstance(found, Ledger) else found
    assert data["balanced"], data
    assert data["seen"] == failures, data


def until(condition: Callable[[], Any], *, seconds: float = 60) -> None:
    """Wait until a condition holds; fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def journals(site: Site) -> list[Path]:
    """Return the site's journals."""
    return spool.journals(site.settings.journal_dir)


def _numbers(connection: sa.Connection) -> list[int]:
    from capture.store.payloads import open_event

    messages = [
        open_event(payload).message for payload in connection.scalars(sa.select(table_of(Occurrence).c.payload))
    ]
    return [int(message.split()[1]) for message in messages if message.startswith("failure ")]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# What every script of a site begins with.
PRELUDE = """
import json, os, sys, threading, time, warnings
import django
django.setup()
from django.test import Client
from capture import pipeline
from capture.conf import load
from capture.ledger import ledger
from capture.recorder import drain
client = Client(raise_request_exception=False)
asked = 0
def fail(times=1):
    global asked
    for _ in range(times):
        asked += 1
        status = client.get(f"/fault/?n={asked}").status_code
        assert status == 500, status
def tell():
    print(json.dumps(ledger(load()).as_dict()), flush=True)
"""
