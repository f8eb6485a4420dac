"""What the runs show about a fix: one word, and one sentence that says why. Nothing here runs or reads anything.

demonstrated   a new test fails on the base with the recorded fault and passes on the fix, nothing else broke, and
               nothing in the changes needs a second look
partial        a test turned from red to green, but something keeps it from being proof
inconclusive   the results do not say
refuted        the results say that it is not fixed, or that something else broke
not run        something other than the fix kept the tests from running
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from workbench.evidence.comparison import always_red, asks_the_same, claimed, ids_in, newly_red
from workbench.evidence.fault import RecordedFault
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
    REACHES_RUNNER,
    SUITE_ON_FIX,
    Flag,
    Run,
    TestResult,
    Verdict,
)

_TAKES_HOLD = re.compile(
    r"\bgc\b|\bctypes\b|/proc/|_getframe|f_locals|f_back|workbench_evidence|__closure__|\b_pytest\b|\bpluggy\b|hookimpl"
)
_NO_MODULE = re.compile(r"No module named '?([\w.]+)")

NEEDED = (NEW_ON_BASE, NEW_ON_FIX, BASE, SUITE_ON_FIX, OLD_ON_FIX)


@dataclass(frozen=True)
class Changed:
    """Which parts the agent changed: its new or changed test files, its test files that are gone, its harness.

    `beside` is all that is laid over the base with the new tests; `source` says whether anything else was changed;
    `packages` are the changed files that say which packages are installed.
    """

    anything: bool
    test_files: tuple[str, ...] = ()
    gone_tests: tuple[str, ...] = ()
    harness: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    source: bool = True
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Doubts:
    """Tests that keep a red to green from being proof.

    `unsure` fail now and then on the base and always on the fix, `elsewhere` ask for something else on the fix,
    `still` fail on the fix with the recorded fault.
    """

    unsure: Sequence[str]
    elsewhere: Collection[str]
    still: Sequence[str]


Decision = tuple[Verdict, str]


def decide(fault: RecordedFault | None, changed: Changed, runs: Mapping[str, Run], flags: Sequence[Flag]) -> Decision:
    """Return the verdict and its reason. `runs` may lack those that had nothing to run."""
    if not changed.anything:
        return "refuted", "The session changed nothing, so nothing can be fixed."
    return (
        _unsound(changed, runs)
        or _not_installed(changed, runs)
        or _unsteady(runs)
        or _still_red(fault, changed, runs)
        or _broke(changed, runs)
        or _proof(fault, changed, runs, flags)
    )


def _unsound(changed: Changed, runs: Mapping[str, Run]) -> Decision | None:
    """Return the decision where a run has no results, or none that can be trusted."""
    for name in (*NEEDED, NEW_ON_BASE_AGAIN, NEW_ON_FIX_AGAIN, BASE_AGAIN):
        run = runs.get(name)
        if run is None:
            if name in NEEDED and (name not in (NEW_ON_BASE, NEW_ON_FIX) or changed.test_files):
                return "not run", f"The run “{name}” is missing."
        elif run.trouble == "infrastructure":
            return "not run", f"The run “{name}” could not be made: {run.note}."
        elif run.trouble == "disagreement":
            return "inconclusive", f"The results of “{name}” cannot be trusted: {run.note}."
    new = runs.get(NEW_ON_FIX)
    if new is not None and new.trouble:
        return "inconclusive", f"No test was found in {_names(changed.test_files)}."
    return None


def _not_installed(changed: Changed, runs: Mapping[str, Run]) -> Decision | None:
    """Return the decision where the fix needs a package that the tests' interpreter does not have."""
    if not changed.packages:
        return None
    on_base = {name for test in runs[BASE].tests if (name := _missing(test))}
    for name in (NEW_ON_FIX, SUITE_ON_FIX, OLD_ON_FIX):
        for test in runs[name].tests if name in runs else ():
            if (missing := _missing(test)) and missing not in on_base:
                return "not run", (
                    f"The fix needs {missing}, which is not installed where the tests run; the session changed"
                    f" {_names(changed.packages)}."
                )
    return None


def _missing(test: TestResult) -> str:
    """Return the package for want of which a test failed, or an empty string."""
    told = [test.message, *(raised.message for raised in (*test.chain, *test.raised))] if test.is_red else []
    found = next((match for text in told if (match := _NO_MODULE.search(text))), None)
    return found[1] if found else ""


def _unsteady(runs: Mapping[str, Run]) -> Decision | None:
    """Return the decision where a new test comes out differently on the same code."""
    for test in claimed(runs):
        for where, names in (
            ("base", (NEW_ON_BASE, NEW_ON_BASE_AGAIN)),
            ("fix", (NEW_ON_FIX, NEW_ON_FIX_AGAIN, SUITE_ON_FIX)),
        ):
            met = [found for name in names if name in runs and (found := runs[name].test(test.id)) is not None]
            red = [found for found in met if found.is_red]
            if red and any(found.outcome == "passed" for found in met):
                return "inconclusive", (
                    f"{test.id} fails on the {where} in {len(red)} of {len(met)} runs and passes in the others, so"
                    " chance or other tests decide, and it proves nothing."
                )
    return None


def _still_red(fault: RecordedFault | None, changed: Changed, runs: Mapping[str, Run]) -> Decision | None:
    """Return the decision where a new test does not pass on the fix."""
    red = [test for test in claimed(runs) if test.is_red]
    if not red:
        return None
    if fault is not None and (same := [test for test in red if _shows(test, fault, changed) == "recorded fault"]):
        return "refuted", f"{_names(_ids(same))} still {_s('fails', same)} on the fix with {fault.words}."
    if changed.harness:
        return "inconclusive", (
            f"{_names(_ids(red))} {_s('fails', red)} on the fix under the base's harness;"
            f" the session changed {_names(changed.harness)}."
        )
    return "refuted", f"{_names(_ids(red))} {_s('fails', red)} on the fix: {red[0].message or red[0].phase}"


def _broke(changed: Changed, runs: Mapping[str, Run]) -> Decision | None:
    """Return the decision where a test that passed on the base fails with the fix."""
    broken = newly_red(runs)
    # What fails on the base too, now that it was asked again, was always so.
    broken -= ids_in(runs, BROKEN_ON_BASE, "failed", "error")
    if not broken:
        return None
    unstable = sorted(broken & ids_in(runs, BROKEN_AGAIN, "passed"))
    broken -= frozenset(unstable)
    if not broken:
        return "inconclusive", f"{_names(unstable)} failed on the fix once and passed once, so it proves nothing."
    # Where the agent edited the test file itself, an old test that fails may have asserted the fault.
    edited = {*changed.test_files, *changed.gone_tests}
    elsewhere = sorted(id_ for id_ in broken if id_.partition("::")[0] not in edited)
    if elsewhere and not changed.harness:
        return "refuted", f"{_names(elsewhere)} passed on the base and {_s('fails', elsewhere)} on the fix."
    if changed.harness:
        return "inconclusive", (
            f"{_names(sorted(broken))} {_s('fails', broken)} on the fix under the base's harness;"
            f" the session changed {_names(changed.harness)}."
        )
    return "inconclusive", (
        f"{_names(sorted(broken))} {_s('fails', broken)} on the fix as the base has it; the session edited that file."
    )


def _proof(fault: RecordedFault | None, changed: Changed, runs: Mapping[str, Run], flags: Sequence[Flag]) -> Decision:
    """Return the decision where all is green on the fix, by what that proves."""
    tests = claimed(runs)
    if not tests:
        return "inconclusive", "The session added no test, so nothing shows that the fault is gone."
    green = [test for test in tests if test.outcome == "passed"]
    if len(green) < len(tests):
        skipped = [test for test in tests if test not in green]
        return "inconclusive", f"{_names(_ids(skipped))} {_s('is', skipped)} skipped on the fix."
    on_base = runs[NEW_ON_BASE]
    before = [(test, on_base.test(test.id)) for test in green]
    turned = [found for _, found in before if found is not None and _failed_in_call(found)]
    if not turned:
        return _never_red(before, on_base)
    if not changed.source:
        return "inconclusive", (
            f"{_names(_ids(turned))} {_s('fails', turned)} on the base and {_s('passes', turned)} later, though the"
            " session changed nothing but tests, so no fix made the difference."
        )
    elsewhere = {test.id for test, found in before if found is not None and not asks_the_same(found, test)}
    still = {
        test.id
        for name in (SUITE_ON_FIX, OLD_ON_FIX)
        for test in runs[name].tests
        if fault is not None and test.is_red and _shows(test, fault, changed) == "recorded fault"
    }
    return _compared(fault, changed, turned, flags, _Doubts(always_red(runs), elsewhere, sorted(still)))


def _never_red(before: Sequence[tuple[TestResult, TestResult | None]], on_base: Run) -> Decision:
    skipped = [found for _, found in before if found is not None and found.outcome == "skipped"]
    if skipped:
        return "inconclusive", f"{_names(_ids(skipped))} {_s('is', skipped)} skipped on the base, which shows no fault."
    passing = [found for _, found in before if found is not None and found.outcome == "passed"]
    if passing:
        return "inconclusive", (
            f"{_names(_ids(passing))} {_s('passes', passing)} on the base as well, so it shows no fault."
        )
    stopped = [found for _, found in before if found is not None] or [
        test for test in on_base.tests if test.phase == "collect"
    ]
    if not stopped:
        return "inconclusive", f"{_names(_ids([test for test, _ in before]))} did not run on the base."
    where = {"collect": "is imported", "setup": "is set up", "teardown": "is torn down"}.get(stopped[0].phase, "runs")
    return "inconclusive", (
        f"{_names(_ids(stopped))} fails on the base while it {where}, which shows nothing of the fault:"
        f" {stopped[0].message}"
    )


def _compared(
    fault: RecordedFault | None,
    changed: Changed,
    turned: Sequence[TestResult],
    flags: Sequence[Flag],
    doubts: _Doubts,
) -> Decision:
    names = f"{_names(_ids(turned))} {_s('fails', turned)} on the base and {_s('passes', turned)} on the fix"
    if fault is None:
        return "partial", f"{names}, but there is no recorded fault to compare that with."
    right = [test for test in turned if _shows(test, fault, changed) == "recorded fault"]
    if not right:
        if _shows(turned[0], fault, changed) == "not comparable":
            return "partial", f"{names}, but what was recorded says too little to compare that with."
        return "partial", f"{names}, but not with the recorded {fault.words}: {_what(turned[0])}."
    proven = f"{_names(_ids(right))} {_s('fails', right)} on the base with the recorded {fault.words}"
    proven += f", {_s('passes', right)} on the fix, and nothing that passed before fails"
    if doubts.still:
        return (
            "partial",
            f"{proven}; but {_names(doubts.still)} {_s('fails', doubts.still)} on the fix with it, as before.",
        )
    if all(test.id in doubts.elsewhere for test in right):
        return "partial", f"{proven}; but on the fix it no longer makes the request that failed on the base."
    if doubts.unsure:
        fails = _s("fails", doubts.unsure)
        return "partial", (
            f"{proven}; but {_names(doubts.unsure)}, which {fails} on the base now and then, {fails} on the fix in"
            " each run."
        )
    if reaching := sorted({flag.path for flag in flags if _takes_hold(flag)}):
        return "inconclusive", (
            f"{proven}, if the results are to be believed: {_names(reaching)} may have written them, as"
            " code that runs beside the test runner and takes hold of it can."
        )
    if flags:
        kinds = sorted({flag.kind for flag in flags})
        return "partial", f"{proven}; but look first at: {', '.join(kinds)}."
    return "demonstrated", f"{proven}."


def _takes_hold(flag: Flag) -> bool:
    """Say whether a flag shows code that takes hold of the recorder or of the test runner's own objects."""
    return flag.kind == REACHES_RUNNER and any(_TAKES_HOLD.search(line) for line in flag.lines)


def _shows(test: TestResult, fault: RecordedFault, changed: Changed) -> str:
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


def _ids(tests: Sequence[TestResult]) -> list[str]:
    return [test.id for test in tests]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


_PLURAL = {"fails": "fail", "passes": "pass", "is": "are"}


def _s(verb: str, subjects: Sequence[object] | frozenset[str]) -> str:
    return verb if len(subjects) == 1 else _PLURAL[verb]
