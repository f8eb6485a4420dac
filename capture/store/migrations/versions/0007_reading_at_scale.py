"""What is read again and again while nothing happens, and what the dashboard adds up, along indexes alone."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index("ix_bug_mute_until", ["mute_until"], "mute_until IS NOT NULL")
    _index("ix_bug_recurring", ["is_recurrence", "merged_into", "state"], "is_recurrence")
    op.drop_index("ix_tally_hour", "tally")
    op.create_index("ix_tally_hour_counted", "tally", ["hour", "fingerprint_id", "count"])


def downgrade() -> None:
    op.drop_index("ix_tally_hour_counted", "tally")
    op.create_index("ix_tally_hour", "tally", ["hour"])
    op.drop_index("ix_bug_recurring", "bug")
    op.drop_index("ix_bug_mute_until", "bug")


def _index(name: str, columns: list[str], where: str) -> None:
    # SQLite uses a partial index only where its condition stands in the statement, and there a boolean is a number.
    in_sqlite = sa.text("is_recurrence = 1" if where == "is_recurrence" else where)
    op.create_index(name, "bug", columns, sqlite_where=in_sqlite, postgresql_where=sa.text(where))
