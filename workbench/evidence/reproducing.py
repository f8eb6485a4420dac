"""Does a new test show the fault? Run on the clean base, before there is a fix that could make the difference."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from workbench.evidence import trees
from workbench.evidence.fault import RecordedFault
from workbench.evidence.report import NEW_ON_BASE, EvidenceRequest, Run, TestResult
from workbench.evidence.results import wants_network
from workbench.evidence.runs import Runner
from workbench.evidence.split import Split
from workbench.evidence.unsaid import with_command
from workbench.git import Repository
from workbench.suite import NotSupported, TestCommand

Answer = Literal["reproduced", "not reproduced", "not run"]


@dataclass(frozen=True)
class Reproduction:
    """What new tests showed on the base. `files` are those that hold new or changed tests, `failing` their tests."""

    answer: Answer
    reason: str
    files: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()


def reproduce(
    request: EvidenceRequest,
    *,
    progress: Callable[[str], None] = lambda _: None,
    over: threading.Event | None = None,
) -> Reproduction:
    """Run the test files of `request.result` on its base, and say whether one fails with the recorded fault.

    `over` ends the run from another thread.
    """
    repository = Repository.open(request.repository)
    base, result = repository.resolve(request.base), repository.resolve(request.result)
    changes = repository.changes(base, result)
    request, how = with_command(request, repository, base)
    try:
        command = TestCommand.parse(request.command, repository.root)
    except NotSupported as error:
        return Reproduction("not run", f"no test was run: {error}{how and f'.{how}'}", Split.of(changes).test_files)
    split = Split.of(changes, command.launching)
    if not split.test_files:
        return Reproduction("not reproduced", "there is no new or changed test file")
    request.workdir.mkdir(parents=True, exist_ok=True)
    trees.sweep(repository)
    over = over or threading.Event()
    progress(f"running {', '.join(split.test_files[:3])} on the clean base {base[:7]}")

    def run_it(*, network: bool) -> Run:
        place, limit = request.workdir.resolve(), request.timeout
        runner = Runner(command, limit, repository.root, place, network=network, over=over)
        with trees.clean_tree(repository, request.workdir, base=base, overlay=result, paths=split.tests) as tree:
            return runner.run(NEW_ON_BASE, base, tree, split.test_files)

    run = run_it(network=request.network == "on")
    if request.network == "auto" and run.network == "off" and wants_network(run) and not over.is_set():
        progress("the test needs a service of this machine: once more, with the network on")
        run = run_it(network=True)
    found = judge(request.fault, run, split)
    return replace(found, reason=f"{found.reason}.{how}") if how and found.answer == "not run" else found


def judge(fault: RecordedFault | None, run: Run, split: Split) -> Reproduction:
    """Return what a run of new tests on the base shows. Nothing is run or read."""
    files = split.test_files
    if run.trouble in ("infrastructure", "disagreement"):
        return Reproduction("not run", f"the test could not be run: {run.note}", files)
    if run.trouble:
        return Reproduction("not reproduced", f"no test was found in {', '.join(files)}", files)
    failing = [test for test in run.tests if test.outcome == "failed" and test.phase == "call"]
    if not failing:
        return Reproduction("not reproduced", _why_not_failing(run), files)
    ids = tuple(test.id for test in failing)
    if fault is None:
        return Reproduction("reproduced", f"{_named(failing)} on the base; nothing was recorded to compare", files, ids)
    answers = {test.id: _shows(test, fault, split) for test in failing}
    same = [test for test in failing if answers[test.id] == "recorded fault"]
    if same:
        return Reproduction("reproduced", f"{_named(same)} on the base with the recorded {fault.words}", files, ids)
    if set(answers.values()) == {"not comparable"}:
        said = f"{_named(failing)} on the base; what was recorded says too little to compare"
        return Reproduction("reproduced", said, files, ids)
    said = f"{_named(failing)} on the base, but not with the recorded {fault.words}: {_what(failing[0])}"
    return Reproduction("not reproduced", said, files, ids)


def _shows(test: TestResult, fault: RecordedFault, split: Split) -> str:
    # What the new test code raises itself is not the site's fault.
    met = (raised for raised in (*test.chain, *test.raised) if raised.file not in split.tests)
    return fault.is_shown_by(met, test.responses)


def _why_not_failing(run: Run) -> str:
    stopped = next((test for test in run.tests if test.is_red), None)
    if stopped is not None:
        where = {"collect": "imported", "setup": "set up", "teardown": "torn down"}.get(stopped.phase, stopped.phase)
        return f"{stopped.id} fails on the base while it is {where}, which shows nothing: {stopped.message}"
    if any(test.outcome == "skipped" for test in run.tests):
        return "the new tests are skipped on the base"
    return "the new tests pass on the base, where the fault still is"


def _named(tests: list[TestResult]) -> str:
    shown = ", ".join(test.id for test in tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
    return f"{shown} {'fails' if len(tests) == 1 else 'fail'}"


def _what(test: TestResult) -> str:
    if not test.chain:
        return test.message
    surfaced = test.chain[0]
    return f"{surfaced.type} in {surfaced.function}" if surfaced.function else surfaced.type
