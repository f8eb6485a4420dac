"""What a list of a hundred thousand bugs needs to be read a window at a time, and when a closed bug may come back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WITH_USER = sa.text("user_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("bug", sa.Column("quiet_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_bug_first_seen", "bug", ["first_seen"])
    op.create_index("ix_bug_count", "bug", ["count"])
    op.create_index(
        *("ix_occurrence_bug_id_user_id", "occurrence", ["bug_id", "user_id"]),
        sqlite_where=WITH_USER,
        postgresql_where=WITH_USER,
    )


def downgrade() -> None:
    op.drop_index("ix_occurrence_bug_id_user_id", "occurrence")
    op.drop_index("ix_bug_count", "bug")
    op.drop_index("ix_bug_first_seen", "bug")
    op.drop_column("bug", "quiet_until")
