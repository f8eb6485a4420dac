"""Whether processes run. A dead one that nobody collects does not: process 1 of many a container collects none."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil

_LOOK_SECONDS = 0.02


def runs(pid: int) -> bool:
    """Say whether a process with this pid is there, and not only dead and waiting to be collected."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def still_running(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those that run after so many seconds, or no one as soon as none does. Our own children are collected."""
    until = time.monotonic() + seconds
    while True:
        running = [process for process in processes if process.is_running() and runs(process.pid)]
        psutil.wait_procs(processes, timeout=0)  # after that look, so that no child of ours that it found dead stays
        if not running or time.monotonic() >= until:
            return running
        time.sleep(_LOOK_SECONDS)
