"""The states of a bug and the only function that changes one.

open → fixing → review → closed,  muted beside them,  closed → open as a recurrence
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from capture.store import bulk
from capture.store.labels import label as label
from capture.store.states import CLOSED_AS as CLOSED_AS
from capture.store.states import LEGAL as LEGAL
from capture.store.states import STATES as STATES
from capture.store.states import ActorKind as ActorKind
from capture.store.states import ClosedAs as ClosedAs
from capture.store.states import State as State
from capture.store.tables import Bug, Transition


@dataclass(frozen=True)
class Actor:
    """Who changes a bug: a person by name, an agent by session id, or the system by part ("capture")."""

    kind: ActorKind
    name: str


class IllegalTransition(Exception):
    """A bug cannot go from this state to that one, or not by this actor."""

    def __init__(self, bug: str, from_state: str, to_state: str, why: str) -> None:
        super().__init__(f"{bug} cannot go from {from_state} to {to_state}: {why}")
        self.bug = bug
        self.from_state = from_state
        self.to_state = to_state


def begin(session: Session, bug_ids: Sequence[int], *, by: Actor, reason: str, now: datetime) -> None:
    """Write the first line of each new bug's history, in one statement. Nothing is committed."""
    begun: dict[str, Any] = {"at": now, "actor_kind": by.kind, "actor": by.name, "to_state": "open", "reason": reason}
    bulk.insert(session.connection(), Transition, {"bug_id": bug_ids}, **begun)


def move(
    session: Session,
    bug: Bug,
    to: State,
    *,
    by: Actor,
    reason: str,
    now: datetime,
    closed_as: ClosedAs = "fixed",
) -> Transition:
    """Change the state of `bug`, record the transition and return it. Nothing is committed.

    What belongs to the state that it leaves goes with it: the terms of a mute, the reason of a closing.
    Raises `IllegalTransition` when `LEGAL` has no such step, or when anyone but a person closes a bug.
    """
    current: State = bug.state  # type: ignore[assignment]
    if to not in LEGAL[current]:
        raise IllegalTransition(
            label(bug.number), current, to, f"from {current} only to " + ", ".join(sorted(LEGAL[current]))
        )
    if to == "closed" and by.kind != "person":
        raise IllegalTransition(label(bug.number), current, to, "only a person closes a bug")
    assert bug.id is not None
    transition = Transition(
        bug_id=bug.id, at=now, actor_kind=by.kind, actor=by.name, from_state=current, to_state=to, reason=reason
    )
    if current == "closed":
        bug.is_recurrence = by.kind == "system"
        bug.closed_as = bug.duplicate_of = bug.merged_into = None
    elif to == "closed":
        bug.is_recurrence = False
        bug.closed_as = closed_as
    if current == "muted":
        bug.mute_until = bug.mute_events = bug.mute_releases = None
    bug.state = to
    bug.changed_at = now
    session.add(bug)
    session.add(transition)
    return transition
