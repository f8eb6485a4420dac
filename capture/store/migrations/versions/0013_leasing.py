"""Lease what is owed along indexes alone: in its order, and with a look at one bug's unfinished rows only."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    due = sa.text("state = 'due'")
    op.drop_index("ix_outbox_state_due_at", "outbox")
    op.create_index("ix_outbox_state_due_at_id", "outbox", ["state", "due_at", "id"])
    op.create_index("ix_outbox_unfinished", "outbox", ["bug_id", "id"], sqlite_where=due, postgresql_where=due)


def downgrade() -> None:
    op.drop_index("ix_outbox_unfinished", "outbox")
    op.drop_index("ix_outbox_state_due_at_id", "outbox")
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"])
