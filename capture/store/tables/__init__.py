"""The tables that the site, the workers and the terminal share.

A row is dumb: the rules about it live in `lifecycle`, `intake` and `outbox`. Times are aware UTC on the way in
and out. What is written in bulk is written with Core statements on these same tables.
"""

from capture.store.column_types import StoredText, UtcDateTime, in_utc, storable, utc
from capture.store.schema import metadata
from capture.store.tables.bugs import Bug, FingerprintRow, Occurrence, Tally
from capture.store.tables.columns import Row, table_of
from capture.store.tables.history import ActRow, BugLabel, Note, Transition
from capture.store.tables.sessions import (
    ConversationLine,
    EvidenceRow,
    FixSession,
    SessionRequest,
    SignOff,
    TranscriptEntry,
)
from capture.store.tables.sites import FixRelease, JournalRow, Release
from capture.store.tables.tracker import Delivery, Issue, IssueComment, IssueFeed, Mention, OutboxRow, TrackerWrite

__all__ = [
    "ActRow",
    "Bug",
    "BugLabel",
    "ConversationLine",
    "Delivery",
    "EvidenceRow",
    "FingerprintRow",
    "FixRelease",
    "FixSession",
    "Issue",
    "IssueComment",
    "IssueFeed",
    "JournalRow",
    "Mention",
    "Note",
    "Occurrence",
    "OutboxRow",
    "Release",
    "Row",
    "SessionRequest",
    "SignOff",
    "StoredText",
    "Tally",
    "TrackerWrite",
    "TranscriptEntry",
    "Transition",
    "UtcDateTime",
    "in_utc",
    "metadata",
    "storable",
    "table_of",
    "utc",
]
