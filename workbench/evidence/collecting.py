"""Makes evidence: all runs on clean trees, the fast answer first, then the verdict."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import get_args

from workbench.errors import ConfigurationError
from workbench.evidence import flags as tamper
from workbench.evidence import trees
from workbench.evidence.cache import Cache, Past
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
from workbench.evidence.verdict import Changed, decide, is_settled, newly_red
from workbench.git import Repository
from workbench.suite import NotSupported, TestCommand

Progress = Callable[[str], None]
Clock = Callable[[], datetime]

# New tests run a second time, and what broke up to three times, where one run takes no longer than this.
_CHEAP_SECONDS = 15.0
_BROKEN_ROUNDS = 3
_TOLD_EVERY_SECONDS = 0.95
# Two runs beside each other share nothing but the processors: each has its tree, home, databases and network.
_MOST_AT_ONCE = 2


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
    is_base_known = bool(cache.base(repository.resolve(request.base)))
    return Estimate.of(cache.past(), is_base_known=is_base_known, at_once=_at_once(request))


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
        self.tick = tick
        self.network = request.network == "on"
        self.cache = _cache(request, command, repository)
        self.tree_seconds: list[float] = []
        self.at_once = _at_once(request)
        self._tell, self._telling, self._git = progress, threading.Lock(), threading.Lock()

    def progress(self, text: str) -> None:
        """Tell of one run at a time, though two may be under way."""
        with self._telling:
            self._tell(text)

    def run(self) -> dict[str, Run]:
        """Make the runs, as far as one of them does not already decide that there is nothing to learn."""
        self.request.workdir.mkdir(parents=True, exist_ok=True)
        trees.sweep(self.repository)
        remembered = self.cache.base(self.base)
        if any(run.network == "on" for run in remembered):
            self.network, remembered = (True, remembered) if self.request.network != "off" else (False, ())
        known = {run.name: run for run in remembered}
        self.progress(Estimate.of(self.cache.past(), is_base_known=bool(known), at_once=self.at_once).words)
        runs: dict[str, Run] = {}
        plans = deque(_plans(self.base, self.result, self.split))
        while plans:
            step = plans.popleft()
            if step[0].name == NEW_ON_BASE_AGAIN and not _is_cheap(runs[NEW_ON_FIX]):
                continue
            for run in self._step(step, known):
                runs[run.name] = run
                self.progress(_told(run))
                if run.trouble in ("infrastructure", "disagreement"):
                    return runs  # That decides. What keeps one run from working keeps the others.
            if step[-1].name == OLD_ON_FIX and not is_settled(runs):
                plans.append((_Plan(BASE_AGAIN, self.base, words=f"{_suite_on(self.base)}, again"),))
            elif step[-1].name == BASE_AGAIN and (broken := newly_red(runs)):
                plans += self._once_more(broken, _BROKEN_ROUNDS if _is_cheap(runs[OLD_ON_FIX]) else 1)
        self._remember(runs, known)
        return runs

    def _remember(self, runs: dict[str, Run], known: dict[str, Run]) -> None:
        of_base = [runs[name] for name in (BASE, BASE_AGAIN) if name in runs]
        if self.request.cache is not None and any(run.name not in known for run in of_base):
            self.cache.keep_base(self.base, of_base)
        new = runs.get(NEW_ON_FIX)
        self.cache.keep_past(
            Past(
                suite_seconds=max(runs[name].seconds for name in (BASE, SUITE_ON_FIX)),
                new_seconds=new.seconds if new else 0.0,
                tree_seconds=sum(self.tree_seconds) / len(self.tree_seconds),
                tests=len(runs[BASE].ids()),
            )
        )

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

    def _step(self, step: Sequence[_Plan], known: dict[str, Run]) -> list[Run]:
        """Return the runs of one step in its order, those that are known without making them again."""
        wanted = [plan for plan in step if plan.name not in known]
        made = {run.name: run for run in self._made(wanted)}
        return [known.get(plan.name) or made[plan.name] for plan in step]

    def _made(self, plans: Sequence[_Plan]) -> list[Run]:
        if len(plans) == 2 and self.at_once == 2 and not self.network:
            runs = self._beside(plans[0], plans[1])
            if all(run.network == "off" and not self._misses_network(run) for run in runs):
                return runs
            if any(run.network.startswith("on") for run in runs):
                self.at_once = 1  # They would share the machine's network, and might take each other's ports.
        return [self._one(plan) for plan in plans]

    def _beside(self, first: _Plan, second: _Plan) -> list[Run]:
        """Make two runs at the same time: the second in a thread, the first here, where signals arrive."""
        made: list[Run] = []
        failed: list[BaseException] = []
        over = threading.Event()
        for plan in (first, second):
            self.progress(f"running {plan.words}")

        def make() -> None:
            try:
                made.append(self._on_a_tree(second, over))
            except BaseException as error:  # noqa: BLE001 - raised again where somebody can hear it
                failed.append(error)

        thread = threading.Thread(target=make, name=second.name)
        thread.start()
        try:
            run = self._on_a_tree(first, over)
            thread.join()
        except BaseException:
            over.set()
            thread.join()
            raise
        if failed:
            raise failed[0]
        return [run, *made]

    def _one(self, plan: _Plan) -> Run:
        self.progress(f"running {plan.words}")
        run = self._on_a_tree(plan, threading.Event())
        if self._misses_network(run):
            self.network = True
            self.progress("the tests need a service of this machine: once more, with the network on")
            run = self._on_a_tree(plan, threading.Event())
        return run

    def _misses_network(self, run: Run) -> bool:
        return self.request.network == "auto" and run.network == "off" and wants_network(run)

    def _on_a_tree(self, plan: _Plan, over: threading.Event) -> Run:
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
            over=over,
        )
        with trees.clean_tree(
            self.repository,
            self.request.workdir,
            base=plan.start,
            overlay=plan.overlay,
            paths=plan.paths,
            git=self._git,
        ) as tree:
            if plan.hunk is not None:
                plan.hunk.take_out(tree)
            run = runner.run(plan.name, plan.start, tree, plan.only)
        self.tree_seconds.append(time.monotonic() - begun - run.seconds)
        return run

    def _once_more(self, broken: frozenset[str], rounds: int) -> list[tuple[_Plan, ...]]:
        """Return the runs that tell tests that the fix broke from tests that fail now and then."""
        files = tuple(sorted({id_.partition("::")[0] for id_ in broken}))
        words = f"once more what broke: {', '.join(files[:3])}"
        on_fix = _Plan(BROKEN_AGAIN, self.base, self.result, self.split.source, files, words)
        on_base = _Plan(BROKEN_ON_BASE, self.base, only=files, words=f"{words} on the base")
        return [
            tuple(
                replace(plan, name=plan.name if number == 1 else f"{plan.name} {number}") for plan in (on_fix, on_base)
            )
            for number in range(1, rounds + 1)
        ]


def _at_once(request: EvidenceRequest) -> int:
    """Return how many runs are made at the same time: two, where each can have a network and a processor of its own."""
    is_apart = request.network != "on" and sys.platform == "linux"
    return min(_MOST_AT_ONCE, len(os.sched_getaffinity(0)), request.at_once) if is_apart else 1


def _is_cheap(run: Run) -> bool:
    return run.seconds <= _CHEAP_SECONDS


def _plans(base: str, result: str, split: Split) -> list[tuple[_Plan, ...]]:
    """Return the runs in the order in which they answer, each step's beside each other. The harness is the base's."""
    files = f"the {len(split.test_files)} new or changed test files"
    if len(split.test_files) == 1:
        files = f"the new tests of {split.test_files[0]}"
    new_on_base = _Plan(NEW_ON_BASE, base, result, split.tests, split.test_files, f"{files} on the base {base[:7]}")
    new_on_fix = _Plan(NEW_ON_FIX, result, base, split.harness, split.test_files, f"{files} on the fix {result[:7]}")
    new = [
        (new_on_base, new_on_fix),
        (
            replace(new_on_base, name=NEW_ON_BASE_AGAIN, words=f"{new_on_base.words}, again"),
            replace(new_on_fix, name=NEW_ON_FIX_AGAIN, words=f"{new_on_fix.words}, again"),
        ),
    ]
    on_base = _Plan(BASE, base, words=_suite_on(base))
    on_fix = _Plan(SUITE_ON_FIX, result, base, split.harness, words=f"the whole suite on the fix {result[:7]}")
    old = _Plan(OLD_ON_FIX, base, result, split.source, words=f"the base's own tests on the fixed source {result[:7]}")
    return [*(new if split.test_files else []), (on_base,), (on_fix, old)]


def _suite_on(base: str) -> str:
    return f"the whole suite on the base {base[:7]}"


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
