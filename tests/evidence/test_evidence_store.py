"""Evidence in the shared database."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.tables import Bug, EvidenceRow
from capture.testing import NOW
from workbench.errors import NotFound
from workbench.evidence import EvidenceReport, save
from workbench.evidence.report import Flag, Run, TestResult

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
