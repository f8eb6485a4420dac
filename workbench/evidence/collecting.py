"""Makes evidence: all runs on clean trees, the fast answer first, then the verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from workbench.evidence import flags as tamper
from workbench.evidence import trees
from workbench.evidence.command import NotSupported, TestCommand
from workbench.evidence.report import (
    BASE,
    BROKEN_AGAIN,
    NEW_ON_BASE,
    NEW_ON_FIX,
    OLD_ON_FIX,
    SUITE_ON_FIX,
    EvidenceReport,
    EvidenceRequest,
    Flag,
    Run,
    Verdict,
)
from workbench.evidence.runs import Runner
from workbench.evidence.split import Split
from workbench.evidence.verdict import Changed, decide, newly_red
from workbench.git import Repository

Progress = Callable[[str], None]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class _Plan:
    """One run: which commit it starts from, and which paths of which other commit are laid over it."""

    name: str
    start: str
    overlay: str = ""
    paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    words: str = ""


def collect(
    request: EvidenceRequest, *, progress: Progress = lambda _: None, clock: Clock = lambda: datetime.now(UTC)
) -> EvidenceReport:
    """Return the evidence that a result fixes a fault.

    Raises a `WorkbenchError` where there is no such repository or commit, or git fails. Everything that keeps tests
    from running is part of the report instead.
    """
    begun = clock()
    repository = Repository.open(request.repository)
    base, result = repository.resolve(request.base), repository.resolve(request.result)
    changes = repository.changes(base, result)
    split = Split.of(changes)

    def report(verdict: Verdict, reason: str, found: list[Flag], runs: list[Run]) -> EvidenceReport:
        progress(f"{verdict}: {reason}")
        return EvidenceReport(verdict, reason, tuple(found), tuple(runs), base, result, begun, clock())

    found = tamper.of_changes(repository, base, result, split, request.fault)
    try:
        command = TestCommand.parse(request.command, repository.root)
    except NotSupported as error:
        return report("not run", f"No test was run: {error}.", found, [])
    changed = Changed(bool(changes), split.test_files, split.gone_tests, split.harness, split.tests, bool(split.source))
    request.workdir.mkdir(parents=True, exist_ok=True)
    trees.sweep(repository)
    runner = Runner(command, request.timeout, repository.root, request.workdir.resolve(), _modules(split.source))
    runs: dict[str, Run] = {}
    plans = deque(_plans(base, result, split) if changes else [])
    while plans:
        plan = plans.popleft()
        progress(f"running {plan.words}")
        with trees.clean_tree(
            repository, request.workdir, base=plan.start, overlay=plan.overlay, paths=plan.paths
        ) as tree:
            run = runner.run(plan.name, plan.start, tree, plan.only)
        runs[plan.name] = run
        progress(_told(run))
        if run.trouble in ("infrastructure", "disagreement"):
            break  # That decides. What keeps one run from working keeps the others, each for its whole time limit.
        if plan.name == OLD_ON_FIX and (broken := newly_red(runs)):
            plans.append(_once_more(plan, broken))
    found += tamper.of_runs(runs.get(BASE), runs.get(SUITE_ON_FIX))
    verdict, reason = decide(request.fault, changed, runs, found)
    return report(verdict, reason, found, list(runs.values()))


def _plans(base: str, result: str, split: Split) -> list[_Plan]:
    """Return the runs in the order in which they answer. The harness is the base's in all of them."""
    files = f"the {len(split.test_files)} new or changed test files"
    if len(split.test_files) == 1:
        files = f"the new tests of {split.test_files[0]}"
    new = [
        _Plan(NEW_ON_BASE, base, result, split.tests, split.test_files, f"{files} on the base {base[:7]}"),
        _Plan(NEW_ON_FIX, result, base, split.harness, split.test_files, f"{files} on the fix {result[:7]}"),
    ]
    suite = [
        _Plan(BASE, base, words=f"the whole suite on the base {base[:7]}"),
        _Plan(SUITE_ON_FIX, result, base, split.harness, words=f"the whole suite on the fix {result[:7]}"),
        _Plan(OLD_ON_FIX, base, result, split.source, words=f"the base's own tests on the fixed source {result[:7]}"),
    ]
    return (new if split.test_files else []) + suite


def _once_more(old: _Plan, broken: frozenset[str]) -> _Plan:
    """Return the run that tells tests that the fix broke from tests that fail now and then."""
    files = tuple(sorted({id_.partition("::")[0] for id_ in broken}))
    return replace(old, name=BROKEN_AGAIN, only=files, words=f"once more what broke: {', '.join(files[:3])}")


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
    return f"{run.name}: {', '.join(parts)} in {run.seconds:.1f} s"
