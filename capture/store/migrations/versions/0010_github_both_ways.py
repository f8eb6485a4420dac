"""What is known of the other side: issues as people on GitHub left them, what they said, and how far that was read."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
# Name, type, and the default of a column that may not be null: an earlier version goes on writing rows without it.
ISSUE = (
    ("is_pull", sa.Boolean(), sa.false()),
    ("is_locked", sa.Boolean(), sa.false()),
    ("closed_outside", sa.Boolean(), sa.false()),
    ("closed_by", sa.Text(), None),
    ("labels", sa.JSON(), "[]"),
    ("comments", sa.Integer(), "0"),
    ("note", sa.Text(), ""),
    ("remote_at", TIME, None),
    ("status_comment", sa.BigInteger(), None),
    ("status_count", sa.BigInteger(), None),
    ("status_at", TIME, None),
)


def upgrade() -> None:
    for name, kind, default in ISSUE:
        op.add_column("issue", sa.Column(name, kind, nullable=default is None, server_default=default))
    # What was opened before is not told of again just because of this.
    op.execute(
        "UPDATE issue SET status_count = (SELECT bug.count FROM bug WHERE bug.id = issue.bug_id), status_at = synced_at"
    )
    op.create_table(
        "issue_comment",
        sa.Column("bug_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name="fk_issue_comment_bug_id_bug"),
        sa.PrimaryKeyConstraint("bug_id", "id", name="pk_issue_comment"),
    )
    op.create_table(
        "mention",
        sa.Column("bug_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name="fk_mention_bug_id_bug"),
        sa.PrimaryKeyConstraint("bug_id", "url", name="pk_mention"),
    )
    op.create_table(
        "issue_feed",
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=True),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "kind", name="pk_issue_feed"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("done_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    op.create_index("ix_delivery_done_at", "delivery", ["done_at"])
    op.create_table(
        "tracker_write",
        sa.Column("minute", TIME, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", name="pk_tracker_write"),
    )


def downgrade() -> None:
    for table in ("tracker_write", "delivery", "issue_feed", "mention", "issue_comment"):
        op.drop_table(table)
    for name, _kind, _default in reversed(ISSUE):
        op.drop_column("issue", name)
