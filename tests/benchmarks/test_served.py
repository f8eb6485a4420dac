"""The site under gunicorn, eight connections that get nothing but 500s. Clocks on the wall: several rounds, in turn."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.inside import lost, stored
from benchmarks.served import serving

ROUNDS = 4
EVERY_ONE = 1_000_000


def test_requests_a_second(tmp_path: Path, report: Callable[..., None]) -> None:
    """The rate of errors as a part of the same site's without capture: median of the rounds."""
    with contextlib.ExitStack() as stack:

        def serve(name: str, variant: str, **capture: int) -> None:
            servers[name] = stack.enter_context(serving(variant, tmp_path / name, **capture))

        servers: dict = {}
        serve("none", "none")
        serve("stored", "capture", PAYLOADS_PER_HOUR=EVERY_ONE)
        serve("capped", "capture")
        serve("sentry-sdk", "sentry-sdk")
        for server in servers.values():
            server.load(seconds=1.5)
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, server in servers.items():
                rates[name].append(server.load().rate)
    parts = {name: median(ours / none for ours, none in zip(rates[name], rates["none"], strict=True)) for name in rates}
    for what, name in (("all stored", "stored"), ("default settings", "capped")):
        report(
            f"gunicorn, 500s only, {what}: rate beside no capture",
            parts[name],
            "sentry-sdk",
            parts["sentry-sdk"],
            "",
            bar="≥ 0.75",
            met=parts[name] >= 0.75,
        )
    fastest = max(rates["stored"])
    report(
        "… answered, all stored", fastest, "no capture", max(rates["none"]), "/s", bar="≥ 600 /s", met=fastest >= 600
    )


def test_all_in_the_table_within_a_second(tmp_path: Path, report: Callable[..., None]) -> None:
    """Seconds from the last answer until the last event is in the table."""
    late = []
    with serving("capture", tmp_path / "site", PAYLOADS_PER_HOUR=EVERY_ONE) as server:
        answered = len(server.load(seconds=1.5).milliseconds)
        for _ in range(ROUNDS):
            answered += len(server.load().milliseconds)
            began = time.monotonic()
            while stored(server.folder) < answered and time.monotonic() - began < 60:
                time.sleep(0.02)
            late.append(time.monotonic() - began)
        assert lost(server.folder, answered) == 0
    report(
        "… in the table after the last answer",
        min(late),
        "median round",
        median(late),
        "s",
        bar="≤ 1 s",
        met=min(late) <= 1,
    )
