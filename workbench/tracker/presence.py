"""Whether a worker that leased something still runs, told by its name: on the same kernel a dead one can be known.

Its name holds the host, the kernel's boot, the namespace of its processes and the start of its own, so that neither
another container or machine (one that was copied while it ran has the same boot) nor a later process with its number is
mistaken for it. Where there is no /proc, and of workers elsewhere, nothing is known: their leases run out.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC = Path("/proc")


def worker_name() -> str:
    """Return a name for a worker of this process that no other has."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{_place()}:{pid}:{_started(pid)}:{secrets.token_hex(4)}"


def is_gone(name: str) -> bool:
    """Return True where the process of this worker is known to be dead."""
    host, place, pid, started = [*name.split(":"), "", "", ""][:4]
    if not place or (host, place) != (socket.gethostname(), _place()) or not pid.isdecimal() or not started:
        return False
    now = _started(int(pid))
    return now != started and (bool(now) or _is_no_more(int(pid)))


def _place() -> str:
    """Return what is one for all processes that can see each other's numbers, or nothing where that is not known."""
    try:
        if (_PROC / "self").readlink().name != str(os.getpid()):  # of another namespace: its numbers are not ours
            return ""
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink().name.strip('pid:[]')}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process was started, in the kernel's own ticks, which no clock moves; nothing for one not seen."""
    try:
        state, *rest = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if state in ("Z", "X") else rest[18]


def _is_no_more(pid: int) -> bool:
    """Tell a process that is not there from one that is hidden from us."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
