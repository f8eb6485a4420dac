"""What is known of the sites: their releases, and how far their journals were carried."""

from __future__ import annotations

from datetime import datetime

from capture.store.tables import columns


class Release(columns.Row, table=True):
    """A release that events came from, and when the first of them happened."""

    project: str = columns.text(primary_key=True)
    name: str = columns.text(primary_key=True)
    first_seen: datetime = columns.time(index=True)


class FixRelease(columns.Row, table=True):
    """Whether a release holds the commit of a fix, as git said it. See `capture.store.releases`."""

    __tablename__ = "fix_release"

    commit: str = columns.text(primary_key=True)
    release: str = columns.text(primary_key=True)
    holds: bool
    judged_at: datetime = columns.time()


class JournalRow(columns.Row, table=True):
    """How far one journal file was carried over, and its part of the ledger.

    `seen` is the number of failures that the journal's process met. The ledger balances when, for a journal
    that was read to its end, seen = stored + counted + the sum of `dropped`.
    """

    __tablename__ = "journal"

    name: str = columns.text(primary_key=True)
    project: str = columns.text(default="")  # of the first event that was carried
    folder: str = columns.text(default="")  # host and path, where it lies
    folded: int = columns.count()  # of how many journals that are gone it is the sum; see capture.store.folding
    offset: int = columns.count()  # bytes carried over
    seen: int = columns.count()
    stored: int = columns.count()
    counted: int = columns.count()
    dropped: dict[str, int] = columns.json(default_factory=dict)  # reason → events
    updated_at: datetime = columns.time()
