"""What a running session writes to the shared database, and what it reads there from people.

Rows are the only channel between a runner and the screens. A write that meets a locked database is tried again, so
that no line of a transcript is lost to somebody else's long transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import lifecycle, outbox
from capture.store.engine import writing
from capture.store.lifecycle import Actor, State
from capture.store.tables import Bug, FixSession, SessionRequest, TranscriptEntry
from workbench.bugs.store import database_errors
from workbench.errors import DatabaseError

PATIENCE_SECONDS = 300.0  # with a locked or unreachable database
# What people ask of a running session; an approval is the other way round.
ASKED = ("interrupt", "message", "unlock", "send_back")
ALLOW, ALWAYS, DENY = "allow", "always", "deny"  # what a person answers; always: and not to be asked again
LONGEST_ENTRY = 200_000  # characters of one text of the transcript

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Asked:
    """What a person asked of a running session; see `ASKED`."""

    id: int
    kind: str
    text: str
    by: str


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Record:
    """The rows of one session, as its runner sees them."""

    def __init__(
        self, engine: Engine, session_id: str, *, clock: Callable[[], datetime] = now, pause: float = 0.5
    ) -> None:
        self.engine = engine
        self.session_id = session_id
        self.clock = clock
        self._pause = pause

    def load(self) -> FixSession:
        """Return the session's row as it is now."""

        def read(session: Session) -> FixSession:
            return _fix(session, self.session_id)

        return self._patiently(read)

    def update(self, **fields: Any) -> None:
        """Set columns of the session's row."""

        def write(session: Session) -> None:
            fix = _fix(session, self.session_id)
            for name, value in fields.items():
                setattr(fix, name, value)
            session.add(fix)

        self._patiently(write)

    def option(self, **options: Any) -> None:
        """Set entries of the session's options."""

        def write(session: Session) -> None:
            fix = _fix(session, self.session_id)
            fix.options = fix.options | options
            session.add(fix)

        self._patiently(write)

    def entry(self, kind: str, /, **body: Any) -> None:
        """Add an entry to the transcript."""
        self.heard(kind, body)

    def heard(self, kind: str, body: dict[str, Any], **fields: Any) -> None:
        """Add an entry to the transcript, and set columns of the session's row with it or not at all."""
        at = self.clock()

        def write(session: Session) -> None:
            session.add(entry(self.session_id, at, kind, body))
            fix = _fix(session, self.session_id) if fields else None
            for name, value in fields.items():
                setattr(fix, name, value)

        self._patiently(write)

    def ask(self, body: dict[str, Any]) -> int:
        """Put a question to people and return its id."""

        def write(session: Session) -> int:
            request = SessionRequest(
                session_id=self.session_id, kind="approval", body=body, asked_at=self.clock(), asked_by="agent"
            )
            session.add(request)
            session.flush()
            assert request.id is not None
            return request.id

        return self._patiently(write)

    def answer(self, request_id: int) -> tuple[str, str] | None:
        """Return the answer to a question and its note, or None while nobody has answered."""

        def read(session: Session) -> tuple[str, str] | None:
            request = session.get_one(SessionRequest, request_id)
            return (request.answer, request.answer_note) if request.answer else None

        return self._patiently(read)

    def is_always_allowed(self, tool: str, given: Mapping[str, Any]) -> bool:
        """Say whether a person has allowed exactly this for the whole of the session."""

        def read(session: Session) -> bool:
            answered = select(SessionRequest.body).where(
                SessionRequest.session_id == self.session_id, SessionRequest.answer == ALWAYS
            )
            return any(
                body.get("tool") == tool and _what_counts(body.get("input") or {}) == _what_counts(given)
                for body in session.exec(answered)
            )

        return self._patiently(read)

    def asked(self) -> list[Asked]:
        """Return what people asked for and got no answer to yet, the oldest first."""

        def read(session: Session) -> list[Asked]:
            rows = session.exec(
                select(SessionRequest)
                .where(
                    SessionRequest.session_id == self.session_id,
                    col(SessionRequest.kind).in_(ASKED),
                    col(SessionRequest.answered_at).is_(None),
                )
                .order_by(col(SessionRequest.id))
            )
            return [Asked(row.id or 0, row.kind, str(row.body.get("text", "")), row.asked_by) for row in rows]

        return self._patiently(read)

    def settle(self, request_id: int) -> bool:
        """Say that what a person asked for is done; False where that was said before."""

        def write(session: Session) -> bool:
            request = session.get_one(SessionRequest, request_id)
            if request.answered_at is not None:
                return False
            request.answer, request.answered_at, request.answered_by = "done", self.clock(), "runner"
            session.add(request)
            return True

        return self._patiently(write)

    def end(self, state: str, activity: str, *, to: State | None = None, reason: str = "") -> None:
        """End the session in one transaction: its state, its open questions, and its bug's state if `to` is given."""
        self._patiently(
            lambda session: end(session, self.session_id, state, activity, to=to, reason=reason, now=self.clock())
        )

    def _patiently(self, work: Callable[[Session], _Result]) -> _Result:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with transaction(self.engine) as session:
                    return work(session)
            except DatabaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(self._pause)


def entry(session_id: str, at: datetime, kind: str, body: dict[str, Any]) -> TranscriptEntry:
    """Return an entry of a transcript as its row, with texts as long as we keep them."""
    cut = {name: _cut(value) for name, value in body.items()}
    return TranscriptEntry(session_id=session_id, at=at, kind=kind, body=cut)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open one transaction that commits at the end and writes nothing when anything fails."""
    with database_errors(), Session(writing(engine), expire_on_commit=False) as session:
        yield session
        session.commit()


def end(
    session: Session, session_id: str, state: str, activity: str, *, to: State | None, reason: str, now: datetime
) -> None:
    """End a session within a transaction; see `Record.end`."""
    fix = _fix(session, session_id)
    fix.state, fix.activity, fix.ended_at = state, activity, now
    session.add(fix)
    unanswered = select(SessionRequest).where(
        SessionRequest.session_id == session_id, col(SessionRequest.answered_at).is_(None)
    )
    for request in session.exec(unanswered):
        request.answer = "deny" if request.kind == "approval" else "done"
        request.answer_note, request.answered_at, request.answered_by = "the session ended", now, "workbench"
        session.add(request)
    bug = session.exec(select(Bug).where(Bug.id == fix.bug_id).with_for_update()).one()
    if to == "review" and bug.state == "muted":
        # Muting silences new events, not the answer that somebody has asked for.
        move(session, bug, "open", by=Actor("agent", session_id), reason="unmuted: a result waits for review", now=now)
        move(session, bug, to, by=Actor("agent", session_id), reason=reason, now=now)
    elif to is not None and bug.state == "fixing":
        move(session, bug, to, by=Actor("agent", session_id), reason=reason, now=now)
    bug.changed_at = now
    session.add(bug)


def move(session: Session, bug: Bug, to: State, *, by: Actor, reason: str, now: datetime) -> None:
    """Change a bug's state and owe its file, within a transaction."""
    transition = lifecycle.move(session, bug, to, by=by, reason=reason, now=now)
    session.flush()
    assert bug.id is not None
    outbox.owe(session, "write_file", bug.id, occasion=f"transition {transition.id}", now=now)


def _what_counts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a tool's input what it does, without the words about it, which an agent chooses anew each time."""
    return {name: value for name, value in given.items() if name not in ("description", "timeout")}


def _fix(session: Session, session_id: str) -> FixSession:
    return session.get_one(FixSession, session_id)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_ENTRY:
        return value[:LONGEST_ENTRY] + f" … ({len(value) - LONGEST_ENTRY} more characters)"
    if isinstance(value, dict):
        return {name: _cut(each) for name, each in value.items()}
    return value
