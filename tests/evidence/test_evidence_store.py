"""Evidence in the shared database."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.tables import Bug, EvidenceRow
from capture.testing import NOW
from workbench.errors import NotFound
from workbench.evidence import EvidenceReport, save
from workbench.evidence.report import MOST_LISTED, Flag, Run, TestResult

REPORT = EvidenceReport(
    verdict="partial",
    reason="Look first.",
    flags=(Flag("binary", "a.png", "a.png is binary."),),
    runs=(Run("base", "c0ffee", tests=(TestResult("test_a", "passed", "call"),)),),
    base="c0ffee",
    result="f1x",
    started_at=NOW,
    ended_at=NOW,
)


def test_evidence_is_kept_with_its_runs_and_flags(engine: Engine) -> None:
    with Session(engine) as session:
        bug = Bug(number=12, title="x", kind="exception", first_seen=NOW, last_seen=NOW, changed_at=NOW)
        session.add(bug)
        session.commit()
    stored = save(engine, 12, None, REPORT)
    with Session(engine) as session:
        row = session.get(EvidenceRow, stored)
        assert row is not None
        assert (row.verdict, row.base_commit, row.result_commit) == ("partial", "c0ffee", "f1x")
        assert row.flags == [{"kind": "binary", "path": "a.png", "lines": [], "message": "a.png is binary."}]
        assert row.runs[0]["tests"][0]["id"] == "test_a"
        assert row.runs[0]["passed"] == 1


def test_evidence_on_an_unknown_bug_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="B-012"):
        save(engine, 12, None, REPORT)


def test_of_very_many_passing_tests_only_the_first_are_listed() -> None:
    passing = [TestResult(f"test_{number}", "passed", "call") for number in range(MOST_LISTED + 3)]
    shown = Run("base", "c0ffee", tests=(*passing, TestResult("test_red", "failed", "call"))).as_dict()
    assert shown["passed"] == MOST_LISTED + 3
    assert len(shown["tests"]) == MOST_LISTED + 1
    assert shown["tests"][-1]["id"] == "test_red"
    assert shown["note"] == "3 more passing tests are not listed"
