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

    Another process of the host has the recorder's lock, as in a site of several workers.
    """
    for variant in ("none", "capture", "sentry-sdk"):
        Inside(variant, tmp_path / variant).close()  # makes its database
    with contextlib.ExitStack() as stack:

        def start(variant: str) -> Inside:
            return stack.enter_context(contextlib.closing(Inside(variant, tmp_path / variant)))

        carrier = start("capture")
        carrier.requests(["/fault/699/7/"], status=500)
        carrier.settle(1)
        sites = [carrier, *map(start, ("none", "capture", "sentry-sdk"))]
        for site in sites:
            site.requests([f"/fault/{n}/7/" for n in range(EVENTS)], status=500)
        carrier.settle(2 * EVENTS)
        carrying, none, ours, theirs = (site.state() for site in sites)
    assert not ours["sqlmodel"]
    grown, peer = ours["rss"] - none["rss"], theirs["rss"] - none["rss"]
    met = grown < 15 if grown >= 0 else None  # less than nothing is no answer
    report("memory after 200 different faults", grown, "sentry-sdk", peer, "MiB", bar="< 15 MiB", met=met)
    report("… of the one process that carries", carrying["rss"] - none["rss"], "sentry-sdk", peer, "MiB")
