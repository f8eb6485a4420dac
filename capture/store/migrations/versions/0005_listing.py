"""What a list of a hundred thousand bugs needs to be read a window at a time, and what tells whether a bug is back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
# Orders of the list. It does not show what was merged into others.
LISTED = (("last_seen",), ("first_seen",), ("count",), ("state", "last_seen"))


def upgrade() -> None:
    op.add_column("bug", sa.Column("quiet_until", TIME, nullable=True))
    for columns in LISTED:
        _index("_".join(("ix_bug_listed", *columns)), "bug", [*columns, "number"], "merged_into IS NULL")
    for name in ("ix_bug_last_seen", "ix_bug_state_last_seen", "ix_bug_merged_into"):
        op.drop_index(name, "bug")
    _index("ix_bug_merged_into", "bug", ["merged_into"], "merged_into IS NOT NULL")
    _index("ix_occurrence_bug_id_user_id", "occurrence", ["bug_id", "user_id"], "user_id IS NOT NULL")
    op.create_table(
        "release",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_release"),
    )
    op.create_index("ix_release_first_seen", "release", ["first_seen"])
    op.create_table(
        "fix_release",
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("judged_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("commit", "release", name="pk_fix_release"),
    )


def downgrade() -> None:
    op.drop_table("fix_release")
    op.drop_table("release")
    op.drop_index("ix_occurrence_bug_id_user_id", "occurrence")
    op.drop_index("ix_bug_merged_into", "bug")
    op.create_index("ix_bug_merged_into", "bug", ["merged_into"])
    op.create_index("ix_bug_last_seen", "bug", ["last_seen"])
    op.create_index("ix_bug_state_last_seen", "bug", ["state", "last_seen"])
    for columns in LISTED:
        op.drop_index("_".join(("ix_bug_listed", *columns)), "bug")
    op.drop_column("bug", "quiet_until")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
