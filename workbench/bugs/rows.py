"""What screens and commands get to see of bugs: frozen rows without a live connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from capture.event import Event, Part
from capture.store.labels import label

if TYPE_CHECKING:
    from workbench.bugs.false_alarms import FalseAlarm


@dataclass(frozen=True)
class IssueLink:
    """The GitHub issue of a bug, or a pull request. `state` is open or closed, as GitHub last said.

    `closed_outside`: somebody closed it there, and nobody has signed the bug off. `note` says what became of it.
    """

    repository: str
    number: int
    url: str
    state: str
    closed_outside: bool = False
    closed_by: str | None = None
    is_pull: bool = False
    is_locked: bool = False
    labels: tuple[str, ...] = ()
    comments: int = 0
    note: str = ""

    @property
    def standing(self) -> str:
        """Its state in words: open, closed, closed outside."""
        return "closed outside" if self.closed_outside else self.state


@dataclass(frozen=True, slots=True)  # a list holds hundreds: 0.3 KiB each, and 0.8 with a dictionary
class BugRow:
    """One line of the bug list. `trend` holds the events of each of the last 24 hours, oldest first.

    `days` holds those of the last 14 days, where a list asks for them.
    """

    number: int
    state: str
    is_recurrence: bool
    title: str
    kind: str
    count: int
    trend: tuple[int, ...]
    first_seen: datetime
    last_seen: datetime
    exception_type: str | None
    status_code: int | None
    method: str | None
    route: str | None
    fingerprint: str
    project: str
    environment: str
    release: str | None
    issue: IssueLink | None
    session_state: str | None  # of the latest fix session, or None without one
    session_rehearsal: str | None = None  # its scenario, where it is or was a rehearsal
    assignee: str | None = None
    labels: tuple[str, ...] = ()
    closed_as: str | None = None  # fixed, not a bug, duplicate, merged; None unless closed
    duplicate_of: int | None = None  # the number of that bug
    merged_into: int | None = None  # the number of that bug
    mute_until: datetime | None = None
    mute_events: int | None = None  # so many more wake it
    mute_releases: tuple[str, ...] | None = None  # an event of any other release wakes it
    level: str = "error"  # of the latest event
    users: int = 0  # different ones, in its stored events
    days: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """B-012."""
        return label(self.number)


@dataclass(frozen=True)
class OccurrenceRow:
    """One stored event, as a line."""

    id: str
    at: datetime
    path: str
    status_code: int | None
    release: str | None
    environment: str
    user_id: str | None


@dataclass(frozen=True)
class TransitionRow:
    """One change of state. `from_state` is None where the bug was created."""

    at: datetime
    actor_kind: str
    actor: str
    from_state: str | None
    to_state: str
    reason: str


@dataclass(frozen=True)
class EvidenceView:
    """Stored evidence; `flags` and `runs` as `workbench.evidence` wrote them."""

    id: int
    session_id: str | None
    base_commit: str
    result_commit: str
    verdict: str
    reason: str
    flags: tuple[dict[str, Any], ...]
    runs: tuple[dict[str, Any], ...]
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class SignOffRow:
    """One decision of a person. `decision` is verified, rejected or not a bug."""

    at: datetime
    by: str
    decision: str
    commit: str
    evidence_id: int | None
    note: str
    os_user: str = ""
    github_login: str = ""  # where it was known
    events: int | None = None  # how often the bug had been seen by then
    undone_at: datetime | None = None
    undone_by: str | None = None

    @property
    def stands(self) -> bool:
        """False once it was taken back."""
        return self.undone_at is None

    @property
    def who(self) -> str:
        """Who decided, as it is told outside: by name, and by login where that is known."""
        return f"{self.by} (GitHub: {self.github_login})" if self.github_login else self.by


@dataclass(frozen=True)
class OwedRow:
    """One action owed to the outside for a bug. `state` is due, done or parked."""

    id: int
    kind: str
    state: str
    attempts: int
    outcome: str
    due_at: datetime


@dataclass(frozen=True)
class SessionRow:
    """A fix session, as a line. `rehearsal` names the scenario, or is None for a real model."""

    id: str
    bug: int
    state: str
    activity: str
    rehearsal: str | None
    model: str
    launched_by: str
    cost_usd: float
    tokens: int
    turns: int
    repository: str
    branch: str
    worktree: str
    base_commit: str
    result_commit: str | None
    host: str
    pid: int | None
    heartbeat_at: datetime | None
    started_at: datetime
    ended_at: datetime | None
    phase: str = ""  # test, fix, evidence
    is_sandboxed: bool | None = None
    alarm: str = ""  # what of git changed meanwhile that should not
    not_a_bug: str = ""  # the agent's reasons, where it proposes that
    is_cost_estimated: bool = False

    @property
    def is_live(self) -> bool:
        """True while a runner is at work on it, or will be as soon as there is room."""
        return self.state in ("queued", "starting", "working", "needs_input", "waiting", "quiet")

    @property
    def is_attached(self) -> bool:
        """True for a branch that was attached from outside: no agent of ours made it, in no worktree of ours."""
        return not self.worktree


@dataclass(frozen=True)
class TranscriptRow:
    """One entry of a session's transcript; see `capture.store.tables.TranscriptEntry` for the kinds."""

    id: int
    at: datetime
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True)
class ActView:
    """One thing that somebody did to a bug, as `workbench.bugs.acts` put it on record."""

    id: int
    at: datetime
    actor: str
    kind: str
    before: dict[str, Any]
    after: dict[str, Any]
    reason: str
    undone_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True)
class NoteRow:
    """What somebody wrote about a bug."""

    id: int
    at: datetime
    by: str
    text: str


@dataclass(frozen=True)
class CommentRow:
    """What somebody wrote on the issue of a bug."""

    id: int
    author: str
    at: datetime
    text: str


@dataclass(frozen=True)
class MentionRow:
    """A commit or pull request on GitHub that names a bug. `state` is the commit's id, or that of the pull request."""

    kind: str  # commit, pull
    title: str
    url: str
    author: str
    state: str
    at: datetime


@dataclass(frozen=True)
class RelatedBug:
    """Another bug, named on a bug's page: merged into it, or raised at the same place."""

    number: int
    state: str
    title: str
    count: int
    fingerprints: tuple[str, ...] = ()  # its own

    @property
    def label(self) -> str:
        """B-012."""
        return label(self.number)


_REPEATED = frozenset({"Bash", "Read", "Glob", "Grep"})  # tools that an agent may want to use in the same way again


@dataclass(frozen=True)
class ApprovalRow:
    """A question of the agent that waits for a person."""

    id: int
    session_id: str
    asked_at: datetime
    body: dict[str, Any]  # tool, title, input, reason, shared

    @property
    def why_not_always(self) -> str:
        """Why a yes to it cannot count for the whole session; empty where it can."""
        if self.body.get("shared"):
            return "It repeats something from the recorded failure, which is asked each time."
        return "" if self.body.get("tool") in _REPEATED else "This is asked only once."


@dataclass(frozen=True)
class BugFacts:
    """What files and issues say of one bug. Lists are newest first, but for `history`."""

    row: BugRow
    fingerprints: tuple[tuple[str, tuple[Part, ...]], ...]  # key and the parts that made it
    event: Event | None  # of the latest stored occurrence
    occurrences: tuple[OccurrenceRow, ...]
    history: tuple[TransitionRow, ...]
    evidence: EvidenceView | None  # the latest
    sign_offs: tuple[SignOffRow, ...]
    notes: tuple[NoteRow, ...] = ()
    acts: tuple[ActView, ...] = ()
    merged: tuple[RelatedBug, ...] = ()  # the bugs that were merged into this one, directly or over others

    @property
    def signed_off(self) -> SignOffRow | None:
        """The latest sign-off that stands; of a bug that came back, the one that it came back after."""
        return next((one for one in self.sign_offs if one.decision == "verified" and one.stands), None)


@dataclass(frozen=True, kw_only=True)
class BugPage(BugFacts):
    """Everything that the page of one bug shows."""

    sessions: tuple[SessionRow, ...]
    owed: tuple[OwedRow, ...]
    fix_releases: tuple[tuple[str, bool], ...] = ()  # releases of the last stored events, and whether they hold the fix
    quiet_until: datetime | None = None  # until then an event without a release is no recurrence
    comments: tuple[CommentRow, ...] = ()  # what people wrote on its issue
    mentions: tuple[MentionRow, ...] = ()  # commits and pull requests that name it
    false_alarm: FalseAlarm | None = None  # of a recurrence of which git says now that it was none
    alike: tuple[RelatedBug, ...] = ()  # other bugs that were raised at the same place: candidates for a merge

    @property
    def on_old_release(self) -> int:
        """How many events came since the sign-off without bringing the bug back: what runs there has no fix yet."""
        signed = self.signed_off
        if signed is None or signed.events is None or (self.row.state, self.row.closed_as) != ("closed", "fixed"):
            return 0
        return max(self.row.count - signed.events, 0)
