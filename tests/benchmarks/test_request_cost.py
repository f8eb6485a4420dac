"""What a request pays: healthy, refused, failed, and failed for the thousandth time. CPU, rounds taken in turn.

Each variant of the same site runs in a process of its own. What it adds is the difference to the site without any
capture, between the lower deciles, since other work on the machine only ever adds; the first rounds warm up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from benchmarks.inside import Inside, sites

ROUNDS, EACH, FRESH = 7, 60, 60
VARIANTS = ("none", "floor", "capture", "capture-only", "sentry-sdk")


@dataclass
class Cost:
    """Microseconds of CPU a request: in its thread, and in the whole process with all that happens afterwards."""

    thread: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Inside]]:
    """The site in four variants; ours keeps every event."""
    with sites(tmp_path_factory.mktemp("sites"), *VARIANTS, PAYLOADS_PER_HOUR=1_000_000) as started:
        yield started


def _measure(
    children: Sequence[Inside],
    paths: Callable[[int], list[str]],
    *,
    status: int,
    method: str = "GET",
    carried: bool = False,
) -> dict[str, Cost]:
    """Return what each variant adds to the site without capture; with `carried`, ours with its drain and commit."""
    costs = {child.variant: Cost() for child in children}
    for round_ in range(ROUNDS + 1):
        for child in children:
            stored, began = child.stored(), child.state()["cpu"]
            thread, process = child.requests(paths(round_), status=status, method=method)
            if carried and child.variant == "capture":
                child.settle(stored + len(thread))
                process = (child.state()["cpu"] - began) * 1_000_000
            if round_:
                costs[child.variant].thread += thread
                costs[child.variant].process.append(process / len(thread))
    return costs


def _added(costs: dict[str, Cost], variant: str, where: str = "thread") -> float:
    """Return the lower decile of one variant less that of none."""
    ours, none = (sorted(getattr(costs[name], where)) for name in (variant, "none"))
    return float(ours[len(ours) // 10] - none[len(none) // 10])


def test_healthy(children: list[Inside], report: Callable[..., None]) -> None:
    """A response that is fine, of the whole site."""
    costs = _measure(children, lambda _round: ["/healthy/"] * (2 * EACH), status=200)
    ours, theirs = _added(costs, "capture"), _added(costs, "sentry-sdk")
    report("healthy response, whole site, added", ours, "sentry-sdk", theirs, "µs", bar="< 20 µs", met=ours < 20)
    costs = _measure(children, lambda _round: ["/detail/7/"] * EACH, status=200)
    ours, theirs = _added(costs, "capture"), _added(costs, "sentry-sdk")
    report("healthy page with two queries, added", ours, "sentry-sdk", theirs, "µs", bar="< 20 µs", met=ours < 20)


def test_failed(children: list[Inside], report: Callable[..., None]) -> None:
    """A 500 of seven frames that nobody has seen before: every one has its own code, route and fingerprint."""
    costs = _measure(
        children, lambda round_: [f"/fault/{round_ * FRESH + n}/7/" for n in range(FRESH)], status=500, carried=True
    )
    _report_beside_the_floor("500, 7 frames, first of its kind", costs, report)
    ours, theirs = _added(costs, "capture", "process"), _added(costs, "sentry-sdk", "process")
    report("… whole process, stored", ours, "sentry-sdk", theirs, "µs", bar="≤ 0.10", met=ours <= theirs / 10)

    costs = _measure(children, lambda _round: ["/fault/699/7/"] * EACH, status=500, carried=True)
    _report_beside_the_floor("500, 7 frames, seen before", costs, report)
    ours, theirs = _added(costs, "capture", "process"), _added(costs, "sentry-sdk", "process")
    report("… whole process, stored", ours, "sentry-sdk", theirs, "µs", bar="≤ 0.10", met=ours <= theirs / 10)


ALONE = "… where another process carries"


def _report_beside_the_floor(what: str, costs: dict[str, Cost], report: Callable[..., None]) -> None:
    ours, floor = _added(costs, "capture"), _added(costs, "floor")
    report(f"{what}: thread", ours, "floor", floor, "µs", bar="≤ 2 × floor", met=ours <= 2 * floor)
    report(ALONE, _added(costs, "capture-only"), "floor", floor, "µs")


REFUSALS = {
    "404 from a view": ("GET", "/missing/7/", 404),
    "404 returned": ("GET", "/returned/7/", 404),
    "404 without a route": ("GET", "/nowhere/7/", 404),
    "403 of the CSRF check": ("POST", "/form/", 403),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refused(children: list[Inside], report: Callable[..., None], what: str) -> None:
    """A 4xx, every one of them stored; the peer stores none."""
    method, path, status = REFUSALS[what]
    costs = _measure(children, lambda _round: [path] * EACH, status=status, method=method, carried=True)
    ours, theirs = _added(costs, "capture"), _added(costs, "sentry-sdk")
    report(f"{what}: thread", ours, "sentry-sdk", theirs, "µs", bar="< 150 µs", met=ours < 150)
    report(ALONE, _added(costs, "capture-only"), "sentry-sdk", theirs, "µs")
    ours, theirs = _added(costs, "capture", "process"), _added(costs, "sentry-sdk", "process")
    report("… whole process, stored", ours, "sentry-sdk, not stored", theirs, "µs", bar="≤ 300 µs", met=ours <= 300)


def test_past_the_cap(tmp_path: Path, report: Callable[..., None]) -> None:
    """A 500 of which enough full events are kept: it is only counted."""
    with sites(tmp_path, *VARIANTS, PAYLOADS_PER_HOUR=1) as children:
        costs = _measure(children, lambda _round: ["/fault/3/7/"] * EACH, status=500)
    ours, theirs = _added(costs, "capture"), _added(costs, "sentry-sdk")
    report("500 past the payload cap: thread", ours, "sentry-sdk", theirs, "µs", bar="< 100 µs", met=ours < 100)
    report(ALONE, _added(costs, "capture-only"), "sentry-sdk", theirs, "µs")
