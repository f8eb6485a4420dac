"""The states of a bug, which of them may follow which, and why one may be closed: words, without a database."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["open", "fixing", "review", "closed", "muted"]
ActorKind = Literal["person", "agent", "system"]
# Why a bug is closed. One that is fixed comes back by itself; "not a bug" stays closed and only counts, and a
# duplicate comes back as a fixed one does once the other bug is closed as well. A merged one gets no events any more.
ClosedAs = Literal["fixed", "not a bug", "duplicate", "merged"]

CLOSED_AS: tuple[ClosedAs, ...] = get_args(ClosedAs)
STATES: tuple[State, ...] = get_args(State)

LEGAL: dict[State, frozenset[State]] = {
    "open": frozenset({"fixing", "review", "closed", "muted"}),
    "fixing": frozenset({"open", "review", "closed", "muted"}),
    "review": frozenset({"open", "fixing", "closed", "muted"}),
    "closed": frozenset({"open"}),
    "muted": frozenset({"open", "closed"}),
}
