"""Keeps evidence in the shared database."""

from __future__ import annotations

from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.engine import writing
from capture.store.lifecycle import label
from capture.store.tables import Bug, EvidenceRow
from workbench.errors import NotFound
from workbench.evidence.report import EvidenceReport


def save(engine: Engine, bug_number: int, session_id: str | None, report: EvidenceReport) -> int:
    """Store a report as evidence on a bug and return its id. Raises `NotFound` without such a bug."""
    plain = report.as_dict()
    with Session(writing(engine)) as session:
        bug = session.exec(select(Bug).where(Bug.number == bug_number)).one_or_none()
        if bug is None or bug.id is None:
            raise NotFound(f"There is no bug {label(bug_number)}.")
        row = EvidenceRow(
            bug_id=bug.id,
            session_id=session_id,
            base_commit=report.base,
            result_commit=report.result,
            verdict=report.verdict,
            reason=report.reason,
            flags=plain["flags"],
            runs=plain["runs"],
            started_at=report.started_at,
            ended_at=report.ended_at,
        )
        bug.changed_at = max(bug.changed_at, report.ended_at)
        session.add(row)
        session.add(bug)
        session.commit()
        assert row.id is not None
        return row.id
