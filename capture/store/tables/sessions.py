"""Fix sessions, what was proven of their results, and what people decided on that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from capture.store.tables import columns


class FixSession(columns.Row, table=True):
    """One run of a coding agent on one bug in its own git worktree.

    `state` is queued, starting, working, needs_input, waiting, quiet, done, failed or interrupted.
    """

    __tablename__ = "fix_session"

    id: str = Field(primary_key=True, sa_type=sa.String(36))  # also the agent's session id (a UUID)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    state: str = columns.text(default="starting")
    activity: str = columns.text(default="")  # one line: what it is doing or what ended it
    phase: str = columns.text(default="")  # test, fix, evidence; see workbench.fixing.phases
    is_sandboxed: bool | None = None  # None: launched before there was a sandbox
    alarm: str = columns.text(default="")  # what of git's configuration, hooks and refs changed meanwhile
    not_a_bug: str = columns.text(default="")  # the agent's reasons, where it proposes that
    rehearsal: str | None = columns.text(default=None)  # the scenario's name, or None for a real model
    model: str = columns.text(default="")
    launched_by: str = columns.text()
    options: dict[str, Any] = columns.json(default_factory=dict)  # caps, note, permission mode
    cost_usd: float = 0.0
    is_cost_estimated: bool = False  # part of it was computed from tokens: its turn ended without a bill
    tokens: int = columns.count()
    turns: int = 0
    repository: str = columns.text()  # path of the user's checkout
    branch: str = columns.text()
    worktree: str = columns.text()
    base_commit: str = columns.text()
    result_commit: str | None = columns.text(default=None)
    host: str = columns.text(default="")
    pid: int | None = None
    pid_started: float | None = None  # process start, seconds since the epoch: tells a reused pid
    heartbeat_at: datetime | None = columns.time(default=None)
    started_at: datetime = columns.time()
    ended_at: datetime | None = columns.time(default=None)


class TranscriptEntry(columns.Row, table=True):
    """One entry of a fix session's transcript, in order of `id`.

    `kind` is text, thinking, tool_use, tool_result, prompt, notice, evidence or result; `body` holds the words
    of that kind as plain data.
    """

    __tablename__ = "transcript"
    __table_args__ = (sa.Index("ix_transcript_session_id_id", "session_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(foreign_key="fix_session.id", sa_type=sa.String(36))
    at: datetime = columns.time()
    kind: str = columns.text()
    body: dict[str, Any] = columns.json(default_factory=dict)


class ConversationLine(columns.Row, table=True):
    """One line of what an agent's client keeps of a conversation, as it wrote it, in order of `id`.

    `subpath` is empty for the conversation itself; `uuid` names a line within it, where the client named it.
    """

    __tablename__ = "conversation_line"
    __table_args__ = (sa.Index("ix_conversation_line_key", "session_id", "project_key", "subpath", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = columns.text()
    project_key: str = columns.text()
    subpath: str = columns.text(default="")
    uuid: str | None = columns.text(default=None)
    at: datetime = columns.time()
    body: dict[str, Any] = columns.json(default_factory=dict)


class SessionRequest(columns.Row, table=True):
    """A word between a person and a running session: the only channel between screens and runners.

    `kind` is approval (asked by the runner, answered by a person), interrupt or message (asked by a person,
    answered by the runner).
    """

    __tablename__ = "session_request"

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(foreign_key="fix_session.id", index=True, sa_type=sa.String(36))
    kind: str = columns.text()
    body: dict[str, Any] = columns.json(default_factory=dict)
    asked_at: datetime = columns.time()
    asked_by: str = columns.text()
    answer: str | None = columns.text(default=None)  # allow, always, deny, done
    answer_note: str = columns.text(default="")
    answered_at: datetime | None = columns.time(default=None)
    answered_by: str | None = columns.text(default=None)


class EvidenceRow(columns.Row, table=True):
    """The results of the runs that show whether a fix works, with a verdict."""

    __tablename__ = "evidence"

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    session_id: str | None = Field(default=None, foreign_key="fix_session.id", sa_type=sa.String(36))
    base_commit: str = columns.text()
    result_commit: str = columns.text()
    verdict: str = columns.text()  # demonstrated, partial, inconclusive, refuted, not run
    reason: str = columns.text()
    flags: list[dict[str, Any]] = columns.json(default_factory=list)
    runs: list[dict[str, Any]] = columns.json(default_factory=list)
    started_at: datetime = columns.time()
    ended_at: datetime = columns.time()


class SignOff(columns.Row, table=True):
    """A person's decision on a fix. Rows are only ever added; one that is taken back says so itself."""

    __tablename__ = "sign_off"

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    decision: str = columns.text()  # verified, rejected
    at: datetime = columns.time()
    by: str = columns.text()
    commit: str = columns.text()
    evidence_id: int | None = Field(default=None, foreign_key="evidence.id")
    session_id: str | None = Field(default=None, foreign_key="fix_session.id", sa_type=sa.String(36))
    note: str = columns.text(default="")
    os_user: str = columns.text(default="")  # who decided, to the system
    github_login: str = columns.text(default="")  # who decided, to GitHub, where that was known
    events: int | None = Field(default=None, sa_type=sa.BigInteger)  # how often the bug had been seen by then
    undone_at: datetime | None = columns.time(default=None)
    undone_by: str | None = columns.text(default=None)
