"""A person's decision on a fix, and all that follows from it. Nothing else closes a bug."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, func, or_, select

from capture.store import lifecycle, outbox
from capture.store.engine import writing
from capture.store.lifecycle import Actor, label
from capture.store.tables import Bug, EvidenceRow, FixSession, SignOff, TranscriptEntry
from workbench.bugs.acts import decisions
from workbench.bugs.acts.record import picture
from workbench.bugs.persons import Account, refuse_agents, refuse_sessions
from workbench.bugs.queries import session as session_row
from workbench.bugs.rows import SessionRow, SignOffRow
from workbench.bugs.store import database_errors
from workbench.config import Config
from workbench.errors import NotFound, Refused
from workbench.sessions.process import Identity
from workbench.signoff.proposals import Seen, not_in_review, nothing_to_sign

NOBODY = Account()  # nothing is known beside the name


def verify(
    engine: Engine,
    number: int,
    seen: Seen,
    *,
    by: str,
    note: str,
    now: datetime,
    account: Account = NOBODY,
    quiet: timedelta = timedelta(),
    environ: Mapping[str, str] | None = None,
) -> SignOffRow:
    """Record that a person has verified the fix of a bug, close the bug, and owe what follows from that.

    For the time `quiet` an event without a release is no recurrence, since the fix is still on its way. Raises
    `Refused` inside an agent's environment and for the session's own identity, when the bug is not in review, when its
    fix or evidence is not the one that the person has `seen`, and when the fix was not demonstrated and `note` does not
    say why it is signed all the same.
    """
    refuse_agents(os.environ if environ is None else environ)
    with _deciding(engine, number, by) as (session, bug, fix, evidence):
        was = picture(session, bug)
        if seen != Seen(_decided_on(fix), evidence.id if evidence else None):
            raise Refused(
                f"The fix of {label(number)} is no longer the one that you looked at.",
                cure="Look at it again, then decide.",
            )
        if fix.not_a_bug:
            return _not_a_bug(session, bug, fix, by=by, account=account, note=note, now=now)
        if not note.strip() and (evidence is None or evidence.verdict != "demonstrated"):
            what = (
                "There is no evidence for this fix" if evidence is None else f"The evidence says “{evidence.verdict}”"
            )
            raise Refused(f"{what}, so signing it needs a reason.", cure="Give a note that says why you sign it.")
        row = _record(session, bug, fix, evidence, "verified", by=by, account=account, note=note, now=now)
        lifecycle.move(
            session, bug, "closed", by=Actor("person", by), reason=_closing_reason(fix, evidence, note), now=now
        )
        bug.fix_commit, bug.quiet_until = fix.result_commit, now + quiet
        assert bug.id is not None
        occasion = f"sign-off {row.id}"
        outbox.owe(session, "comment_issue", bug.id, occasion=occasion, now=now, body=_comment(row, fix, evidence))
        outbox.owe(session, "close_issue", bug.id, occasion=occasion, now=now)
        outbox.owe(session, "write_file", bug.id, occasion=occasion, now=now)
        decisions.enter(session, bug, was, row, fix, now=now)
        return _shown(row)


def reject(
    config: Config, engine: Engine, number: int, *, by: str, reason: str, now: datetime, account: Account = NOBODY
) -> SessionRow:
    """Record that a person has rejected the fix of a bug, and send the reason back to the agent.

    Raises `Refused` without a reason. When the agent cannot be resumed, the rejection stays on record, the bug
    goes back to review, and the error says what to do. A branch that was attached from outside has no agent of ours:
    its bug is open again.
    """
    from workbench import fixing  # here, since it brings the agent along, which signing never needs

    refuse_agents(os.environ)
    if not reason.strip():
        raise Refused("A rejection needs a reason: it is what the agent works with.", cure="Say what is wrong.")
    with _deciding(engine, number, by) as (session, bug, fix, evidence):
        was = picture(session, bug)
        is_attached = not fix.worktree
        row = _record(session, bug, fix, evidence, "rejected", by=by, account=account, note=reason, now=now)
        to: lifecycle.State = "open" if is_attached else "fixing"
        lifecycle.move(session, bug, to, by=Actor("person", by), reason=f"rejected: {reason}", now=now)
        if is_attached:
            told = f"Rejected by {by}: {reason}\nThere is no agent of ours to tell; {label(number)} is open again."
            session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": told}))
        assert bug.id is not None
        outbox.owe(session, "write_file", bug.id, occasion=f"sign-off {row.id}", now=now)
        decisions.enter(session, bug, was, row, fix, now=now)
        fix_id = fix.id
    if is_attached:
        return session_row(engine, fix_id)
    try:
        return fixing.resume(config, engine, fix_id, by=by, message=reason, now=now)
    except Exception as error:
        _back_to_review(engine, number, error, now=now)
        raise


def _refuse_own(session: Session, fix: FixSession, by: str) -> None:
    """Raise `Refused` where a session would decide: by its name, or from a process that its runner has begun."""
    refuse_sessions(by)
    runners = select(FixSession.pid, FixSession.pid_started).where(
        FixSession.bug_id == fix.bug_id, col(FixSession.pid).is_not(None), col(FixSession.pid_started).is_not(None)
    )
    for pid, started in session.exec(runners):
        if pid is not None and started is not None and Identity(pid, started).is_above_us:
            raise Refused(
                "Only a person decides on a fix, and this runs inside a fix session.",
                cure="Decide in a terminal of your own.",
            )


@contextmanager
def _deciding(engine: Engine, number: int, by: str) -> Iterator[tuple[Session, Bug, FixSession, EvidenceRow | None]]:
    """Open the one transaction of a decision, on a bug in review with a fix to decide on."""
    with database_errors(), Session(writing(engine), expire_on_commit=False) as session:
        bug = session.exec(select(Bug).where(Bug.number == number).with_for_update()).one_or_none()
        if bug is None:
            raise NotFound(f"There is no bug {label(number)}.", cure="`workbench bugs list` names them all.")
        if bug.state != "review":
            raise not_in_review(number, bug.state)
        fix = session.exec(
            select(FixSession)
            .where(
                FixSession.bug_id == bug.id,
                or_(col(FixSession.result_commit).is_not(None), FixSession.not_a_bug != ""),
            )
            .order_by(
                func.coalesce(FixSession.ended_at, FixSession.started_at).desc(),
                col(FixSession.started_at).desc(),
                col(FixSession.id).desc(),
            )
        ).first()
        if fix is None:
            raise nothing_to_sign(number)
        _refuse_own(session, fix, by)
        evidence = session.exec(
            select(EvidenceRow)
            .where(EvidenceRow.bug_id == bug.id, EvidenceRow.result_commit == _decided_on(fix))
            .order_by(col(EvidenceRow.id).desc())
        ).first()
        yield session, bug, fix, evidence
        session.commit()


def _record(
    session: Session,
    bug: Bug,
    fix: FixSession,
    evidence: EvidenceRow | None,
    decision: str,
    *,
    by: str,
    account: Account,
    note: str,
    now: datetime,
) -> SignOff:
    assert bug.id is not None
    row = SignOff(
        bug_id=bug.id,
        decision=decision,
        at=now,
        by=by,
        commit=_decided_on(fix),
        evidence_id=evidence.id if evidence else None,
        session_id=fix.id,
        note=note.strip(),
        os_user=account.os_user,
        github_login=account.github,
        events=bug.count,
    )
    session.add(row)
    session.flush()
    return row


def _not_a_bug(
    session: Session, bug: Bug, fix: FixSession, *, by: str, account: Account, note: str, now: datetime
) -> SignOffRow:
    """Close the bug as none, for the reasons of the agent that a person makes their own."""
    was = picture(session, bug)
    reasons = " ".join(fix.not_a_bug.split())
    reason = f"not a bug: {reasons}" + (f" ({note.strip()})" if note.strip() else "")
    row = _record(session, bug, fix, None, "not a bug", by=by, account=account, note=note or reasons, now=now)
    lifecycle.move(session, bug, "closed", by=Actor("person", by), reason=reason, now=now, closed_as="not a bug")
    assert bug.id is not None
    occasion = f"sign-off {row.id}"
    outbox.owe(session, "close_issue", bug.id, occasion=occasion, now=now)
    outbox.owe(session, "write_file", bug.id, occasion=occasion, now=now)
    decisions.enter(session, bug, was, row, fix, now=now)
    return _shown(row)


def _decided_on(fix: FixSession) -> str:
    """Return the commit that a decision is about: the result, or what was looked at where that is said to be right."""
    return fix.base_commit if fix.not_a_bug else fix.result_commit or ""


def _closing_reason(fix: FixSession, evidence: EvidenceRow | None, note: str) -> str:
    shown = f"verified {(fix.result_commit or '')[:12]}, " + (
        "without evidence" if evidence is None else f"evidence {evidence.id}: {evidence.verdict}"
    )
    if evidence is not None and evidence.flags:
        shown += f", {len(evidence.flags)} flag{'s' if len(evidence.flags) > 1 else ''} acknowledged"
    return f"{shown}: {note.strip()}" if note.strip() else shown


def _comment(row: SignOff, fix: FixSession, evidence: EvidenceRow | None) -> dict[str, Any]:
    """Return what the comment on the issue is written from."""
    return {
        "sign_off": row.id,
        "by": _shown(row).who,
        "at": row.at.isoformat(),
        "commit": row.commit,
        "branch": fix.branch,
        "note": row.note,
        "evidence": row.evidence_id,
        "verdict": evidence.verdict if evidence else "without evidence",
        "reason": evidence.reason if evidence else "",
    }


def _shown(row: SignOff) -> SignOffRow:
    return SignOffRow(**{field.name: getattr(row, field.name) for field in fields(SignOffRow)})


def _back_to_review(engine: Engine, number: int, error: Exception, *, now: datetime) -> None:
    with database_errors(), Session(writing(engine)) as session:
        bug = session.exec(select(Bug).where(Bug.number == number).with_for_update()).one()
        live = select(FixSession).where(FixSession.bug_id == bug.id, col(FixSession.ended_at).is_(None))
        # A session that somebody launched in between goes on, and brings the bug to review itself.
        if bug.state == "fixing" and session.exec(live).first() is None:
            reason = f"the agent could not be resumed: {error}"
            lifecycle.move(session, bug, "review", by=Actor("system", "sign-off"), reason=reason, now=now)
            session.commit()
