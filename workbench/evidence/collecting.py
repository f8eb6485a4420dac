"""Makes evidence: all runs on clean trees, the fast answer first, then the verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import get_args

from workbench.errors import ConfigurationError
from workbench.evidence import flags as tamper
from workbench.evidence import replaying
from workbench.evidence.changed import Changed
from workbench.evidence.costs import Estimate
from workbench.evidence.report import BASE, SUITE_ON_FIX, EvidenceReport, EvidenceRequest, Flag, Network, Run, Verdict
from workbench.evidence.series import Progress, Series, cache_of, estimated
from workbench.evidence.split import Split
from workbench.evidence.unsaid import with_command
from workbench.evidence.verdict import decide
from workbench.git import Repository
from workbench.suite import NotSupported, TestCommand

Clock = Callable[[], datetime]


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
    request, how = with_command(request, repository, base)
    try:
        command, why_not = TestCommand.parse(request.command, repository.root), ""
    except NotSupported as error:
        command, why_not = None, str(error)
    split = Split.of(changes, command.launching if command else ())

    def report(verdict: Verdict, reason: str, found: list[Flag], runs: list[Run]) -> EvidenceReport:
        reason += how if verdict == "not run" else ""
        progress(f"{verdict}: {reason}")
        return EvidenceReport(verdict, reason, tuple(found), tuple(runs), base, result, begun, clock())

    found = tamper.of_changes(repository, base, result, split, request.fault, request.personal)
    if command is None:
        return report("not run", f"No test was run: {why_not}.", found, [])
    changed = Changed(
        bool(changes),
        split.test_files,
        split.gone_tests,
        split.harness,
        split.tests,
        bool(split.source),
        tuple(path for path in (*split.source, *split.harness) if tamper.names_packages(path)),
    )
    series = Series(request, repository, command, base, result, split, progress, tick or progress)
    runs = series.run() if changes else {}
    found += tamper.of_runs(runs.get(BASE), runs.get(SUITE_ON_FIX))
    found += tamper.of_plugins(split.source, runs.values())
    if changes:
        runs, still = replaying.concluded(request.fault, request.replay, runs, base=base)
        found += still
    verdict, reason = decide(request.fault, changed, runs, found)
    if request.each_hunk and not any(run.trouble for run in runs.values() if run.name not in replaying.RUNS):
        runs |= series.without_each_hunk(runs)
    return report(verdict, reason, found, list(runs.values()))


def estimate(request: EvidenceRequest) -> Estimate:
    """Return what evidence will cost, from what the last one took and what is remembered of the base.

    Raises a `WorkbenchError` where there is no such repository or commit.
    """
    repository = Repository.open(request.repository)
    request, _ = with_command(request, repository, repository.resolve(request.base))
    try:
        command = TestCommand.parse(request.command, repository.root)
    except NotSupported:
        return Estimate(0, None, 0, is_base_known=False)
    cache = cache_of(request, command, repository)
    is_base_known = bool(cache.base(repository.resolve(request.base)))
    return estimated(request, cache.past(), is_base_known=is_base_known)
