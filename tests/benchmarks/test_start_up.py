"""What capture costs a site that starts, and one that runs and leaves the carrying to another process."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.inside import Inside, environment

ROUNDS, EVENTS = 7, 200
IMPORT = """
import json, os, sys, threading, time
import django
django.setup()
from django.core.handlers import wsgi
began = time.process_time()
import {module}
spent = time.process_time() - began
print(json.dumps({{"ms": 1000 * spent, "threads": threading.active_count(), "sqlmodel": "sqlmodel" in sys.modules}}))
"""


def _import(module: str, folder: Path) -> dict:
    """Return the milliseconds of CPU that an import adds to a site that is set up without it."""
    script = IMPORT.format(module=module)
    env = environment("none", folder)
    return json.loads(subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True).stdout)


def test_import(tmp_path: Path, report: Callable[..., None]) -> None:
    """CPU of the import after Django, median of rounds taken in turn."""
    modules = {"capture.middleware": [], "sentry_sdk.integrations.django": []}
    for _ in range(ROUNDS):
        for module, found in modules.items():
            found.append(_import(module, tmp_path))
    ours, theirs = (median(one["ms"] for one in found) for found in modules.values())
    report("import, CPU after Django", ours, "sentry-sdk", theirs, "ms", bar="< 60 ms", met=ours < 60)
    threads = max(one["threads"] for one in modules["capture.middleware"]) - 1
    report("… threads before the first event", threads, "", 0, "", bar="none", met=threads == 0)
    assert not any(one["sqlmodel"] for one in modules["capture.middleware"])


def test_memory(tmp_path: Path, report: Callable[..., None]) -> None:
    """Memory of a process that captured some hundred different faults beside one without capture.

    What only that process holds (USS), after a collection and after what is free has gone back to the system. The
    recorder's lock is with another process of the host, as in a site of several workers. Each variant has its turn
    alone, with the same requests before.
    """
    paths = [f"/fault/{n}/7/" for n in range(EVENTS)]
    held: dict[str, float] = {}
    with contextlib.closing(Inside("capture", tmp_path / "capture")) as carrier:
        carrier.requests(["/fault/699/7/"], status=500)
        carrier.settle(1)
        for variant in ("none", "capture", "sentry-sdk"):
            with contextlib.closing(Inside(variant, tmp_path / variant)) as site:
                site.requests(paths, status=500)
                state = site.state(memory=True)
                held[variant] = state["memory"]
                assert variant != "capture" or not state["sqlmodel"]
        carrier.requests(paths, status=500)
        carrier.settle(1 + 2 * EVENTS)
        carrying = carrier.state(memory=True)["memory"]
    ours, theirs = held["capture"] - held["none"], held["sentry-sdk"] - held["none"]
    report("memory after 200 different faults", ours, "sentry-sdk", theirs, "MiB", bar="< 15 MiB", met=ours < 15)
    report("… of the one process that carries", carrying - held["none"], "sentry-sdk", theirs, "MiB")
