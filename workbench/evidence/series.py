"""Makes the runs of one proof, each on a tree of its own, two at the same time where they share nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from workbench.evidence import trees
from workbench.evidence.cache import Cache, Past
from workbench.evidence.comparison import is_settled, newly_red
from workbench.evidence.costs import Estimate
from workbench.evidence.hunks import hunks
from workbench.evidence.plans import Plan, Step, base_again, broken_again, modules, plans, without
from workbench.evidence.report import (
    BASE,
    BASE_AGAIN,
    NEW_ON_BASE_AGAIN,
    NEW_ON_FIX,
    NEW_ON_FIX_AGAIN,
    OLD_ON_FIX,
    REPLAYS,
    SUITE_ON_FIX,
    EvidenceRequest,
    Run,
)
from workbench.evidence.results import wants_network
from workbench.evidence.runs import PASSED_ON, Runner
from workbench.evidence.split import Split
from workbench.git import Repository
from workbench.suite import TestCommand

Progress = Callable[[str], None]

_BROKEN_ROUNDS = 3
_TOLD_EVERY_SECONDS = 0.5
# Two runs beside each other share nothing but the processors: each has its tree, home, databases and network.
_MOST_AT_ONCE = 2
# One request, with the start of the tests: a site that hangs on it shows nothing later either.
_REPLAY_SECONDS = 60


class Series:
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
        self.cache = cache_of(request, command, repository)
        self.tree_seconds: list[float] = []
        self.at_once = at_once(request)
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
        self.progress(estimated(self.request, self.cache.past(), is_base_known=bool(known)).words)
        runs: dict[str, Run] = {}
        waiting = deque(plans(self.base, self.result, self.split, self.request.replay))
        while waiting:
            step = tuple(plan for plan in waiting.popleft() if self._is_worth_it(plan, runs))
            for run in self._step(step, known):
                runs[run.name] = run
                self.progress(_told(run))
                if run.trouble in ("infrastructure", "disagreement") and run.name not in REPLAYS:
                    return runs  # That decides. What keeps one run from working keeps the others.
            if step[-1].name == OLD_ON_FIX and not is_settled(runs):
                waiting.append((base_again(self.base),))
            elif step[-1].name == BASE_AGAIN and (broken := newly_red(runs)):
                rounds = _BROKEN_ROUNDS if self._is_cheap(runs[OLD_ON_FIX]) else 1
                waiting += broken_again(self.base, self.result, self.split, broken, rounds)
        self._remember(runs, known)
        return runs

    def _is_worth_it(self, plan: Plan, runs: dict[str, Run]) -> bool:
        return plan.name not in (NEW_ON_BASE_AGAIN, NEW_ON_FIX_AGAIN) or self._is_cheap(runs[NEW_ON_FIX])

    def _is_cheap(self, run: Run) -> bool:
        return run.seconds <= self.request.cheap_seconds

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
            run = self._one(without(hunk, self.base, self.result, self.split))
            if not run.trouble and passing <= run.ids("passed"):
                run = replace(run, note="no new test needs this change")
            made[run.name] = run
            self.progress(run.note or _told(run))
        return made

    def _step(self, step: Step, known: dict[str, Run]) -> list[Run]:
        """Return the runs of one step in its order, those that are known without making them again."""
        made = {run.name: run for run in self._made([plan for plan in step if plan.name not in known])}
        return [known.get(plan.name) or made[plan.name] for plan in step]

    def _made(self, wanted: Sequence[Plan]) -> list[Run]:
        if len(wanted) > 1 and self.at_once == 2 and not self.network:
            runs = self._beside(wanted)
            telling = [run for run in runs if run.name not in REPLAYS]
            if all(run.network == "off" and not self._misses_network(run) for run in telling):
                return runs
            if any(run.network.startswith("on") for run in telling):
                self.at_once = 1  # They would share the machine's network, and might take each other's ports.
        return [self._one(plan) for plan in wanted]

    def _beside(self, wanted: Sequence[Plan]) -> list[Run]:
        """Make runs two at a time, whole suites first: one here, where signals arrive, and one in a thread."""
        waiting = deque(sorted(wanted, key=lambda plan: bool(plan.only)))
        made: list[Run] = []
        failed: list[BaseException] = []
        over = threading.Event()

        def work(plan: Plan | None) -> None:
            while plan is not None and not over.is_set():
                made.append(self._on_a_tree(plan, over))
                plan = self._next(waiting)

        def work_beside(plan: Plan | None) -> None:
            try:
                work(plan)
            except BaseException as error:  # noqa: BLE001 - raised again where somebody can hear it
                failed.append(error)
                over.set()

        first, second = self._next(waiting), self._next(waiting)
        thread = threading.Thread(target=work_beside, args=(second,), name="evidence beside")
        thread.start()
        try:
            work(first)
            thread.join()
        except BaseException:
            over.set()
            thread.join()
            raise
        if failed:
            raise failed[0]
        return made

    def _next(self, waiting: deque[Plan]) -> Plan | None:
        try:
            plan = waiting.popleft()
        except IndexError:
            return None
        self.progress(f"running {plan.words}")
        return plan

    def _one(self, plan: Plan) -> Run:
        self.progress(f"running {plan.words}")
        run = self._on_a_tree(plan, threading.Event())
        if self._misses_network(run):
            self.network = True
            self.progress("the tests need a service of this machine: once more, with the network on")
            run = self._on_a_tree(plan, threading.Event())
        return run

    def _misses_network(self, run: Run) -> bool:
        # A recorded request gets the network only where the suite needs it: it may ask a service to do something.
        is_open = self.request.network == "auto" and run.name not in REPLAYS
        return is_open and run.network == "off" and wants_network(run)

    def _on_a_tree(self, plan: Plan, over: threading.Event) -> Run:
        begun, told = time.monotonic(), [time.monotonic()]

        def count(done: int, total: int) -> None:
            now = time.monotonic()
            if now - told[0] >= _TOLD_EVERY_SECONDS:
                told[0] = now
                of = f"{done:,} of {total:,} tests" if total else f"{done:,} tests" if done else "starting"
                self.tick(f"{plan.words}: {of}, {now - begun:.0f} s")

        timeout = self.request.timeout
        runner = Runner(
            self.command,
            min(timeout, _REPLAY_SECONDS) if plan.name in REPLAYS else timeout,
            self.repository.root,
            self.request.workdir.resolve(),
            modules(self.split.source),
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


def cache_of(request: EvidenceRequest, command: TestCommand, repository: Repository) -> Cache:
    """Return the memory that a request names, of its command and of what our environment passes on to it."""
    environ = [(name, os.environ[name]) for name in PASSED_ON if name in os.environ]
    return Cache(request.cache, command, repository.root, environ)


def estimated(request: EvidenceRequest, past: Past | None, *, is_base_known: bool) -> Estimate:
    """Return what the runs of a request will cost, from what the last ones took."""
    replays = len(REPLAYS) if request.replay is not None and request.replay.commit else 0
    return Estimate.of(past, is_base_known=is_base_known, at_once=at_once(request), replays=replays)


def at_once(request: EvidenceRequest) -> int:
    """Return how many runs are made at the same time: two, where each can have a network and a processor of its own."""
    is_apart = request.network != "on" and sys.platform == "linux"
    return min(_MOST_AT_ONCE, len(os.sched_getaffinity(0)), request.at_once) if is_apart else 1


def _told(run: Run) -> str:
    if run.trouble:
        return f"{run.name}: no results, {run.note}"
    counts = run.as_dict()
    parts = [f"{counts[word]} {word}" for word in ("passed", "failed", "errors", "skipped") if counts[word]]
    return f"{run.name}: {', '.join(parts)} in {run.seconds:.1f} s, network {run.network}"
