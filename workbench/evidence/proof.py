"""What it proves that all is green on the fix: whether a test was red before, and with the recorded fault.

Nothing here runs or reads anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from workbench.evidence.changed import Changed
from workbench.evidence.comparison import always_red, asks_the_same, claimed
from workbench.evidence.fault import RecordedFault
from workbench.evidence.report import (
    NEW_ON_BASE,
    OLD_ON_FIX,
    REACHES_RUNNER,
    SUITE_ON_FIX,
    Flag,
    Run,
    TestResult,
    Verdict,
)
from workbench.evidence.wording import ids, listed, verb

_TAKES_HOLD = re.compile(
    r"\bgc\b|\bctypes\b|/proc/|_getframe|f_locals|f_back|workbench_evidence|__closure__|\b_pytest\b|\bpluggy\b|hookimpl"
)

Decision = tuple[Verdict, str]


@dataclass(frozen=True)
class _Doubts:
    """Tests that keep a red to green from being proof.

    `unsure` fail now and then on the base and always on the fix, `elsewhere` ask for something else on the fix,
    `still` fail on the fix with the recorded fault.
    """

    unsure: Sequence[str]
    elsewhere: Collection[str]
    still: Sequence[str]


def proof(fault: RecordedFault | None, changed: Changed, runs: Mapping[str, Run], flags: Sequence[Flag]) -> Decision:
    """Return the decision where all is green on the fix, by what that proves."""
    tests = claimed(runs)
    if not tests:
        return "inconclusive", "The session added no test, so nothing shows that the fault is gone."
    green = [test for test in tests if test.outcome == "passed"]
    if len(green) < len(tests):
        skipped = [test for test in tests if test not in green]
        return "inconclusive", f"{listed(ids(skipped))} {verb('is', skipped)} skipped on the fix."
    on_base = runs[NEW_ON_BASE]
    before = [(test, on_base.test(test.id)) for test in green]
    turned = [found for _, found in before if found is not None and _failed_in_call(found)]
    if not turned:
        return _never_red(before, on_base)
    if not changed.source:
        return "inconclusive", (
            f"{listed(ids(turned))} {verb('fails', turned)} on the base and {verb('passes', turned)} later, though the"
            " session changed nothing but tests, so no fix made the difference."
        )
    elsewhere = {test.id for test, found in before if found is not None and not asks_the_same(found, test)}
    still = {
        test.id
        for name in (SUITE_ON_FIX, OLD_ON_FIX)
        for test in runs[name].tests
        if fault is not None and test.is_red and shows(test, fault, changed) == "recorded fault"
    }
    return _compared(fault, changed, turned, flags, _Doubts(always_red(runs), elsewhere, sorted(still)))


def _never_red(before: Sequence[tuple[TestResult, TestResult | None]], on_base: Run) -> Decision:
    skipped = [found for _, found in before if found is not None and found.outcome == "skipped"]
    if skipped:
        return (
            "inconclusive",
            f"{listed(ids(skipped))} {verb('is', skipped)} skipped on the base, which shows no fault.",
        )
    passing = [found for _, found in before if found is not None and found.outcome == "passed"]
    if passing:
        return "inconclusive", (
            f"{listed(ids(passing))} {verb('passes', passing)} on the base as well, so it shows no fault."
        )
    stopped = [found for _, found in before if found is not None] or [
        test for test in on_base.tests if test.phase == "collect"
    ]
    if not stopped:
        return "inconclusive", f"{listed(ids([test for test, _ in before]))} did not run on the base."
    where = {"collect": "is imported", "setup": "is set up", "teardown": "is torn down"}.get(stopped[0].phase, "runs")
    return "inconclusive", (
        f"{listed(ids(stopped))} fails on the base while it {where}, which shows nothing of the fault:"
        f" {stopped[0].message}"
    )


def _compared(
    fault: RecordedFault | None,
    changed: Changed,
    turned: Sequence[TestResult],
    flags: Sequence[Flag],
    doubts: _Doubts,
) -> Decision:
    names = f"{listed(ids(turned))} {verb('fails', turned)} on the base and {verb('passes', turned)} on the fix"
    if fault is None:
        return "partial", f"{names}, but there is no recorded fault to compare that with."
    right = [test for test in turned if shows(test, fault, changed) == "recorded fault"]
    if not right:
        if shows(turned[0], fault, changed) == "not comparable":
            return "partial", f"{names}, but what was recorded says too little to compare that with."
        return "partial", f"{names}, but not with the recorded {fault.words}: {_what(turned[0])}."
    proven = f"{listed(ids(right))} {verb('fails', right)} on the base with the recorded {fault.words}"
    proven += f", {verb('passes', right)} on the fix, and nothing that passed before fails"
    if doubts.still:
        return (
            "partial",
            f"{proven}; but {listed(doubts.still)} {verb('fails', doubts.still)} on the fix with it, as before.",
        )
    if all(test.id in doubts.elsewhere for test in right):
        return "partial", f"{proven}; but on the fix it no longer makes the request that failed on the base."
    if doubts.unsure:
        fails = verb("fails", doubts.unsure)
        return "partial", (
            f"{proven}; but {listed(doubts.unsure)}, which {fails} on the base now and then, {fails} on the fix in"
            " each run."
        )
    if reaching := sorted({flag.path for flag in flags if _takes_hold(flag)}):
        return "inconclusive", (
            f"{proven}, if the results are to be believed: {listed(reaching)} may have written them, as"
            " code that runs beside the test runner and takes hold of it can."
        )
    if flags:
        kinds = sorted({flag.kind for flag in flags})
        return "partial", f"{proven}; but look first at: {', '.join(kinds)}."
    return "demonstrated", f"{proven}."


def _takes_hold(flag: Flag) -> bool:
    """Say whether a flag shows code that takes hold of the recorder or of the test runner's own objects."""
    return flag.kind == REACHES_RUNNER and any(_TAKES_HOLD.search(line) for line in flag.lines)


def shows(test: TestResult, fault: RecordedFault, changed: Changed) -> str:
    """Say whether a red test shows the recorded fault, as `RecordedFault.is_shown_by` does."""
    # What the session's own test code raises is not the site's fault, even from a file of the same name.
    met = (raised for raised in (*test.chain, *test.raised) if raised.file not in changed.beside)
    return fault.is_shown_by(met, test.responses)


def _failed_in_call(test: TestResult) -> bool:
    return test.outcome == "failed" and test.phase == "call"


def _what(test: TestResult) -> str:
    if not test.chain:
        return test.message
    surfaced = test.chain[0]
    return f"{surfaced.type} in {surfaced.function}" if surfaced.function else surfaced.type
