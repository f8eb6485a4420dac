"""The tables that the site, the workers and the terminal share.

A row is dumb: the rules about it live in `lifecycle`, `intake` and `outbox`. Times are aware UTC on the way in
and out. What is written in bulk is written with Core statements on these same tables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# Metadata of our own: a site that uses SQLModel itself must not find our tables among its own, nor we its.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC datetimes on every database; SQLite itself would drop the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC; a naive datetime is a programming error and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: times in the store are aware UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def storable(text: str) -> str:
    """Return `text` with NUL and halves of surrogate pairs as U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class StoredText(sa.types.TypeDecorator[str]):
    """Text as every database can hold it: the one door from captured text into a text column.

    PostgreSQL refuses NUL, and neither driver can send half of a surrogate pair; both become U+FFFD, so that an
    error that carries them is stored and not lost.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return `value` with what cannot be stored replaced."""
        return None if value is None else storable(value)


class Row(SQLModel, registry=registry(metadata=metadata)):
    """The base of all tables of the store."""


def _json(**options: Any) -> Any:
    return Field(sa_type=sa.JSON, **options)


def _time(**options: Any) -> Any:
    return Field(sa_type=UtcDateTime, **options)


def _text(**options: Any) -> Any:
    return Field(sa_type=StoredText, **options)


def _count(**options: Any) -> Any:
    return Field(default=0, sa_type=sa.BigInteger, **options)


def _where(condition: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}


def _listed(*columns: str) -> sa.Index:
    """Return an index of the bugs of the list in one of its orders; those merged into others are not in the list."""
    name = "_".join(("ix_bug_listed", *columns))
    return sa.Index(name, *columns, "number", **_where("merged_into IS NULL"))


class Bug(Row, table=True):
    """Everything known about one fault. `number` 12 is shown as B-012."""

    __table_args__ = (
        _listed("last_seen"),
        _listed("first_seen"),
        _listed("count"),
        _listed("state", "last_seen"),
        # The few that were merged. An index of all would look better to SQLite than those of the list.
        sa.Index("ix_bug_merged_into", "merged_into", **_where("merged_into IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    number: int = Field(unique=True)
    project: str = _text(default="")
    environment: str = _text(default="")  # of the latest event
    title: str = _text()
    kind: str = _text()  # exception, status, message
    level: str = _text(default="error")  # of the latest event: debug, info, warning, error, fatal
    state: str = _text(default="open")  # see capture.store.lifecycle
    is_recurrence: bool = False  # open again after a sign-off
    exception_type: str | None = _text(default=None)
    status_code: int | None = None
    method: str | None = _text(default=None)
    route: str | None = _text(default=None)
    first_release: str | None = _text(default=None)
    last_release: str | None = _text(default=None)
    count: int = _count()  # events, stored or counted only
    first_seen: datetime = _time()
    last_seen: datetime = _time()
    fix_commit: str | None = _text(default=None)  # the commit of the latest sign-off
    quiet_until: datetime | None = _time(default=None)  # until then an event without a release is no recurrence
    assignee: str | None = _text(default=None)
    closed_as: str | None = _text(default=None)  # see capture.store.lifecycle.CLOSED_AS; None unless closed
    duplicate_of: int | None = None  # the number of the bug that this one was closed as a duplicate of
    merged_into: int | None = None  # the number of the bug that it was merged into
    # What wakes a muted bug; all empty: muted for good. See capture.store.waking.
    mute_until: datetime | None = _time(default=None)
    mute_events: int | None = Field(default=None, sa_type=sa.BigInteger)  # so many more events
    mute_releases: list[str] | None = _json(default=None, nullable=True)  # an event of any release but these
    changed_at: datetime = _time()  # last change of anything a screen shows


class FingerprintRow(Row, table=True):
    """A fingerprint and the bug that it belongs to; several may belong to one bug after a merge.

    `home_id` is the bug that was made for it, `bug_id` the one that has it now: where home was merged into. Figures
    are kept here, and those of a bug are the sum over its fingerprints, so that a merge can be taken back exactly.
    """

    __tablename__ = "fingerprint"
    __table_args__ = (sa.UniqueConstraint("project", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    project: str = _text(default="")
    key: str = _text()
    version: str = _text()
    parts: list[dict[str, str]] = _json(default_factory=list)  # capture.event.Part, as dicts
    bug_id: int = Field(foreign_key="bug.id", index=True)
    home_id: int = Field(index=True)  # no foreign key: SQLite could not add it to a table with rows
    site: str | None = _text(default=None, index=True)  # where it was raised: its innermost part of the application
    count: int = _count()
    first_seen: datetime = _time()
    last_seen: datetime = _time()
    first_release: str | None = _text(default=None)
    last_release: str | None = _text(default=None)
    environment: str = _text(default="")  # of the latest event


class Occurrence(Row, table=True):
    """One stored event of a bug. `payload` is the encoded `capture.event.Event`; see `payloads`."""

    __table_args__ = (
        sa.Index("ix_occurrence_bug_id_at", "bug_id", "at"),
        # Who met a bug is asked of a whole window of the list; most events have no user, and cost nothing here.
        sa.Index(
            *("ix_occurrence_bug_id_user_id", "bug_id", "user_id"),
            **_where("user_id IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=sa.String(32))  # the event's id
    bug_id: int = Field(foreign_key="bug.id")  # that of its fingerprint; a merge changes both
    # No foreign key: each fingerprint that is deleted would read the whole table, or it would need one more index.
    fingerprint_id: int
    at: datetime = _time()
    status_code: int | None = None
    environment: str = _text(default="")
    release: str | None = _text(default=None)
    path: str = _text(default="")
    user_id: str | None = _text(default=None)
    payload: bytes = Field(sa_type=sa.LargeBinary)


class Tally(Row, table=True):
    """How many events of a fingerprint fell into one hour (its start, UTC). Outlives pruned occurrences."""

    fingerprint_id: int = Field(foreign_key="fingerprint.id", primary_key=True)
    hour: datetime = _time(primary_key=True, index=True)
    count: int = _count()


class Transition(Row, table=True):
    """One change of a bug's state: when, who, from, to, why. Rows are only ever added."""

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    at: datetime = _time()
    actor_kind: str = _text()  # person, agent, system
    actor: str = _text()
    from_state: str | None = _text(default=None)  # None: the bug was created
    to_state: str = _text()
    reason: str = _text(default="")


class ActRow(Row, table=True):
    """What somebody did to a bug beside changing its state, or together with it. Rows are only ever added.

    `before` and `after` hold what changed, as plain data: enough to say it, and to undo it. A row outlives the
    deletion of its bug, so that a number is never given twice.
    """

    __tablename__ = "act"

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int | None = Field(default=None, foreign_key="bug.id", index=True)  # None: the bug was deleted
    number: int = Field(index=True)  # of the bug
    at: datetime = _time()
    actor_kind: str = _text()
    actor: str = _text()
    kind: str = _text()  # mute, assign, label, note, merge, … see workbench.bugs.acts
    before: dict[str, Any] = _json(default_factory=dict)
    after: dict[str, Any] = _json(default_factory=dict)
    reason: str = _text(default="")
    undone_at: datetime | None = _time(default=None)
    undone_by: str | None = _text(default=None)


class BugLabel(Row, table=True):
    """A label that somebody put on a bug."""

    __tablename__ = "bug_label"

    bug_id: int = Field(foreign_key="bug.id", primary_key=True)
    name: str = _text(primary_key=True, index=True)


class Note(Row, table=True):
    """What somebody wrote about a bug."""

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    at: datetime = _time()
    by: str = _text()
    text: str = _text()


class Issue(Row, table=True):
    """The GitHub issue linked to a bug."""

    __table_args__ = (sa.UniqueConstraint("repository", "number"),)

    bug_id: int = Field(foreign_key="bug.id", primary_key=True)
    repository: str = _text()  # owner/name
    number: int
    url: str = _text()
    state: str = _text()  # open, closed
    synced_at: datetime = _time()


class OutboxRow(Row, table=True):
    """An action owed to the outside, done by a worker. `key` makes owing it twice harmless.

    `state` is due, done or parked; a due row with a lease in the future is in a worker's hands.
    """

    __tablename__ = "outbox"
    __table_args__ = (sa.Index("ix_outbox_state_due_at", "state", "due_at"),)

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    kind: str = _text()  # see capture.store.outbox
    key: str = _text(unique=True)
    body: dict[str, Any] = _json(default_factory=dict)
    state: str = _text(default="due")
    attempts: int = 0
    due_at: datetime = _time()
    leased_by: str | None = _text(default=None)
    leased_until: datetime | None = _time(default=None)
    outcome: str = _text(default="")  # what was done, or the readable reason it was not
    created_at: datetime = _time()
    done_at: datetime | None = _time(default=None)


class FixSession(Row, table=True):
    """One run of a coding agent on one bug in its own git worktree.

    `state` is queued, starting, working, needs_input, waiting, quiet, done, failed or interrupted.
    """

    __tablename__ = "fix_session"

    id: str = Field(primary_key=True, sa_type=sa.String(36))  # also the agent's session id (a UUID)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    state: str = _text(default="starting")
    activity: str = _text(default="")  # one line: what it is doing or what ended it
    phase: str = _text(default="")  # test, fix, evidence; see workbench.fixing.phases
    is_sandboxed: bool | None = None  # None: launched before there was a sandbox
    alarm: str = _text(default="")  # what of git's configuration, hooks and refs changed meanwhile
    not_a_bug: str = _text(default="")  # the agent's reasons, where it proposes that
    rehearsal: str | None = _text(default=None)  # the scenario's name, or None for a real model
    model: str = _text(default="")
    launched_by: str = _text()
    options: dict[str, Any] = _json(default_factory=dict)  # caps, note, permission mode
    cost_usd: float = 0.0
    is_cost_estimated: bool = False  # part of it was computed from tokens: its turn ended without a bill
    tokens: int = _count()
    turns: int = 0
    repository: str = _text()  # path of the user's checkout
    branch: str = _text()
    worktree: str = _text()
    base_commit: str = _text()
    result_commit: str | None = _text(default=None)
    host: str = _text(default="")
    pid: int | None = None
    pid_started: float | None = None  # process start, seconds since the epoch: tells a reused pid
    heartbeat_at: datetime | None = _time(default=None)
    started_at: datetime = _time()
    ended_at: datetime | None = _time(default=None)


class TranscriptEntry(Row, table=True):
    """One entry of a fix session's transcript, in order of `id`.

    `kind` is text, thinking, tool_use, tool_result, prompt, notice, evidence or result; `body` holds the words
    of that kind as plain data.
    """

    __tablename__ = "transcript"
    __table_args__ = (sa.Index("ix_transcript_session_id_id", "session_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(foreign_key="fix_session.id", sa_type=sa.String(36))
    at: datetime = _time()
    kind: str = _text()
    body: dict[str, Any] = _json(default_factory=dict)


class SessionRequest(Row, table=True):
    """A word between a person and a running session: the only channel between screens and runners.

    `kind` is approval (asked by the runner, answered by a person), interrupt or message (asked by a person,
    answered by the runner).
    """

    __tablename__ = "session_request"

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(foreign_key="fix_session.id", index=True, sa_type=sa.String(36))
    kind: str = _text()
    body: dict[str, Any] = _json(default_factory=dict)
    asked_at: datetime = _time()
    asked_by: str = _text()
    answer: str | None = _text(default=None)  # allow, deny, done
    answer_note: str = _text(default="")
    answered_at: datetime | None = _time(default=None)
    answered_by: str | None = _text(default=None)


class EvidenceRow(Row, table=True):
    """The results of the runs that show whether a fix works, with a verdict."""

    __tablename__ = "evidence"

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    session_id: str | None = Field(default=None, foreign_key="fix_session.id", sa_type=sa.String(36))
    base_commit: str = _text()
    result_commit: str = _text()
    verdict: str = _text()  # demonstrated, partial, inconclusive, refuted, not run
    reason: str = _text()
    flags: list[dict[str, Any]] = _json(default_factory=list)
    runs: list[dict[str, Any]] = _json(default_factory=list)
    started_at: datetime = _time()
    ended_at: datetime = _time()


class SignOff(Row, table=True):
    """A person's decision on a fix. Rows are only ever added."""

    __tablename__ = "sign_off"

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    decision: str = _text()  # verified, rejected
    at: datetime = _time()
    by: str = _text()
    commit: str = _text()
    evidence_id: int | None = Field(default=None, foreign_key="evidence.id")
    session_id: str | None = Field(default=None, foreign_key="fix_session.id", sa_type=sa.String(36))
    note: str = _text(default="")


class Release(Row, table=True):
    """A release that events came from, and when the first of them happened."""

    project: str = _text(primary_key=True)
    name: str = _text(primary_key=True)
    first_seen: datetime = _time(index=True)


class FixRelease(Row, table=True):
    """Whether a release holds the commit of a fix, as git said it. See `capture.store.releases`."""

    __tablename__ = "fix_release"

    commit: str = _text(primary_key=True)
    release: str = _text(primary_key=True)
    holds: bool
    judged_at: datetime = _time()


class JournalRow(Row, table=True):
    """How far one journal file was carried over, and its part of the ledger.

    `seen` is the number of failures that the journal's process met. The ledger balances when, for a journal
    that was read to its end, seen = stored + counted + the sum of `dropped`.
    """

    __tablename__ = "journal"

    name: str = _text(primary_key=True)
    project: str = _text(default="")  # of the first event that was carried
    folder: str = _text(default="")  # host and path, where it lies
    folded: int = _count()  # how many journals that are gone this one line is the sum of; see capture.store.folding
    offset: int = _count()  # bytes carried over
    seen: int = _count()
    stored: int = _count()
    counted: int = _count()
    dropped: dict[str, int] = _json(default_factory=dict)  # reason → events
    updated_at: datetime = _time()


def table_of(model: type[Row]) -> sa.Table:
    """Return the table behind a model, for Core statements."""
    return metadata.tables[str(model.__tablename__)]
