"""Ten thousand events from four processes at once: all in the table, none lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.inside import Inside, lost, stored

PROCESSES, EACH = 4, 2_500


def test_burst(tmp_path: Path, report: Callable[..., None]) -> None:
    """Events a second from the first request to the last row, requests included."""
    with contextlib.ExitStack() as stack:
        sites = [
            stack.enter_context(contextlib.closing(Inside("capture", tmp_path / "site", PAYLOADS_PER_HOUR=1_000_000)))
            for _ in range(PROCESSES)
        ]

        def burst(number: int) -> None:
            paths = [f"/fault/{(number * EACH + n) % 50}/7/" for n in range(EACH)]
            sites[number].requests(paths, status=500)

        began = time.monotonic()
        with ThreadPoolExecutor(PROCESSES) as pool:
            list(pool.map(burst, range(PROCESSES)))
        answered = time.monotonic() - began
        total = PROCESSES * EACH
        deadline = time.monotonic() + 120
        while stored(tmp_path / "site") < total and time.monotonic() < deadline:
            time.sleep(0.05)
        took = time.monotonic() - began
        missing = lost(tmp_path / "site", total)
    report("burst of 10,000 from 4 processes: lost", missing, "sent", total, "", bar="none", met=missing == 0)
    report("… answered and stored", total / took, "answered", total / answered, "/s")
