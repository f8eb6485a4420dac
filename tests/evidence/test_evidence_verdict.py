"""The rules of the verdict, on made-up results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.evidence.changed import Changed
from workbench.evidence.fault import Raised, RecordedFault, Response
from workbench.evidence.report import (
    BASE,
    BROKEN_AGAIN,
    NEW_ON_BASE,
    NEW_ON_FIX,
    OLD_ON_FIX,
    REACHES_RUNNER,
    SUITE_ON_FIX,
    Flag,
    Run,
    TestResult,
)
from workbench.evidence.verdict import NEEDED, decide

FAULT = RecordedFault("KeyError", "/srv/clinic/pricing.py", "price_of", 500, "GET", "/price/", "/price/")
RIGHT = Raised("KeyError", "'rabbit'", "clinic/pricing.py", "price_of", "clinic/pricing.py", "price_of")
OLD, OTHER, NEW = "tests/test_old.py::test_old", "tests/test_old.py::test_other", "tests/test_new.py::test_new"
CHANGED = Changed(anything=True, test_files=("tests/test_new.py",))
OTHERWISE = Raised("ValueError", "no", "clinic/other.py", "other", "clinic/other.py", "other")
FLAG = Flag("test skipped", "tests/test_old.py", "1 test is skipped.")


def passed(id_: str) -> TestResult:
    return TestResult(id_, "passed", "call")


def failed(id_: str, raised: Raised = RIGHT) -> TestResult:
    return TestResult(id_, "failed", "call", message="it failed", chain=(raised,))


def stopped(id_: str, phase: str = "setup") -> TestResult:
    return TestResult(id_, "error", phase, message="it stopped")


def skipped(id_: str) -> TestResult:
    return TestResult(id_, "skipped", "call")


def honest(**tests: list[TestResult] | Run) -> dict[str, Run]:
    """Return the runs of an honest fix, with those named by `tests` in place of them."""
    runs = {
        NEW_ON_BASE: [failed(NEW)],
        NEW_ON_FIX: [passed(NEW)],
        BASE: [passed(OLD), passed(OTHER)],
        SUITE_ON_FIX: [passed(OLD), passed(OTHER), passed(NEW)],
        OLD_ON_FIX: [passed(OLD), passed(OTHER)],
    }
    if isinstance(on_fix := tests.get("new_tests_on_fix"), list):  # which come out the same in the suite
        runs[SUITE_ON_FIX] = [passed(OLD), passed(OTHER), *on_fix]
    for name, given_ in tests.items():
        runs[name.replace("_", " ")] = given_  # type: ignore[assignment]
    return {name: run if isinstance(run, Run) else Run(name, "c0ffee", tests=tuple(run)) for name, run in runs.items()}


def no_results(name: str, trouble: Any, note: str = "the disk is full") -> Run:
    return Run(name, "c0ffee", trouble=trouble, note=note)


CASES: dict[str, tuple[dict[str, Run], Changed, list[Flag], str, str]] = {
    "an honest fix": (honest(), CHANGED, [], "demonstrated", f"{NEW} fails on the base with the recorded KeyError"),
    "nothing changed": ({}, Changed(anything=False), [], "refuted", "changed nothing"),
    "code that may have written its results": (
        honest(),
        CHANGED,
        [Flag(REACHES_RUNNER, "clinic/pricing.py", "", ("+1 import gc",))],
        "inconclusive",
        "clinic/pricing.py may have written them",
    ),
    "a word that only looks like it": (
        honest(),
        CHANGED,
        [Flag(REACHES_RUNNER, "clinic/pricing.py", "", ("+1 def __eq__(self, other):",))],
        "partial",
        "look first at: reaches into the runner",
    ),
    "a flag": (honest(), CHANGED, [FLAG], "partial", "look first at: test skipped"),
    "no results": (
        honest(base=no_results("base", "infrastructure")),
        CHANGED,
        [],
        "not run",
        "The run “base” could not be made: the disk is full.",
    ),
    "the fault was raised by a helper of the new tests": (
        honest(new_tests_on_base=[failed(NEW, replace(RIGHT, file="tests/clinic/pricing.py"))]),
        replace(CHANGED, beside=("tests/test_new.py", "tests/clinic/pricing.py")),
        [],
        "partial",
        "not with the recorded KeyError in price_of",
    ),
    "nothing but tests changed": (
        honest(),
        replace(CHANGED, source=False),
        [],
        "inconclusive",
        "the session changed nothing but tests",
    ),
    "a run is missing": ({NEW_ON_BASE: honest()[NEW_ON_BASE]}, CHANGED, [], "not run", "is missing"),
    "results that disagree": (
        honest(suite_on_fix=no_results("suite on fix", "disagreement", "forged")),
        CHANGED,
        [],
        "inconclusive",
        "The results of “suite on fix” cannot be trusted: forged.",
    ),
    "no tests in the new file": (
        honest(new_tests_on_fix=no_results("new tests on fix", "no tests")),
        CHANGED,
        [],
        "inconclusive",
        "No test was found in tests/test_new.py.",
    ),
    "a base without tests": (
        honest(base=no_results("base", "no tests"), old_tests_on_fix=no_results("old tests on fix", "no tests")),
        CHANGED,
        [],
        "demonstrated",
        NEW,
    ),
    "the fault is still there": (
        honest(new_tests_on_fix=[failed(NEW)]),
        CHANGED,
        [],
        "refuted",
        f"{NEW} still fails on the fix with KeyError in price_of.",
    ),
    "the new test fails otherwise": (
        honest(new_tests_on_fix=[failed(NEW, Raised("OSError"))]),
        CHANGED,
        [],
        "refuted",
        f"{NEW} fails on the fix: it failed",
    ),
    "the new test fails otherwise, with another harness": (
        honest(new_tests_on_fix=[stopped(NEW)]),
        replace(CHANGED, harness=("conftest.py",)),
        [],
        "inconclusive",
        "the session changed conftest.py",
    ),
    "an old test breaks": (
        honest(suite_on_fix=[failed(OLD), passed(OTHER), passed(NEW)]),
        CHANGED,
        [],
        "refuted",
        f"{OLD} passed on the base and fails on the fix.",
    ),
    "old tests break": (
        honest(old_tests_on_fix=[stopped(OLD), failed(OTHER)]),
        CHANGED,
        [],
        "refuted",
        f"{OLD}, {OTHER} passed on the base and fail on the fix.",
    ),
    "an old file cannot be imported any more": (
        honest(old_tests_on_fix=[stopped("tests/test_old.py", "collect")]),
        CHANGED,
        [],
        "refuted",
        "passed on the base and fail on the fix",
    ),
    "an old test fails now and then": (
        {
            **honest(suite_on_fix=[failed(OLD), passed(OTHER), passed(NEW)]),
            BROKEN_AGAIN: Run(BROKEN_AGAIN, "c0ffee", tests=(passed(OLD),)),
        },
        CHANGED,
        [],
        "inconclusive",
        f"{OLD} failed on the fix once and passed once",
    ),
    "an old test breaks every time": (
        {
            **honest(suite_on_fix=[failed(OLD), passed(OTHER), passed(NEW)]),
            BROKEN_AGAIN: Run(BROKEN_AGAIN, "c0ffee", tests=(failed(OLD),)),
        },
        CHANGED,
        [],
        "refuted",
        f"{OLD} passed on the base and fails on the fix.",
    ),
    "the new test is skipped on the base": (
        honest(new_tests_on_base=[skipped(NEW)]),
        CHANGED,
        [],
        "inconclusive",
        f"{NEW} is skipped on the base",
    ),
    "an old test breaks, with another harness": (
        honest(suite_on_fix=[failed(OLD), passed(OTHER), passed(NEW)]),
        replace(CHANGED, harness=("pytest.ini",)),
        [],
        "inconclusive",
        "the session changed pytest.ini",
    ),
    "an old test that the session edited": (
        honest(old_tests_on_fix=[failed(OLD), passed(OTHER)]),
        replace(CHANGED, gone_tests=("tests/test_old.py",)),
        [],
        "inconclusive",
        "fails on the fix as the base has it; the session edited that file",
    ),
    "a test that failed before may go on failing": (
        honest(
            base=[failed(OLD, OTHERWISE), passed(OTHER)],
            suite_on_fix=[failed(OLD, OTHERWISE), passed(OTHER), passed(NEW)],
            old_tests_on_fix=[failed(OLD, OTHERWISE), passed(OTHER)],
        ),
        CHANGED,
        [],
        "demonstrated",
        NEW,
    ),
    "no new test": (
        {name: run for name, run in honest().items() if name not in (NEW_ON_BASE, NEW_ON_FIX)},
        Changed(anything=True),
        [],
        "inconclusive",
        "added no test",
    ),
    "the new test is skipped on the fix": (
        honest(new_tests_on_fix=[skipped(NEW)]),
        CHANGED,
        [],
        "inconclusive",
        "is skipped on the fix",
    ),
    "the new test passes on the base": (
        honest(new_tests_on_base=[passed(NEW)]),
        CHANGED,
        [],
        "inconclusive",
        f"{NEW} passes on the base as well",
    ),
    "the new test is not set up on the base": (
        honest(new_tests_on_base=[stopped(NEW)]),
        CHANGED,
        [],
        "inconclusive",
        f"{NEW} fails on the base while it is set up, which shows nothing of the fault: it stopped",
    ),
    "the new test is not imported on the base": (
        honest(new_tests_on_base=[stopped("tests/test_new.py", "collect")]),
        CHANGED,
        [],
        "inconclusive",
        "while it is imported",
    ),
    "the new test does not exist on the base": (
        honest(new_tests_on_base=[passed(OLD)]),
        CHANGED,
        [],
        "inconclusive",
        f"{NEW} did not run on the base.",
    ),
    "the new test fails elsewhere": (
        honest(new_tests_on_base=[failed(NEW, replace(RIGHT, function="other"))]),
        CHANGED,
        [],
        "partial",
        "but not with the recorded KeyError in price_of: KeyError in other.",
    ),
    "the new test fails where nothing of ours is": (
        honest(new_tests_on_base=[failed(NEW, Raised("OSError"))]),
        CHANGED,
        [],
        "partial",
        "but not with the recorded KeyError in price_of: OSError.",
    ),
    "the new test fails without an exception": (
        honest(new_tests_on_base=[replace(failed(NEW), chain=())]),
        CHANGED,
        [],
        "partial",
        "but not with the recorded KeyError in price_of: it failed.",
    ),
    "an edited test that turned red": (
        honest(new_tests_on_base=[failed(OLD)], new_tests_on_fix=[passed(OLD)]),
        replace(CHANGED, test_files=("tests/test_old.py",)),
        [],
        "demonstrated",
        OLD,
    ),
    "four new tests": (
        honest(
            new_tests_on_base=[failed(f"{NEW}{n}") for n in range(4)],
            new_tests_on_fix=[passed(f"{NEW}{n}") for n in range(4)],
        ),
        CHANGED,
        [],
        "demonstrated",
        f"{NEW}2 and 1 more fail on the base",
    ),
}


@pytest.mark.parametrize(("runs", "changed", "flags", "verdict", "reason"), CASES.values(), ids=CASES.keys())
def test_each_case_has_its_verdict(
    runs: dict[str, Run], changed: Changed, flags: list[Flag], verdict: str, reason: str
) -> None:
    decided, why = decide(FAULT, changed, runs, flags)
    assert decided == verdict
    assert reason in why


def test_without_a_recorded_fault_red_to_green_is_partial() -> None:
    verdict, reason = decide(None, CHANGED, honest(), [])
    assert verdict == "partial"
    assert "no recorded fault" in reason
    assert decide(None, CHANGED, honest(new_tests_on_fix=[failed(NEW)]), [])[0] == "refuted"


def test_a_fault_that_says_too_little_is_partial() -> None:
    verdict, reason = decide(replace(FAULT, function=""), CHANGED, honest(), [])
    assert verdict == "partial"
    assert "too little" in reason


IDS = st.sampled_from([OLD, OTHER, NEW, "tests/test_new.py::test_more"])
RAISED = st.sampled_from(
    [RIGHT, replace(RIGHT, function="elsewhere"), Raised("AssertionError", file="tests/test_new.py")]
)
RESULTS = st.builds(
    lambda id_, how, raised: {
        "passed": passed(id_),
        "failed": failed(id_, raised),
        "setup": stopped(id_),
        "collect": stopped(id_.partition("::")[0], "collect"),
        "skipped": skipped(id_),
    }[how],
    IDS,
    st.sampled_from(["passed", "passed", "failed", "setup", "collect", "skipped"]),
    RAISED,
)
RUNS = st.fixed_dictionaries(
    {
        name: st.builds(
            lambda tests, trouble, name=name: Run(
                name, "c0ffee", tests=() if trouble else tuple(tests), trouble=trouble
            ),
            st.lists(RESULTS, max_size=4, unique_by=lambda test: test.id),
            st.sampled_from(["", "", "", "", "infrastructure", "disagreement", "no tests"]),
        )
        for name in NEEDED
    }
)
CHANGES = st.builds(
    Changed,
    anything=st.booleans(),
    test_files=st.sampled_from([(), ("tests/test_new.py",), ("tests/test_new.py", "tests/test_old.py")]),
    gone_tests=st.sampled_from([(), ("tests/test_old.py",)]),
    harness=st.sampled_from([(), ("conftest.py",)]),
)


@given(runs=RUNS, changed=CHANGES, flags=st.lists(st.just(FLAG), max_size=1))
def test_nothing_is_demonstrated_without_all_of_the_proof(
    runs: dict[str, Run], changed: Changed, flags: list[Flag]
) -> None:
    verdict, reason = decide(FAULT, changed, runs, flags)
    assert reason.strip()
    if verdict != "demonstrated":
        return
    assert not flags
    assert not any(run.trouble in ("infrastructure", "disagreement") for run in runs.values())
    right = {test.id for test in runs[NEW_ON_BASE].tests if test.phase == "call" and RIGHT in test.chain}
    assert right & runs[NEW_ON_FIX].ids("passed")
    for name in (SUITE_ON_FIX, OLD_ON_FIX):
        assert not runs[BASE].ids("passed") & runs[name].ids("failed", "error")


@given(runs=RUNS, changed=CHANGES)
def test_nothing_is_refuted_without_a_failure_on_the_fix(runs: dict[str, Run], changed: Changed) -> None:
    verdict, _ = decide(FAULT, changed, runs, [])
    if verdict == "refuted" and changed.anything:
        assert any(test.is_red for name in (NEW_ON_FIX, SUITE_ON_FIX, OLD_ON_FIX) for test in runs[name].tests)


@pytest.mark.parametrize(
    ("filename", "file", "same"),
    [
        ("/srv/clinic/clinic/pricing.py", "clinic/pricing.py", True),
        ("/srv/app/clinic/pricing.py", "src/clinic/pricing.py", True),
        ("C:\\srv\\clinic\\pricing.py", "clinic/pricing.py", True),
        ("/srv/pricing.py", "pricing.py", True),
        ("/srv/shop/pricing.py", "clinic/pricing.py", False),
        ("/srv/clinic/pricing.py", "clinic/prices.py", False),
        ("", "clinic/pricing.py", False),
    ],
)
def test_files_are_compared_by_the_end_of_their_paths(filename: str, file: str, same: bool) -> None:
    fault = replace(FAULT, filename=filename)
    assert (fault.is_shown_by([replace(RIGHT, file=file)], []) == "recorded fault") is same


def test_methods_are_compared_by_their_own_name() -> None:
    assert replace(FAULT, function="Pricing.price_of").is_shown_by([RIGHT], []) == "recorded fault"


def test_a_fault_outside_of_the_application_is_compared_by_its_innermost_frame() -> None:
    fault = replace(FAULT, filename="/srv/venv/django/template/base.py", function="resolve", is_in_app=False)
    met = Raised("KeyError", "", "", "", "/site-packages/django/template/base.py", "resolve")
    assert fault.is_shown_by([met], []) == "recorded fault"
    assert fault.is_shown_by([replace(met, leaf_function="render")], []) == "elsewhere"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response("GET", "/pets/7/", "/pets/<int:pk>/", 404), "recorded fault"),
        (Response("GET", "/pets/7/", "/pets/<int:pk>/", 200), "elsewhere"),
        (Response("POST", "/pets/7/", "/pets/<int:pk>/", 404), "elsewhere"),
        (Response("GET", "/pets/999/", "/other/", 404), "elsewhere"),
    ],
)
def test_a_status_is_compared_by_its_route(response: Response, reason: str) -> None:
    fault = RecordedFault(None, "", "", 404, "GET", "/pets/999/", "/pets/<int:pk>/")
    assert fault.is_shown_by([RIGHT], [response]) == reason
    assert fault.words == "404 of GET /pets/<int:pk>/"


def test_a_status_without_a_route_is_compared_by_its_path() -> None:
    fault = RecordedFault(None, "", "", 404, "GET", "/gone/", None)
    assert fault.is_shown_by([], [Response("GET", "/gone/", None, 404)]) == "recorded fault"
    assert fault.words == "404 of GET /gone/"


def test_a_message_cannot_be_compared() -> None:
    fault = RecordedFault(None, "", "", None, "", "", None)
    assert fault.is_shown_by([RIGHT], []) == "not comparable"
    assert fault.words == "message"
    assert replace(FAULT, function="").words == "KeyError"


def test_a_flaky_test_neither_refutes_nor_is_passed_over() -> None:
    flaky = {"base": [passed(OLD), passed(OTHER)], "base_again": [passed(OLD), failed(OTHER, OTHERWISE)]}
    once = honest(**flaky, suite_on_fix=[passed(OLD), failed(OTHER, OTHERWISE), passed(NEW)])
    assert decide(FAULT, CHANGED, once, [])[0] == "demonstrated"
    always = honest(
        **flaky,
        suite_on_fix=[passed(OLD), failed(OTHER, OTHERWISE), passed(NEW)],
        old_tests_on_fix=[passed(OLD), failed(OTHER, OTHERWISE)],
    )
    verdict, reason = decide(FAULT, CHANGED, always, [])
    assert (verdict, f"but {OTHER}, which fails on the base now and then" in reason) == ("partial", True)


def test_what_broke_and_fails_on_the_base_when_asked_again_is_not_the_fix_s() -> None:
    runs = honest(
        suite_on_fix=[passed(OLD), failed(OTHER, OTHERWISE), passed(NEW)],
        broken_tests_again=[failed(OTHER, OTHERWISE)],
        broken_tests_on_base=[failed(OTHER, OTHERWISE)],
    )
    assert decide(FAULT, CHANGED, runs, [])[0] == "demonstrated"
    del runs["broken tests on base"]
    assert decide(FAULT, CHANGED, runs, [])[0] == "refuted"


def test_a_new_test_that_comes_out_differently_on_the_same_code_proves_nothing() -> None:
    for name, results, where in (
        ("new_tests_on_base_again", [passed(NEW)], "on the base in 1 of 2 runs"),
        ("new_tests_on_fix_again", [failed(NEW)], "on the fix in 1 of 3 runs"),
        ("suite_on_fix", [passed(OLD), passed(OTHER), failed(NEW)], "on the fix in 1 of 2 runs"),
    ):
        verdict, reason = decide(FAULT, CHANGED, honest(**{name: results}), [])
        assert (verdict, where in reason) == ("inconclusive", True)


def test_a_fault_that_another_test_still_shows_is_not_gone() -> None:
    red = [failed(OTHER)]
    runs = honest(
        base=[passed(OLD), *red], suite_on_fix=[passed(OLD), passed(NEW), *red], old_tests_on_fix=[passed(OLD), *red]
    )
    verdict, reason = decide(FAULT, CHANGED, runs, [])
    assert (verdict, f"{OTHER} fails on the fix with it, as before" in reason) == ("partial", True)


def test_a_test_that_asks_for_less_on_the_fix_is_no_proof() -> None:
    asked = replace(failed(NEW), responses=(Response("GET", "/pets/17/", "/pets/<int:pk>/", 500),))
    same = replace(passed(NEW), responses=(Response("GET", "/pets/18/", "/pets/<int:pk>/", 200),))
    other = replace(passed(NEW), responses=(Response("GET", "/", "/", 200),))
    assert decide(FAULT, CHANGED, honest(new_tests_on_base=[asked], new_tests_on_fix=[same]), [])[0] == "demonstrated"
    verdict, reason = decide(FAULT, CHANGED, honest(new_tests_on_base=[asked], new_tests_on_fix=[other]), [])
    assert (verdict, "no longer makes the request" in reason) == ("partial", True)


def test_a_package_that_the_fix_needs_and_nobody_has_is_no_failure() -> None:
    missing = TestResult(
        "tests/test_new.py", "error", "collect", message="ModuleNotFoundError: No module named 'arrow'"
    )
    runs = honest(new_tests_on_fix=[missing], suite_on_fix=[passed(OLD), passed(OTHER), missing])
    verdict, reason = decide(FAULT, replace(CHANGED, packages=("requirements.txt",)), runs, [])
    assert (verdict, reason.startswith("The fix needs arrow, which is not installed")) == ("not run", True)
