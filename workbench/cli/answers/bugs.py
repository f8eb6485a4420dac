"""Bugs, what is done to them, and what they are made of, as `--json` prints them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from capture.event import Event, Part
from capture.store.lifecycle import State
from workbench.bugs import false_alarms, rows
from workbench.cli.answers.fixes import Evidence, FixSession


class Issue(TypedDict):
    """The GitHub issue of a bug, or a pull request."""

    repository: str
    number: int
    url: str
    state: str
    closed_outside: bool
    closed_by: str | None
    pull: bool
    locked: bool
    labels: list[str]
    comments: int
    note: str


class Muted(TypedDict):
    """What wakes a muted bug: a time, so many more events, a new release; nothing of these for good."""

    until: datetime | None
    events: int | None
    new_release: bool


class Bug(TypedDict):
    """A bug. `trend` holds the events of each of the last 24 hours, the oldest first."""

    number: str
    state: State
    recurring: bool
    title: str
    kind: str
    fingerprint: str
    exception_type: str | None
    status_code: int | None
    method: str | None
    route: str | None
    count: int
    trend: list[int]
    level: str
    users: int
    first_seen: datetime
    last_seen: datetime
    project: str
    environment: str
    release: str | None
    session: str | None
    assignee: str | None
    labels: list[str]
    closed_as: str | None
    duplicate_of: str | None
    merged_into: str | None
    muted: Muted | None
    issue: Issue | None


class RelatedBug(TypedDict):
    """Another bug, named on a bug's page."""

    number: str
    state: str
    title: str
    count: int


class Key(TypedDict):
    """A fingerprint of a bug, and the parts that made it."""

    key: str
    parts: list[Part]


class BugPage(Bug):
    """A bug and all that its page shows. `event` is the latest that is stored, whole."""

    fingerprints: list[Key]
    event: Event | None
    occurrences: list[rows.OccurrenceRow]
    history: list[rows.TransitionRow]
    sessions: list[FixSession]
    evidence: Evidence | None
    sign_offs: list[rows.SignOffRow]
    on_old_release: int
    false_alarm: false_alarms.FalseAlarm | None
    owed: list[rows.OwedRow]
    notes: list[rows.NoteRow]
    comments: list[rows.CommentRow]
    mentions: list[rows.MentionRow]
    acts: list[rows.ActView]
    merged: list[RelatedBug]
    alike: list[RelatedBug]


class Count(TypedDict):
    """How many bugs there are."""

    count: int
    states: dict[str, int]


class HourOfEvents(TypedDict):
    """The events of one hour."""

    at: datetime
    events: int


class RouteOfEvents(TypedDict):
    """The events of one route."""

    route: str
    events: int


class SiteOfBugs(TypedDict):
    """A project in an environment: how many of its bugs stand, how many of all are new within a day, its events of it.

    `recurring` bugs came back after a sign-off.
    """

    project: str
    environment: str
    bugs: int
    new: int
    recurring: int
    events: int
    last_seen: datetime


class Cost(TypedDict):
    """What sessions cost, in US dollars."""

    today: float
    week: float
    all: float


class Counted(TypedDict):
    """The ledger: what became of all that the sites saw. `dropped` says for which reason how many."""

    seen: int
    stored: int
    counted: int
    dropped: dict[str, int]
    balanced: bool


class GivenUp(TypedDict):
    """An action owed to the outside that is tried no more."""

    id: int
    bug: str
    kind: str
    attempts: int
    why: str


class Outbox(TypedDict):
    """What is owed to the outside."""

    due: int
    parked: int
    done: int
    overdue_since: datetime | None
    given_up: list[GivenUp]


ListKind = Literal["comments", "issues", "commits"]


class ListOfGitHub(TypedDict):
    """A list of a repository that is read now and then: how long ago it should have been, and why it could not be.

    `late` says that nobody seems to read it.
    """

    repository: str
    kind: ListKind
    seconds_behind: float
    late: bool
    problem: str


class GitHub(TypedDict):
    """Writes within the last hour, of `hourly_writes` (0: any number), and the lists that are read.

    `spent` says that further writes wait; `is_read` is false where the settings switch reading off.
    """

    written: int
    hourly_writes: int
    spent: bool
    is_read: bool
    lists: list[ListOfGitHub]


class Stats(TypedDict):
    """All bugs in figures. `hours` are those of the last two days, the oldest first.

    `github` is null where no repository gets issues.
    """

    bugs: int
    states: dict[str, int]
    new: int
    recurring: int
    hours: list[HourOfEvents]
    routes: list[RouteOfEvents]
    sites: list[SiteOfBugs]
    signed_off: int
    seconds_to_sign_off: float | None
    cost_usd: Cost
    sessions: int
    ledger: Counted
    outbox: Outbox
    github: GitHub | None


class Done(TypedDict):
    """What was done to bugs. `acts` are what `bugs undo` takes back."""

    done: bool
    text: str
    bugs: list[str]
    acts: list[int]
    further: NotRequired[str]


class Adopted(TypedDict):
    """The bug that an issue has become."""

    bug: str
    issue: str
    title: str


class ImportedFile(TypedDict):
    """What became of a bug file."""

    file: str
    outcome: str
    text: str
    number: int | None


class Grouped(TypedDict):
    """One line for each event: its key, the parts that made it, and what was left out."""

    key: str
    version: str
    parts: list[Part]
    left_out: list[Part]
    splits: str
    merges: str


class OpenIssue(TypedDict):
    """An issue on GitHub."""

    number: int
    repository: str
    url: str
    state: str
    title: str
    author: str
    labels: list[str]
    text: str
    changed_at: datetime
