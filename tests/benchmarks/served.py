"""The benchmarks' site behind gunicorn, one worker of eight threads, and a client that loads it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from benchmarks.inside import SITE, Inside, environment

LOAD = Path(__file__).with_name("load.py")
FAULT = "/fault/3/7/"


@dataclass(frozen=True)
class Load:
    """What a client saw: the seconds it took in all, and the milliseconds of each answer."""

    seconds: float
    milliseconds: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.milliseconds) / self.seconds

    @property
    def p99(self) -> float:
        """The 99th percentile of the answers' milliseconds."""
        return sorted(self.milliseconds)[int(len(self.milliseconds) * 0.99)]


@dataclass(frozen=True)
class Served:
    """One running server."""

    folder: Path
    port: int
    pid: int

    def load(self, path: str = FAULT, *, connections: int = 8, seconds: float = 2, pause: float = 0) -> Load:
        """Ask for one path for some seconds; each must be answered 500."""
        argv = [sys.executable, str(LOAD), str(self.port), path, str(connections), str(seconds), str(pause)]
        answer = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=120).stdout)
        assert answer["statuses"] == ["500"], answer["statuses"]
        return Load(answer["seconds"], answer["milliseconds"])

    def worker_memory(self) -> float:
        """Return the MiB of memory of the worker process."""
        (worker,) = psutil.Process(self.pid).children()
        return float(worker.memory_info().rss) / 1024**2


@contextlib.contextmanager
def serving(variant: str, folder: Path, **capture: Any) -> Iterator[Served]:
    """Serve one variant of the site."""
    Inside(variant, folder, **capture).close()  # makes its database
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--workers=1", "--worker-class=gthread", "--threads=8", "--keep-alive=60", f"--bind=127.0.0.1:{port}"]
    argv = [sys.executable, "-m", "gunicorn", *options, "--log-level=error", "--no-control-socket", "bench_wsgi"]
    with (folder / "gunicorn").open("w") as errors:
        process = subprocess.Popen(
            argv, cwd=SITE, env=environment(variant, folder, **capture), stdout=errors, stderr=errors
        )
    try:
        _wait_for(port, process, folder)
        yield Served(folder, port, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, (folder / "gunicorn").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("gunicorn does not answer")
