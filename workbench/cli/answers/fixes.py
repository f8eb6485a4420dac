"""Fix sessions, their worktrees and their evidence, as `--json` prints them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from workbench.bugs.rows import TranscriptRow
from workbench.evidence.report import Verdict


class FixSession(TypedDict):
    """A fix session. `rehearsal` names the scenario, or is null for a real model."""

    id: str
    bug: str
    state: str
    activity: str
    rehearsal: str | None
    model: str
    cost_usd: float
    tokens: int
    turns: int
    branch: str
    worktree: str
    repository: str
    base_commit: str
    result_commit: str | None
    launched_by: str
    host: str
    phase: str
    sandboxed: bool | None
    cost_is_estimated: bool
    alarm: str
    not_a_bug: str
    started_at: datetime
    ended_at: datetime | None


class TestOutcome(TypedDict):
    """One test of a run, and what it raised."""

    id: str
    outcome: str
    phase: str
    seconds: float
    exception: str | None
    message: str
    file: str | None
    line: int | None
    function: str | None


class TestRun(TypedDict):
    """One run of tests on a clean tree. Those of early versions do not say where they ran."""

    name: str
    commit: str
    command: list[str]
    outcome: str
    passed: int
    failed: int
    errors: int
    skipped: int
    seconds: float
    tests: list[TestOutcome]
    note: str
    network: NotRequired[str]
    sandbox: NotRequired[str]
    versions: NotRequired[str]


class Flag(TypedDict):
    """Something in the changes that a person has to look at."""

    kind: str
    path: str
    lines: list[str]
    message: str


class Proof(TypedDict):
    """What the runs of the tests show."""

    verdict: Verdict
    reason: str
    flags: list[Flag]
    runs: list[TestRun]
    replay: str | None
    base: str
    result: str
    started_at: datetime
    ended_at: datetime


class Evidence(Proof):
    """Evidence that is stored with a bug, and the session that it is of."""

    id: int
    session: str | None


class EndedSession(FixSession):
    """A fix session that was waited for: with the evidence on its result, where there is some."""

    evidence: Evidence | None


class SessionPage(FixSession):
    """A fix session with all that happened in it."""

    transcript: list[TranscriptRow]


class Answered(TypedDict):
    """The question of an agent, and the answer that it got."""

    question: int
    answer: Literal["yes", "no"]
    session: str
    asked: dict[str, Any]


class Attempt(TypedDict):
    """A test that was written from what was recorded, and what it showed."""

    answer: str
    reason: str
    kind: str
    base: str
    commit: str
    path: str
    notes: list[str]
    test: str


class Worktree(TypedDict):
    """A worktree of ours. `uncommitted` are the files that only it has; `gone` says that its folder is not there."""

    path: str
    bug: str | None
    session: str | None
    state: str | None
    branch: str | None
    head: str
    started_at: datetime | None
    gone: bool
    uncommitted: list[str]


class Scenario(TypedDict):
    """A scripted model."""

    name: str
    summary: str


class Served(TypedDict):
    """A scripted model that is being served, and the variables that a client needs to find it."""

    scenario: str
    environment: dict[str, str]
