"""Makes evidence: all runs on clean trees, the fast answer first, then the verdict."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import get_args

from workbench.errors import ConfigurationError
from workbench.evidence import flags as tamper
from workbench.evidence import trees
from workbench.evidence.cache import Cache, Past
from workbench.evidence.command import NotSupported, TestCommand
from workbench.evidence.costs import Estimate
from workbench.evidence.hunks import Hunk, hunks
from workbench.evidence.report import (
    BASE,
    BASE_AGAIN,
    BROKEN_AGAIN,
    BROKEN_ON_BASE,
    NEW_ON_BASE,
    NEW_ON_BASE_AGAIN,
    NEW_ON_FIX,
    NEW_ON_FIX_AGAIN,
    OLD_ON_FIX,
    SUITE_ON_FIX,
    EvidenceReport,
    EvidenceRequest,
    Flag,
    Network,
    Run,
    Verdict,
)
from workbench.evidence.results import wants_network
from workbench.evidence.runs import PASSED_ON, Runner
from workbench.evidence.split import Split
from workbench.evidence.verdict import Changed, decide, newly_red
from workbench.git import Repository

Progress = Callable[[str], None]
Clock = Callable[[], datetime]

# New tests run a second time, and what broke up to three times, where one run takes no longer than this.
_CHEAP_SECONDS = 15.0
_BROKEN_ROUNDS = 3
_TOLD_EVERY_SECONDS = 0.95


@dataclass(frozen=True)
class _Plan:
    """One run: which commit it starts from, and which paths of which other commit are laid over it."""

    name: str
    start: str
    overlay: str = ""
    paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    words: str = ""
    hunk: Hunk | None = None


def collect(
    request: EvidenceRequest,
    *,
    progress: Progress = lambda _: None,
    tick: Progress | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> EvidenceReport:
    """Return the evidence that a result fixes a fault.

    `progress` hears what is run and what came out; `tick` hears, every second while tests run, how far they are, and
    is `progress` where it is not given. Raises a `WorkbenchError` where there is no such repository or commit, or git
    fails. Everything that keeps tests from running is part of the report instead.
    """
    begun = clock()
    if request.network not in get_args(Network):
        raise ConfigurationError(
            f"tests.network = {request.network!r} is not known.", cure="Set it to auto, on or off."
        )
    repository = Repository.open(request.repository)
    base, result = repository.resolve(request.base), repository.resolve(request.result)
    changes = repository.changes(base, result)
    split = Split.of(changes)

    def report(verdict: Verdict, reason: str, found: list[Flag], runs: list[Run]) -> EvidenceReport:
        progress(f"{verdict}: {reason}")
        return EvidenceReport(verdict, reason, tuple(found), tuple(runs), base, result, begun, clock())

    found = tamper.of_changes(repository, base, result, split, request.fault, request.personal)
    try:
        command = TestCommand.parse(request.command, repository.root)
    except NotSupported as error:
        return report("not run", f"No test was run: {error}.", found, [])
    changed = Changed(
        bool(changes),
        split.test_files,
        split.gone_tests,
        split.harness,
        split.tests,
        bool(split.source),
        tuple(path for path in (*split.source, *split.harness) if tamper.names_packages(path)),
    )
    series = _Series(request, repository, command, base, result, split, progress, tick or progress)
    runs = series.run() if changes else {}
    found += tamper.of_runs(runs.get(BASE), runs.get(SUITE_ON_FIX))
    found += tamper.of_plugins(split.source, runs.values())
    verdict, reason = decide(request.fault, changed, runs, found)
    if request.each_hunk and not any(run.trouble for run in runs.values()):
        runs |= series.without_each_hunk(runs)
    return report(verdict, reason, found, list(runs.values()))


def estimate(request: EvidenceRequest) -> Estimate:
    """Return what evidence will cost, from what the last one took and what is remembered of the base.

    Raises a `WorkbenchError` where there is no such repository or commit.
    """
    repository = Repository.open(request.repository)
    try:
        command = TestCommand.parse(request.command, repository.root)
    except NotSupported:
        return Estimate(0, None, 0, is_base_known=False)
    cache = _cache(request, command, repository)
    return Estimate.of(cache.past(), is_base_known=bool(cache.base(repository.resolve(request.base))))


def _cache(request: EvidenceRequest, command: TestCommand, repository: Repository) -> Cache:
    environ = [(name, os.environ[name]) for name in PASSED_ON if name in os.environ]
    return Cache(request.cache, command, repository.root, environ)


class _Series:
    """All runs of one request, each on a tree of its own, the fast answer first."""

    def __init__(
        self,
        request: EvidenceRequest,
        repository: Repository,
        command: TestCommand,
        base: str,
        result: str,
        split: Split,
        progress: Progress,
        tick: Progress,
    ) -> None:
        self.request, self.repository, self.command = request, repository, command
        self.base, self.result, self.split = base, result, split
        self.progress, self.tick = progress, tick
        self.network = request.network == "on"
        self.cache = _cache(request, command, repository)
        self.tree_seconds: list[float] = []

    def run(self) -> dict[str, Run]:
        """Make the runs, as far as one of them does not already decide that there is nothing to learn."""
        self.request.workdir.mkdir(parents=True, exist_ok=True)
        trees.sweep(self.repository)
        remembered = self.cache.base(self.base)
        if any(run.network == "on" for run in remembered):
            self.network, remembered = (True, remembered) if self.request.network != "off" else (False, ())
        self.progress(Estimate.of(self.cache.past(), is_base_known=bool(remembered)).words)
        runs: dict[str, Run] = {}
        plans = deque(_plans(self.base, self.result, self.split))
        while plans:
            plan = plans.popleft()
            if plan.name in (BASE, BASE_AGAIN) and remembered:
                run = next(run for run in remembered if run.name == plan.name)
            elif plan.name in (NEW_ON_BASE_AGAIN, NEW_ON_FIX_AGAIN) and not _is_cheap(runs[NEW_ON_FIX]):
                continue
            else:
                run = self._one(plan)
            runs[plan.name] = run
            self.progress(_told(run))
            if run.trouble in ("infrastructure", "disagreement"):
                return runs  # That decides. What keeps one run from working keeps the others.
            if plan.name == OLD_ON_FIX and (broken := newly_red(runs)):
                plans += self._once_more(plan, broken, _BROKEN_ROUNDS if _is_cheap(runs[OLD_ON_FIX]) else 1)
        if not remembered and self.request.cache is not None:
            self.cache.keep_base(self.base, [runs[BASE], runs[BASE_AGAIN]])
        new = runs.get(NEW_ON_FIX)
        self.cache.keep_past(
            Past(
                suite_seconds=max(runs[name].seconds for name in (BASE, SUITE_ON_FIX)),
                new_seconds=new.seconds if new else 0.0,
                tree_seconds=sum(self.tree_seconds) / len(self.tree_seconds),
                tests=len(runs[BASE].ids()),
            )
        )
        return runs

    def without_each_hunk(self, runs: dict[str, Run]) -> dict[str, Run]:
        """Run the new tests without each piece of the fix, and say in a run's note where none of them misses it."""
        made: dict[str, Run] = {}
        if NEW_ON_FIX not in runs:
            return made
        passing = runs[NEW_ON_FIX].ids("passed")
        for hunk in hunks(self.repository, self.base, self.result, self.split.source):
            words = f"the new tests {hunk.name}"
            plan = _Plan(hunk.name, self.result, self.base, self.split.harness, self.split.test_files, words, hunk)
            run = self._one(plan)
            if not run.trouble and passing <= run.ids("passed"):
                run = replace(run, note="no new test needs this change")
            made[run.name] = run
            self.progress(run.note or _told(run))
        return made

    def _one(self, plan: _Plan) -> Run:
        run = self._on_a_tree(plan)
        if self.request.network == "auto" and run.network == "off" and wants_network(run):
            self.network = True
            self.progress("the tests need a service of this machine: once more, with the network on")
            run = self._on_a_tree(plan)
        return run

    def _on_a_tree(self, plan: _Plan) -> Run:
        self.progress(f"running {plan.words}")
        begun, told = time.monotonic(), [time.monotonic()]

        def count(done: int, total: int) -> None:
            now = time.monotonic()
            if now - told[0] >= _TOLD_EVERY_SECONDS:
                told[0] = now
                of = f"{done:,} of {total:,} tests" if total else f"{done:,} tests" if done else "starting"
                self.tick(f"{plan.words}: {of}, {now - begun:.0f} s")

        runner = Runner(
            self.command,
            self.request.timeout,
            self.repository.root,
            self.request.workdir.resolve(),
            _modules(self.split.source),
            network=self.network,
            count=count,
        )
        with trees.clean_tree(
            self.repository, self.request.workdir, base=plan.start, overlay=plan.overlay, paths=plan.paths
        ) as tree:
            if plan.hunk is not None:
                plan.hunk.take_out(tree)
            run = runner.run(plan.name, plan.start, tree, plan.only)
        self.tree_seconds.append(time.monotonic() - begun - run.seconds)
        return run

    def _once_more(self, old: _Plan, broken: frozenset[str], rounds: int) -> list[_Plan]:
        """Return the runs that tell tests that the fix broke from tests that fail now and then."""
        files = tuple(sorted({id_.partition("::")[0] for id_ in broken}))
        words = f"once more what broke: {', '.join(files[:3])}"
        on_fix = replace(old, name=BROKEN_AGAIN, only=files, words=words)
        on_base = _Plan(BROKEN_ON_BASE, self.base, only=files, words=f"{words} on the base")
        return [
            replace(plan, name=plan.name if number == 1 else f"{plan.name} {number}")
            for number in range(1, rounds + 1)
            for plan in (on_fix, on_base)
        ]


def _is_cheap(run: Run) -> bool:
    return run.seconds <= _CHEAP_SECONDS


def _plans(base: str, result: str, split: Split) -> list[_Plan]:
    """Return the runs in the order in which they answer. The harness is the base's in all of them."""
    files = f"the {len(split.test_files)} new or changed test files"
    if len(split.test_files) == 1:
        files = f"the new tests of {split.test_files[0]}"
    new_on_base = _Plan(NEW_ON_BASE, base, result, split.tests, split.test_files, f"{files} on the base {base[:7]}")
    new_on_fix = _Plan(NEW_ON_FIX, result, base, split.harness, split.test_files, f"{files} on the fix {result[:7]}")
    new = [
        new_on_base,
        new_on_fix,
        replace(new_on_base, name=NEW_ON_BASE_AGAIN, words=f"{new_on_base.words}, again"),
        replace(new_on_fix, name=NEW_ON_FIX_AGAIN, words=f"{new_on_fix.words}, again"),
    ]
    suite = [
        _Plan(BASE, base, words=f"the whole suite on the base {base[:7]}"),
        _Plan(BASE_AGAIN, base, words=f"the whole suite on the base {base[:7]}, again"),
        _Plan(SUITE_ON_FIX, result, base, split.harness, words=f"the whole suite on the fix {result[:7]}"),
        _Plan(OLD_ON_FIX, base, result, split.source, words=f"the base's own tests on the fixed source {result[:7]}"),
    ]
    return (new if split.test_files else []) + suite


def _modules(source: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names under which the changed modules may be imported."""
    names: set[str] = set()
    for path in source:
        place = PurePosixPath(path)
        if place.suffix != ".py":
            continue
        parts = [*place.parts[:-1], *([] if place.stem == "__init__" else [place.stem])]
        # At least two parts: a lone `models` may be anybody's.
        names.update(".".join(parts[start:]) for start in range(max(1, len(parts) - 1)))
    return tuple(sorted(names - {""}))


def _told(run: Run) -> str:
    if run.trouble:
        return f"{run.name}: no results, {run.note}"
    counts = run.as_dict()
    parts = [f"{counts[word]} {word}" for word in ("passed", "failed", "errors", "skipped") if counts[word]]
    return f"{run.name}: {', '.join(parts)} in {run.seconds:.1f} s, network {run.network}"
