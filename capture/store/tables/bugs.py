"""Bugs, the fingerprints that lead to them, and what of their events is kept."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from capture.store.tables import columns


def _listed(order: str, *known: str) -> sa.Index:
    """Return an index of the bugs of the list in one of its orders; those merged into others are not in the list."""
    return sa.Index(f"ix_bug_listed_{order}", order, *known, **columns.where("merged_into IS NULL"))


class Bug(columns.Row, table=True):
    """Everything known about one fault. `number` 12 is shown as B-012."""

    __table_args__ = (
        _listed("last_seen", "number"),
        _listed("first_seen", "number"),
        _listed("count", "number"),
        # Besides the lines of a state in their order: what counts those of a filter by their states, without a look
        # at the bugs. See `workbench.bugs.listing` for the fields of such filters.
        _listed("state", "last_seen", "number", "count", "first_seen"),
        # The few that were merged. An index of all would look better to SQLite than those of the list.
        sa.Index("ix_bug_merged_into", "merged_into", **columns.where("merged_into IS NOT NULL")),
        sa.Index("ix_bug_mute_until", "mute_until", **columns.where("mute_until IS NOT NULL")),
        # All that is asked of them when they are counted: else SQLite would rather go through all bugs.
        sa.Index(
            "ix_bug_recurring",
            "is_recurrence",
            "merged_into",
            "state",
            **columns.where("is_recurrence"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    number: int = Field(unique=True)
    project: str = columns.text(default="")
    environment: str = columns.text(default="")  # of the latest event
    title: str = columns.text()
    kind: str = columns.text()  # exception, status, message
    level: str = columns.text(default="error")  # of the latest event: debug, info, warning, error, fatal
    state: str = columns.text(default="open")  # see capture.store.lifecycle
    is_recurrence: bool = False  # open again after a sign-off
    exception_type: str | None = columns.text(default=None)
    status_code: int | None = None
    method: str | None = columns.text(default=None)
    route: str | None = columns.text(default=None)
    first_release: str | None = columns.text(default=None)
    last_release: str | None = columns.text(default=None)
    count: int = columns.count()  # events, stored or counted only
    first_seen: datetime = columns.time()
    last_seen: datetime = columns.time()
    fix_commit: str | None = columns.text(default=None)  # the commit of the latest sign-off
    quiet_until: datetime | None = columns.time(default=None)  # until then an event without a release is no recurrence
    assignee: str | None = columns.text(default=None)
    closed_as: str | None = columns.text(default=None)  # see capture.store.lifecycle.CLOSED_AS; None unless closed
    duplicate_of: int | None = None  # the number of the bug that this one was closed as a duplicate of
    merged_into: int | None = None  # the number of the bug that it was merged into
    # What wakes a muted bug; all empty: muted for good. See capture.store.waking.
    mute_until: datetime | None = columns.time(default=None)
    mute_events: int | None = Field(default=None, sa_type=sa.BigInteger)  # so many more events
    mute_releases: list[str] | None = columns.json(default=None, nullable=True)  # an event of any release but these
    changed_at: datetime = columns.time()  # last change of anything a screen shows


class FingerprintRow(columns.Row, table=True):
    """A fingerprint and the bug that it belongs to; several may belong to one bug after a merge.

    `home_id` is the bug that was made for it, `bug_id` the one that has it now: where home was merged into. Figures
    are kept here, and those of a bug are the sum over its fingerprints, so that a merge can be taken back exactly.
    """

    __tablename__ = "fingerprint"
    __table_args__ = (sa.UniqueConstraint("project", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    project: str = columns.text(default="")
    key: str = columns.text()
    version: str = columns.text()
    parts: list[dict[str, str]] = columns.json(default_factory=list)  # capture.event.Part, as dicts
    bug_id: int = Field(foreign_key="bug.id", index=True)
    home_id: int = Field(index=True)  # no foreign key: SQLite could not add it to a table with rows
    site: str | None = columns.text(
        default=None, index=True
    )  # where it was raised: its innermost part of the application
    count: int = columns.count()
    first_seen: datetime = columns.time()
    last_seen: datetime = columns.time()
    first_release: str | None = columns.text(default=None)
    last_release: str | None = columns.text(default=None)
    environment: str = columns.text(default="")  # of the latest event


class Occurrence(columns.Row, table=True):
    """One stored event of a bug. `payload` is the encoded `capture.event.Event`; see `payloads`."""

    __table_args__ = (
        sa.Index("ix_occurrence_bug_id_at", "bug_id", "at"),
        # Who met a bug is asked of a whole window of the list; most events have no user, and cost nothing here.
        sa.Index(
            *("ix_occurrence_bug_id_user_id", "bug_id", "user_id"),
            **columns.where("user_id IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=sa.String(32))  # the event's id
    bug_id: int = Field(foreign_key="bug.id")  # that of its fingerprint; a merge changes both
    # No foreign key: each fingerprint that is deleted would read the whole table, or it would need one more index.
    fingerprint_id: int
    at: datetime = columns.time()
    status_code: int | None = None
    environment: str = columns.text(default="")
    release: str | None = columns.text(default=None)
    path: str = columns.text(default="")
    user_id: str | None = columns.text(default=None)
    payload: bytes = Field(sa_type=sa.LargeBinary)


class Tally(columns.Row, table=True):
    """How many events of a fingerprint fell into one hour (its start, UTC). Outlives pruned occurrences."""

    __table_args__ = (sa.Index("ix_tally_hour_counted", "hour", "fingerprint_id", "count"),)

    fingerprint_id: int = Field(foreign_key="fingerprint.id", primary_key=True)
    hour: datetime = columns.time(primary_key=True)
    count: int = columns.count()
