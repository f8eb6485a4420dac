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
from collections.abc import Mapping, Sequence

from workbench.evidence.changed import Changed
from workbench.evidence.comparison import claimed, ids_in, newly_red
from workbench.evidence.fault import RecordedFault
from workbench.evidence.proof import Decision, proof, shows
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
    Flag,
    Run,
    TestResult,
)
from workbench.evidence.wording import ids, listed, verb

_NO_MODULE = re.compile(r"No module named '?([\w.]+)")

NEEDED = (NEW_ON_BASE, NEW_ON_FIX, BASE, SUITE_ON_FIX, OLD_ON_FIX)


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
        or proof(fault, changed, runs, flags)
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
        return "inconclusive", f"No test was found in {listed(changed.test_files)}."
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
                    f" {listed(changed.packages)}."
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
    if fault is not None and (same := [test for test in red if shows(test, fault, changed) == "recorded fault"]):
        return "refuted", f"{listed(ids(same))} still {verb('fails', same)} on the fix with {fault.words}."
    if changed.harness:
        return "inconclusive", (
            f"{listed(ids(red))} {verb('fails', red)} on the fix under the base's harness;"
            f" the session changed {listed(changed.harness)}."
        )
    return "refuted", f"{listed(ids(red))} {verb('fails', red)} on the fix: {red[0].message or red[0].phase}"


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
        return "inconclusive", f"{listed(unstable)} failed on the fix once and passed once, so it proves nothing."
    # Where the agent edited the test file itself, an old test that fails may have asserted the fault.
    edited = {*changed.test_files, *changed.gone_tests}
    elsewhere = sorted(id_ for id_ in broken if id_.partition("::")[0] not in edited)
    if elsewhere and not changed.harness:
        return "refuted", f"{listed(elsewhere)} passed on the base and {verb('fails', elsewhere)} on the fix."
    if changed.harness:
        return "inconclusive", (
            f"{listed(sorted(broken))} {verb('fails', broken)} on the fix under the base's harness;"
            f" the session changed {listed(changed.harness)}."
        )
    return "inconclusive", (
        f"{listed(sorted(broken))} {verb('fails', broken)} on the fix as the base has it; the session edited that file."
    )
