"""What came out on the base and on the fix, compared: which tests are new, newly red, or red now and then.

Nothing here runs or reads anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from workbench.evidence.fault import Response
from workbench.evidence.report import (
    BASE,
    BASE_AGAIN,
    BROKEN_AGAIN,
    BROKEN_ON_BASE,
    NEW_ON_BASE,
    NEW_ON_FIX,
    OLD_ON_FIX,
    SUITE_ON_FIX,
    Outcome,
    Run,
    TestResult,
)

_KEY = re.compile(r"[0-9a-fA-F-]{32,}|\d+")
# The recorder keeps no more of one test.
_MOST_RESPONSES = 50


def claimed(runs: Mapping[str, Run]) -> list[TestResult]:
    """Return the tests, as they came out on the fix, that are new, or whose outcome on the base the agent changed."""
    base, on_base = runs[BASE], runs.get(NEW_ON_BASE)
    if on_base is None:
        return []
    before = {test.id: test.outcome for test in base.tests}
    edited = {test.id: test.outcome for test in on_base.tests}
    return [test for test in runs[NEW_ON_FIX].tests if test.id not in before or edited.get(test.id) != before[test.id]]


def newly_red(runs: Mapping[str, Run]) -> frozenset[str]:
    """Return the tests that pass on the base every time and fail with the fix, in its own suite or in the base's."""
    passed = runs[BASE].ids("passed") - flaky(runs)
    return _newly_red(passed, runs[SUITE_ON_FIX]) | _newly_red(passed, runs[OLD_ON_FIX])


def is_settled(runs: Mapping[str, Run]) -> bool:
    """Say whether another run of the base could not change the verdict: no test fails on the fix.

    Tests that come out differently on the base matter only where they fail on the fix.
    """
    return not any(test.is_red for name in (SUITE_ON_FIX, OLD_ON_FIX) for test in runs[name].tests)


def flaky(runs: Mapping[str, Run]) -> frozenset[str]:
    """Return the tests that come out differently on the same base."""
    again = runs.get(BASE_AGAIN)
    if again is None:
        return frozenset()
    passed, also = runs[BASE].ids("passed"), again.ids("passed")
    return (passed ^ also) & (runs[BASE].ids() | again.ids())


def always_red(runs: Mapping[str, Run]) -> list[str]:
    """Return the flaky tests of the base that fail on the fix in each run: the fix may have broken them."""
    unsure = flaky(runs) | (ids_in(runs, BROKEN_ON_BASE, "failed", "error") & runs[BASE].ids("passed"))
    on_fix = [runs[SUITE_ON_FIX], runs[OLD_ON_FIX]]
    on_fix += [run for name, run in runs.items() if name.startswith(BROKEN_AGAIN)]
    return sorted(
        id_
        for id_ in unsure
        if (met := [found for run in on_fix if (found := run.test(id_)) is not None]) and all(one.is_red for one in met)
    )


def ids_in(runs: Mapping[str, Run], name: str, *outcomes: Outcome) -> frozenset[str]:
    """Return the tests with one of these outcomes in any of the runs that were made under a name."""
    found = [run.ids(*outcomes) for key, run in runs.items() if key.startswith(name) and not run.trouble]
    return frozenset().union(*found)


def asks_the_same(on_base: TestResult, on_fix: TestResult) -> bool:
    """Say whether a test makes the request on the fix that ended it on the base."""
    if not on_base.responses or len(on_base.responses) >= _MOST_RESPONSES:
        return True
    return _asked(on_base.responses[-1]) in {_asked(response) for response in on_fix.responses}


def _newly_red(passed: frozenset[str], run: Run) -> frozenset[str]:
    red = run.ids("failed", "error") & passed
    unreadable = {test.path for test in run.tests if test.phase == "collect"}
    return red | {id_ for id_ in passed if id_.partition("::")[0] in unreadable}


def _asked(response: Response) -> tuple[str, str]:
    # Keys of rows may differ from run to run.
    return response.method, _KEY.sub("#", response.path)
