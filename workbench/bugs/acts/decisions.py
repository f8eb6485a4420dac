"""A decision on a fix, put on record as an act too: so the history tells it with the others, and it can be undone.

The row of the decision itself stays for ever; one that is taken back says when, and by whom.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug, FixSession, OutboxRow, SignOff, TranscriptEntry
from workbench.bugs.acts.record import REASON, changes, picture
from workbench.errors import Refused

SIGN_OFF, REJECTION = "sign-off", "rejection"
KINDS = (SIGN_OFF, REJECTION)
WITHDRAWN = "withdrawn: the decision was taken back"

# What a rejection changes of the session that it goes back to: undone, its result is there to decide on again.
_OF_SESSION = ("state", "activity", "phase", "result_commit", "not_a_bug")


def enter(
    session: Session, bug: Bug, was: dict[str, Any], decision: SignOff, fix: FixSession, *, now: datetime
) -> ActRow:
    """Put a decision on record as an act, with the picture that the bug `was` before it. Nothing is committed."""
    session.flush()
    before, after = changes(was, picture(session, bug))
    kind = REJECTION if decision.decision == "rejected" else SIGN_OFF
    if kind == REJECTION:
        before["session"] = {name: getattr(fix, name) for name in _OF_SESSION} | {"phase_of": fix.options.get("phase")}
    row = ActRow(
        bug_id=bug.id,
        number=bug.number,
        at=now,
        actor_kind="person",
        actor=decision.by,
        kind=kind,
        before=before,
        after=after | {"sign_off": decision.id},
        reason=decision.note[:REASON],
    )
    session.add(row)
    return row


def take_back(session: Session, row: ActRow, *, by: str, now: datetime) -> bool:
    """Mark the decision of an act as taken back, and withdraw what is owed for it and not begun.

    Returns whether anything was done outside already, which then has to be told there. Raises `Refused` where a later
    decision was made on the bug. Nothing is committed.
    """
    latest = select(SignOff).where(SignOff.bug_id == row.bug_id).order_by(col(SignOff.id).desc()).limit(1)
    decision = session.exec(latest).one()
    if decision.id != row.after["sign_off"]:
        raise Refused(
            f"The {row.kind} of {label(row.number)} cannot be undone: there was a later decision.",
            cure=f"See its history: workbench bugs show {label(row.number)}.",
        )
    decision.undone_at, decision.undone_by = now, by
    session.add(decision)
    if row.kind == REJECTION:
        _restore_session(session, decision.session_id, row.before["session"], by=by, now=now)
    return _withdraw(session, decision, now)


def _restore_session(session: Session, session_id: str | None, was: dict[str, Any], *, by: str, now: datetime) -> None:
    fix = session.get_one(FixSession, session_id, with_for_update=True)
    if fix.ended_at is None:
        raise Refused("The agent is at work on the rejection.", cure="Interrupt its session, then undo.")
    for name in _OF_SESSION:
        setattr(fix, name, was[name])
    fix.options = fix.options | {"phase": was["phase_of"]}
    fix.ended_at = now  # the last to end is the one to decide on
    text = f"{by} took the rejection back: the result is as it was, and the worktree as the agent has left it now."
    session.add(fix)
    session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": text}))


def _withdraw(session: Session, decision: SignOff, now: datetime) -> bool:
    occasions = (f"sign-off {decision.id}", f"commit {decision.commit}")
    owed = select(OutboxRow).where(OutboxRow.bug_id == decision.bug_id, OutboxRow.kind != "write_file")
    is_told = False
    for row in session.exec(owed.with_for_update()):
        if row.key.split(":", 2)[2] not in occasions:
            continue
        is_held = row.leased_until is not None and row.leased_until > now
        if row.state == "done" or is_held:
            is_told = True
            continue
        row.state, row.outcome, row.done_at = "done", WITHDRAWN, now
        row.leased_by = row.leased_until = None
        session.add(row)
    return is_told
