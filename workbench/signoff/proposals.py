"""What a person is asked to sign, and what they had before their eyes when they did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from capture.store.lifecycle import label
from workbench.bugs.queries import bug_page
from workbench.bugs.rows import BugRow, EvidenceView, SessionRow
from workbench.errors import NotFound, Refused
from workbench.git import Repository


@dataclass(frozen=True)
class Seen:
    """What a person had before their eyes when they decided: the fix's commit, and its evidence if there was any."""

    commit: str
    evidence_id: int | None


@dataclass(frozen=True)
class Proposal:
    """What a person is asked to sign: the fix, what it changes, and what shows that it works.

    `evidence` is None where nothing was run on exactly this `commit`. Where the session proposes that there is no
    bug, nothing is changed, and `commit` is the one that it looked at.
    """

    row: BugRow
    session: SessionRow
    evidence: EvidenceView | None
    diff: str
    commit: str
    branch: str

    @property
    def seen(self) -> Seen:
        """What a person sees who is shown this proposal."""
        return Seen(self.commit, self.evidence.id if self.evidence else None)


def proposal(engine: Engine, number: int, *, now: datetime | None = None) -> Proposal:
    """Return the fix of a bug that waits for a decision.

    Raises `Refused` when there is none, and `NotFound` where its commit is not in the repository (yet).
    """
    page = bug_page(engine, number, now=now or datetime.now(UTC))
    if page.row.state != "review":
        raise not_in_review(number, page.row.state)
    # An earlier session may have been resumed after a later one: the last to end brought the bug to review.
    ended = sorted(page.sessions, key=lambda session: session.ended_at or session.started_at, reverse=True)
    session = next((session for session in ended if session.result_commit or session.not_a_bug), None)
    if session is not None and session.not_a_bug:
        return Proposal(page.row, session, None, "", session.base_commit, session.branch)
    if session is None or session.result_commit is None:
        raise nothing_to_sign(number)
    commit = session.result_commit
    evidence = page.evidence if page.evidence is not None and page.evidence.result_commit == commit else None
    return Proposal(page.row, session, evidence, _diff(session, commit), commit, session.branch)


def _diff(session: SessionRow, commit: str) -> str:
    repository = Repository.open(Path(session.repository))
    try:
        return repository.diff(session.base_commit, commit)
    except NotFound as error:  # nobody named a commit here, so naming another is no way out
        cure = f"`git fetch` brings it, once the branch {session.branch} was pushed."
        raise NotFound(str(error), cure=cure) from None


def not_in_review(number: int, state: str) -> Refused:
    """Return the refusal of a decision on a bug in another state."""
    return Refused(
        f"{label(number)} is {state}, not in review.",
        cure="A fix is decided on once its session and evidence are done.",
    )


def nothing_to_sign(number: int) -> Refused:
    """Return the refusal of a decision where there is no fix to decide on."""
    return Refused(
        f"No session has left a result for {label(number)}.", cure=f"Launch one: workbench fix {label(number)}."
    )
