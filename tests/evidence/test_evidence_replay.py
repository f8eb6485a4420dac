"""What a replay of the recorded request says, on made-up results: it adds, and proves nothing by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from workbench.bugs.evidence_text import evidence_lines
from workbench.bugs.rows import EvidenceView
from workbench.evidence.fault import Raised, RecordedFault, Response
from workbench.evidence.replaying import concluded
from workbench.evidence.report import BASE, REPLAY_ON_BASE, REPLAY_ON_FIX, Replay, Run, TestResult
from workbench.tui.documents.evidence import evidence_lines as screen_lines

FAULT = RecordedFault("KeyError", "/srv/owners/views.py", "show", 500, "GET", "/owners/7/", "/owners/<int:pk>/")
MISSING = RecordedFault(None, "", "", 404, "GET", "/owners/7/", "/owners/<int:pk>/")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
PATH = "tests/test_b012_replay.py"
REPLAY = Replay(path=PATH, commit="c" * 40, differences=("no row is there",))
RAISED = Raised("KeyError", "'name'", "owners/views.py", "show", "owners/views.py", "show", 31)
ASSERTED = Raised(
    "AssertionError", "500 not less than 500", PATH, "test_get_is_answered", "unittest/case.py", "fail", 9
)


def answered(status: int) -> Response:
    return Response("GET", "/owners/7/", "/owners/<int:pk>/", status)


def side(outcome: Any, **given: Any) -> TestResult:
    return TestResult(f"{PATH}::B012::test_get_is_answered", outcome, given.pop("phase", "call"), **given)


SHOWN = side("failed", chain=(RAISED,), responses=(answered(500),))
GREEN = side("passed", responses=(answered(200),))
CAUGHT = side("failed", chain=(ASSERTED,), raised=(RAISED,), responses=(answered(500),))
NOWHERE = side("passed", responses=(answered(404),))
REFUSED = side("failed", chain=(ASSERTED,), responses=(answered(404),))
ELSEWHERE = side("failed", chain=(replace(RAISED, type="TypeError", function="other", line=0),))
CALLED = side("passed")


@pytest.mark.parametrize(
    ("before", "after", "note", "flags"),
    [
        (SHOWN, GREEN, "replay: base raised KeyError in owners/views.py:31 → fix answered 200", []),
        (CAUGHT, GREEN, "replay: base raised KeyError in owners/views.py:31 → fix answered 200", []),
        (
            SHOWN,
            SHOWN,
            "replay: base raised KeyError in owners/views.py:31 → fix raised KeyError in owners/views.py:31",
            ["replay still fails"],
        ),
        (
            NOWHERE,
            SHOWN,
            "replay: base answered 404 → fix raised KeyError in owners/views.py:31",
            ["replay still fails"],
        ),
        (
            NOWHERE,
            NOWHERE,
            "replay: base answered 404 → fix answered 404; the recorded fault does not show here: no row is there",
            [],
        ),
        (
            SHOWN,
            ELSEWHERE,
            "replay: base raised KeyError in owners/views.py:31 → fix raised TypeError in owners/views.py",
            [],
        ),
    ],
)
def test_what_it_shows_is_one_sentence(before: TestResult, after: TestResult, note: str, flags: list[str]) -> None:
    found, raised = replayed(before, after)
    assert found[REPLAY_ON_FIX].note == note
    assert [flag.kind for flag in raised] == flags
    assert list(found) == [BASE, REPLAY_ON_BASE, REPLAY_ON_FIX]


def test_a_call_returns() -> None:
    found, _ = replayed(SHOWN, CALLED, replay=replace(REPLAY, kind="call"))
    assert found[REPLAY_ON_FIX].note.endswith("→ fix returned")


def test_a_status_that_an_empty_database_explains_is_no_flag() -> None:
    """A page of a row that is gone is missing on every fix: only a fault that needs no row can still be there."""
    found, flags = replayed(REFUSED, REFUSED, fault=MISSING)
    assert [flag.kind for flag in flags] == ["replay still fails"]
    found, flags = replayed(REFUSED, REFUSED, fault=MISSING, replay=replace(REPLAY, caveat="no row is there"))
    assert (found[REPLAY_ON_FIX].note, flags) == ("replay: base answered 404 → fix answered 404; no row is there", [])


@pytest.mark.parametrize(
    ("replay", "runs", "why"),
    [
        (Replay(why_not="it did not happen in a request"), {}, "it did not happen in a request"),
        (REPLAY, {}, "the other runs could not be made"),
        (
            REPLAY,
            {
                REPLAY_ON_BASE: Run(REPLAY_ON_BASE, "b", tests=(GREEN,)),
                REPLAY_ON_FIX: Run(REPLAY_ON_FIX, "f", trouble="infrastructure", note="time was up"),
            },
            "it could not be run on the fix: time was up",
        ),
        (
            REPLAY,
            {
                name: Run(name, "b", tests=(side("error", phase="setup", message="no database"),))
                for name in (REPLAY_ON_BASE, REPLAY_ON_FIX)
            },
            "it could not be made ready on the base: no database",
        ),
    ],
)
def test_what_was_not_replayed_says_why(replay: Replay, runs: dict[str, Run], why: str) -> None:
    found, flags = concluded(FAULT, replay, {BASE: Run(BASE, "b"), **runs}, base="b")
    assert (list(found), flags) == ([BASE, "replay"], [])
    assert (found["replay"].note, found["replay"].outcome) == (f"not replayed, because {why}", "not run")


def test_without_a_recorded_fault_nothing_is_said() -> None:
    assert concluded(None, None, {BASE: Run(BASE, "b")}, base="b") == ({BASE: Run(BASE, "b")}, [])


def test_it_is_told_on_the_screen_and_in_markdown() -> None:
    found, _ = replayed(SHOWN, replace(GREEN, responses=(answered(200),)))
    runs = tuple(run.as_dict() for run in found.values())
    view = EvidenceView(1, None, "b" * 40, "f" * 40, "partial", "It says so.", (), runs, NOW, NOW)
    shown = "base raised KeyError in owners/views.py:31 → fix answered 200"
    assert any(shown in line.text for line in screen_lines(view, 120))
    assert any("Replay: base raised" in line for line in evidence_lines(view))


@pytest.mark.parametrize("message", ["KeyError: 'plum'", "'plum'"])  # pytest's, Django's
def test_the_type_of_a_failure_is_said_once(message: str) -> None:
    failed = {"id": "t", "outcome": "failed", "exception": "KeyError", "message": message}
    run = {"name": "new tests on base", "outcome": "failed", "tests": [failed]}
    view = EvidenceView(1, None, "b" * 40, "f" * 40, "partial", "It says so.", (), (run,), NOW, NOW)
    told = [line.text.strip() for line in screen_lines(view, 120)]
    assert "fails with KeyError: 'plum'" in told
    assert "KeyError: 'plum'" in told


def replayed(before: TestResult, after: TestResult, *, fault: RecordedFault = FAULT, replay: Replay = REPLAY) -> Any:
    runs = {
        REPLAY_ON_BASE: Run(REPLAY_ON_BASE, "b", tests=(before,)),
        REPLAY_ON_FIX: Run(REPLAY_ON_FIX, "f", tests=(after,)),
        BASE: Run(BASE, "b"),
    }
    return concluded(fault, replay, runs, base="b")
