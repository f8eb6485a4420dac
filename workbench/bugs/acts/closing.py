"""Closing a bug without a sign-off, with a reason on record, and opening it again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.lifecycle import ClosedAs, label
from capture.store.tables import Bug
from workbench.bugs.acts.record import (
    Done,
    acting,
    changed,
    enter,
    locked,
    missing,
    named,
    pictures,
    refuse_merged,
    step,
)
from workbench.bugs.false_alarms import false_alarm
from workbench.errors import Refused, UsageError

WAYS: tuple[ClosedAs, ...] = ("not a bug", "duplicate", "fixed")


def reason_in(words: str, act: str) -> str:
    """Return the reason that words give for an act, such as "Closing". Raises `UsageError` where they give none."""
    if not words.strip():
        raise UsageError(f"{act} a bug needs a reason.", cure="Say in one line why.")
    return words.strip()


def close(
    engine: Engine,
    numbers: Iterable[int],
    as_: ClosedAs,
    *,
    reason: str,
    by: str,
    duplicate_of: int | None = None,
    now: datetime,
) -> Done:
    """Close bugs as "not a bug", "duplicate" or "fixed" (elsewhere, without a sign-off).

    Raises `NotFound`; `UsageError` without a reason; `Refused` for a bug that is closed already, being fixed, or in
    review, where the sign-off decides whether it is fixed.
    """
    if as_ not in WAYS:
        raise UsageError(f"A bug is not closed as {as_!r}.", cure=f"Ways: {', '.join(WAYS)}.")
    if as_ != "duplicate":
        reason_in(reason, "Closing")
    if (as_ == "duplicate") != (duplicate_of is not None):
        raise UsageError("A duplicate is one of another bug.", cure="Name that bug, and only for a duplicate.")
    what = f"duplicate of {label(duplicate_of)}" if duplicate_of is not None else as_
    said = f"{what}: {reason.strip()}" if reason.strip() else what
    if as_ == "fixed":
        said = f"fixed without a sign-off: {reason.strip()}"
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        if duplicate_of is not None:
            _check_original(session, duplicate_of, {bug.number for bug in bugs})
        for bug in bugs:
            _check(bug, as_)
            step(session, bug, "closed", by=by, reason=said, now=now, closed_as=as_)
            bug.duplicate_of = duplicate_of
            # An earlier fix that was signed off says nothing about what closes the bug now.
            bug.fix_commit = bug.quiet_until = None
        comment = f"Closed by {by} as {said}."
        rows = enter(session, "close", bugs, was, by=by, reason=said, now=now, comment=comment)
    return changed(rows, was, f"{named(was)} closed: {what}.", "")


def close_false_alarm(engine: Engine, numbers: Iterable[int], *, by: str, reason: str = "", now: datetime) -> Done:
    """Close bugs again that a release brought back which git says lacks their fix: the sign-off stands, and is watched.

    Raises `NotFound`, and `Refused` with the reason where git does not say so of one.
    """
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        said = {}
        for bug in bugs:
            assert bug.id is not None
            found = false_alarm(session.connection(), bug.id)
            if isinstance(found, str):
                raise Refused(found, cure=f"See its history: workbench bugs show {label(bug.number)}.")
            said[bug.number] = f"false alarm: {found.said}" + (f"; {reason.strip()}" if reason.strip() else "")
            step(session, bug, "closed", by=by, reason=said[bug.number], now=now)
        rows = tuple(
            row
            for bug in bugs
            for row in enter(session, "close", [bug], was, by=by, reason=said[bug.number], now=now,
                             comment=f"Closed again by {by}, a {said[bug.number]}.")
        )  # fmt: skip
    return changed(rows, was, f"{named(was)} closed again: a false alarm. The sign-off stands.", "")


def reopen(engine: Engine, numbers: Iterable[int], *, reason: str, by: str, now: datetime) -> Done:
    """Open closed bugs again. Raises `NotFound`, `UsageError` without a reason, `Refused` where one is not closed."""
    reason_in(reason, "Reopening")
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        for bug in bugs:
            refuse_merged(bug, "reopened")
            if bug.state != "closed":
                raise Refused(f"{label(bug.number)} is {bug.state}, not closed.", cure="Only a closed bug is reopened.")
            step(session, bug, "open", by=by, reason=reason.strip(), now=now)
        comment = f"Reopened by {by}: {reason.strip()}"
        rows = enter(session, "reopen", bugs, was, by=by, reason=reason.strip(), now=now, comment=comment)
    return changed(rows, was, f"{named(was)} reopened.", "")


def _check(bug: Bug, as_: ClosedAs) -> None:
    shown = label(bug.number)
    refuse_merged(bug, "closed")
    if bug.state == "closed":
        raise Refused(f"{shown} is closed already.", cure=f"See why: workbench bugs show {shown}.")
    if bug.state == "fixing":
        raise Refused(f"{shown} is being fixed.", cure="Wait for its fix session, or interrupt it, then close.")
    if bug.state == "review" and as_ == "fixed":
        raise Refused(f"{shown} has a fix to sign off.", cure=f"Decide on that: workbench verify {shown}")


def _check_original(session: Session, number: int, closing: set[int]) -> None:
    original = session.exec(select(Bug).where(Bug.number == number)).one_or_none()
    if original is None:
        raise missing(number)
    if number in closing:
        raise Refused(f"{label(number)} is no duplicate of itself.", cure="Name another bug.")
    refuse_merged(original, "the original of a duplicate")
    seen = {number}
    while original is not None and original.duplicate_of is not None:
        if original.duplicate_of in closing | seen:
            raise Refused(
                f"{label(number)} is closed as a duplicate of {label(original.duplicate_of)} itself.",
                cure="Close the other one, or reopen it first.",
            )
        seen.add(original.duplicate_of)
        original = session.exec(select(Bug).where(Bug.number == original.duplicate_of)).one_or_none()
