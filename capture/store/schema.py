"""The tables as statements name them, for who only reads: without SQLModel, which takes 16 MiB more.

Made by tests/store/written_schema.py from `capture.store.tables`. Do not edit: `make schema`.
"""

import sqlalchemy as sa

from capture.store.column_types import StoredText, UtcDateTime

# Metadata of our own: a site that uses SQLModel itself must not find our tables among its own, nor we its.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ACT = sa.Table(
    "act",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id")),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor_kind", StoredText, nullable=False),
    sa.Column("actor", StoredText, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("before", sa.JSON, nullable=False, default=dict),
    sa.Column("after", sa.JSON, nullable=False, default=dict),
    sa.Column("reason", StoredText, nullable=False, default=""),
    sa.Column("undone_at", UtcDateTime),
    sa.Column("undone_by", StoredText),
    sa.Index("ix_act_bug_id", "bug_id"),
    sa.Index("ix_act_number", "number"),
)

BUG = sa.Table(
    "bug",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("project", StoredText, nullable=False, default=""),
    sa.Column("environment", StoredText, nullable=False, default=""),
    sa.Column("title", StoredText, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("level", StoredText, nullable=False, default="error"),
    sa.Column("state", StoredText, nullable=False, default="open"),
    sa.Column("is_recurrence", sa.Boolean, nullable=False, default=False),
    sa.Column("exception_type", StoredText),
    sa.Column("status_code", sa.Integer),
    sa.Column("method", StoredText),
    sa.Column("route", StoredText),
    sa.Column("first_release", StoredText),
    sa.Column("last_release", StoredText),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
    sa.Column("first_seen", UtcDateTime, nullable=False),
    sa.Column("last_seen", UtcDateTime, nullable=False),
    sa.Column("fix_commit", StoredText),
    sa.Column("quiet_until", UtcDateTime),
    sa.Column("assignee", StoredText),
    sa.Column("closed_as", StoredText),
    sa.Column("duplicate_of", sa.Integer),
    sa.Column("merged_into", sa.Integer),
    sa.Column("mute_until", UtcDateTime),
    sa.Column("mute_events", sa.BigInteger),
    sa.Column("mute_releases", sa.JSON),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Index("ix_bug_listed_count", "count", "number", info={"where": "merged_into IS NULL"}),
    sa.Index("ix_bug_listed_first_seen", "first_seen", "number", info={"where": "merged_into IS NULL"}),
    sa.Index("ix_bug_listed_last_seen", "last_seen", "number", info={"where": "merged_into IS NULL"}),
    sa.Index(
        "ix_bug_listed_state",
        "state",
        "last_seen",
        "number",
        "count",
        "first_seen",
        info={"where": "merged_into IS NULL"},
    ),
    sa.Index("ix_bug_merged_into", "merged_into", info={"where": "merged_into IS NOT NULL"}),
    sa.Index("ix_bug_mute_until", "mute_until", info={"where": "mute_until IS NOT NULL"}),
    sa.Index("ix_bug_recurring", "is_recurrence", "merged_into", "state", info={"where": "is_recurrence"}),
)

BUG_LABEL = sa.Table(
    "bug_label",
    metadata,
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), primary_key=True),
    sa.Column("name", StoredText, primary_key=True),
    sa.Index("ix_bug_label_name", "name"),
)

CONVERSATION_LINE = sa.Table(
    "conversation_line",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("session_id", StoredText, nullable=False),
    sa.Column("project_key", StoredText, nullable=False),
    sa.Column("subpath", StoredText, nullable=False, default=""),
    sa.Column("uuid", StoredText),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("body", sa.JSON, nullable=False, default=dict),
    sa.Index("ix_conversation_line_key", "session_id", "project_key", "subpath", "id"),
)

DELIVERY = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", StoredText, primary_key=True),
    sa.Column("repository", StoredText, nullable=False),
    sa.Column("event", StoredText, nullable=False),
    sa.Column("action", StoredText, nullable=False, default=""),
    sa.Column("number", sa.Integer),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("done_at", UtcDateTime),
    sa.Index("ix_delivery_done_at", "done_at"),
)

EVIDENCE = sa.Table(
    "evidence",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("session_id", sa.String(length=36), sa.ForeignKey("fix_session.id")),
    sa.Column("base_commit", StoredText, nullable=False),
    sa.Column("result_commit", StoredText, nullable=False),
    sa.Column("verdict", StoredText, nullable=False),
    sa.Column("reason", StoredText, nullable=False),
    sa.Column("flags", sa.JSON, nullable=False, default=list),
    sa.Column("runs", sa.JSON, nullable=False, default=list),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Index("ix_evidence_bug_id", "bug_id"),
)

FINGERPRINT = sa.Table(
    "fingerprint",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("project", StoredText, nullable=False, default=""),
    sa.Column("key", StoredText, nullable=False),
    sa.Column("version", StoredText, nullable=False),
    sa.Column("parts", sa.JSON, nullable=False, default=list),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("home_id", sa.Integer, nullable=False),
    sa.Column("site", StoredText),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
    sa.Column("first_seen", UtcDateTime, nullable=False),
    sa.Column("last_seen", UtcDateTime, nullable=False),
    sa.Column("first_release", StoredText),
    sa.Column("last_release", StoredText),
    sa.Column("environment", StoredText, nullable=False, default=""),
    sa.UniqueConstraint("project", "key"),
    sa.Index("ix_fingerprint_bug_id", "bug_id"),
    sa.Index("ix_fingerprint_home_id", "home_id"),
    sa.Index("ix_fingerprint_site", "site"),
)

FIX_RELEASE = sa.Table(
    "fix_release",
    metadata,
    sa.Column("commit", StoredText, primary_key=True),
    sa.Column("release", StoredText, primary_key=True),
    sa.Column("holds", sa.Boolean, nullable=False),
    sa.Column("judged_at", UtcDateTime, nullable=False),
)

FIX_SESSION = sa.Table(
    "fix_session",
    metadata,
    sa.Column("id", sa.String(length=36), primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("state", StoredText, nullable=False, default="starting"),
    sa.Column("activity", StoredText, nullable=False, default=""),
    sa.Column("phase", StoredText, nullable=False, default=""),
    sa.Column("is_sandboxed", sa.Boolean),
    sa.Column("alarm", StoredText, nullable=False, default=""),
    sa.Column("not_a_bug", StoredText, nullable=False, default=""),
    sa.Column("rehearsal", StoredText),
    sa.Column("model", StoredText, nullable=False, default=""),
    sa.Column("launched_by", StoredText, nullable=False),
    sa.Column("options", sa.JSON, nullable=False, default=dict),
    sa.Column("cost_usd", sa.Float, nullable=False, default=0.0),
    sa.Column("is_cost_estimated", sa.Boolean, nullable=False, default=False),
    sa.Column("tokens", sa.BigInteger, nullable=False, default=0),
    sa.Column("turns", sa.Integer, nullable=False, default=0),
    sa.Column("repository", StoredText, nullable=False),
    sa.Column("branch", StoredText, nullable=False),
    sa.Column("worktree", StoredText, nullable=False),
    sa.Column("base_commit", StoredText, nullable=False),
    sa.Column("result_commit", StoredText),
    sa.Column("host", StoredText, nullable=False, default=""),
    sa.Column("pid", sa.Integer),
    sa.Column("pid_started", sa.Float),
    sa.Column("heartbeat_at", UtcDateTime),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Index("ix_fix_session_bug_id", "bug_id"),
)

ISSUE = sa.Table(
    "issue",
    metadata,
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), primary_key=True),
    sa.Column("repository", StoredText, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("url", StoredText, nullable=False),
    sa.Column("state", StoredText, nullable=False),
    sa.Column("synced_at", UtcDateTime, nullable=False),
    sa.Column("is_pull", sa.Boolean, nullable=False, default=False),
    sa.Column("is_locked", sa.Boolean, nullable=False, default=False),
    sa.Column("closed_outside", sa.Boolean, nullable=False, default=False),
    sa.Column("closed_by", StoredText),
    sa.Column("labels", sa.JSON, nullable=False, default=list),
    sa.Column("comments", sa.Integer, nullable=False, default=0),
    sa.Column("note", StoredText, nullable=False, default=""),
    sa.Column("remote_at", UtcDateTime),
    sa.Column("status_comment", sa.BigInteger),
    sa.Column("status_count", sa.BigInteger),
    sa.Column("status_at", UtcDateTime),
    sa.UniqueConstraint("repository", "number"),
)

ISSUE_COMMENT = sa.Table(
    "issue_comment",
    metadata,
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), primary_key=True),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("author", StoredText, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("text", StoredText, nullable=False),
)

ISSUE_FEED = sa.Table(
    "issue_feed",
    metadata,
    sa.Column("repository", StoredText, primary_key=True),
    sa.Column("kind", StoredText, primary_key=True),
    sa.Column("since", UtcDateTime),
    sa.Column("etag", StoredText, nullable=False, default=""),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("problem", StoredText, nullable=False, default=""),
)

JOURNAL = sa.Table(
    "journal",
    metadata,
    sa.Column("name", StoredText, primary_key=True),
    sa.Column("project", StoredText, nullable=False, default=""),
    sa.Column("folder", StoredText, nullable=False, default=""),
    sa.Column("folded", sa.BigInteger, nullable=False, default=0),
    sa.Column("offset", sa.BigInteger, nullable=False, default=0),
    sa.Column("seen", sa.BigInteger, nullable=False, default=0),
    sa.Column("stored", sa.BigInteger, nullable=False, default=0),
    sa.Column("counted", sa.BigInteger, nullable=False, default=0),
    sa.Column("dropped", sa.JSON, nullable=False, default=dict),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

MENTION = sa.Table(
    "mention",
    metadata,
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), primary_key=True),
    sa.Column("url", StoredText, primary_key=True),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("title", StoredText, nullable=False),
    sa.Column("author", StoredText, nullable=False, default=""),
    sa.Column("state", StoredText, nullable=False, default=""),
    sa.Column("at", UtcDateTime, nullable=False),
)

NOTE = sa.Table(
    "note",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", StoredText, nullable=False),
    sa.Column("text", StoredText, nullable=False),
    sa.Index("ix_note_bug_id", "bug_id"),
)

OCCURRENCE = sa.Table(
    "occurrence",
    metadata,
    sa.Column("id", sa.String(length=32), primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("fingerprint_id", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("status_code", sa.Integer),
    sa.Column("environment", StoredText, nullable=False, default=""),
    sa.Column("release", StoredText),
    sa.Column("path", StoredText, nullable=False, default=""),
    sa.Column("user_id", StoredText),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Index("ix_occurrence_bug_id_at", "bug_id", "at"),
    sa.Index("ix_occurrence_bug_id_user_id", "bug_id", "user_id", info={"where": "user_id IS NOT NULL"}),
)

OUTBOX = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("key", StoredText, nullable=False, unique=True),
    sa.Column("body", sa.JSON, nullable=False, default=dict),
    sa.Column("state", StoredText, nullable=False, default="due"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("leased_by", StoredText),
    sa.Column("leased_until", UtcDateTime),
    sa.Column("outcome", StoredText, nullable=False, default=""),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("done_at", UtcDateTime),
    sa.Index("ix_outbox_bug_id", "bug_id"),
    sa.Index("ix_outbox_state_due_at_id", "state", "due_at", "id"),
    sa.Index("ix_outbox_unfinished", "bug_id", "id", info={"where": "state = 'due'"}),
)

RELEASE = sa.Table(
    "release",
    metadata,
    sa.Column("project", StoredText, primary_key=True),
    sa.Column("name", StoredText, primary_key=True),
    sa.Column("first_seen", UtcDateTime, nullable=False),
    sa.Index("ix_release_first_seen", "first_seen"),
)

SESSION_REQUEST = sa.Table(
    "session_request",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("session_id", sa.String(length=36), sa.ForeignKey("fix_session.id"), nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("body", sa.JSON, nullable=False, default=dict),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("asked_by", StoredText, nullable=False),
    sa.Column("answer", StoredText),
    sa.Column("answer_note", StoredText, nullable=False, default=""),
    sa.Column("answered_at", UtcDateTime),
    sa.Column("answered_by", StoredText),
    sa.Index("ix_session_request_session_id", "session_id"),
)

SIGN_OFF = sa.Table(
    "sign_off",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("decision", StoredText, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", StoredText, nullable=False),
    sa.Column("commit", StoredText, nullable=False),
    sa.Column("evidence_id", sa.Integer, sa.ForeignKey("evidence.id")),
    sa.Column("session_id", sa.String(length=36), sa.ForeignKey("fix_session.id")),
    sa.Column("note", StoredText, nullable=False, default=""),
    sa.Column("os_user", StoredText, nullable=False, default=""),
    sa.Column("github_login", StoredText, nullable=False, default=""),
    sa.Column("events", sa.BigInteger),
    sa.Column("undone_at", UtcDateTime),
    sa.Column("undone_by", StoredText),
    sa.Index("ix_sign_off_bug_id", "bug_id"),
)

TALLY = sa.Table(
    "tally",
    metadata,
    sa.Column("fingerprint_id", sa.Integer, sa.ForeignKey("fingerprint.id"), primary_key=True),
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
    sa.Index("ix_tally_hour_counted", "hour", "fingerprint_id", "count"),
)

TRACKER_WRITE = sa.Table(
    "tracker_write",
    metadata,
    sa.Column("minute", UtcDateTime, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
)

TRANSCRIPT = sa.Table(
    "transcript",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("session_id", sa.String(length=36), sa.ForeignKey("fix_session.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("body", sa.JSON, nullable=False, default=dict),
    sa.Index("ix_transcript_session_id_id", "session_id", "id"),
)

TRANSITION = sa.Table(
    "transition",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("bug_id", sa.Integer, sa.ForeignKey("bug.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor_kind", StoredText, nullable=False),
    sa.Column("actor", StoredText, nullable=False),
    sa.Column("from_state", StoredText),
    sa.Column("to_state", StoredText, nullable=False),
    sa.Column("reason", StoredText, nullable=False, default=""),
    sa.Index("ix_transition_bug_id", "bug_id"),
)
