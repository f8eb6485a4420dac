"""What the two phases of a fix session need, and what is told of its sandbox, its cost and git."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# SQLite adds a column that may not be null only with a default.
COLUMNS = (
    sa.Column("phase", sa.Text(), nullable=False, server_default=""),
    sa.Column("is_sandboxed", sa.Boolean(), nullable=True),
    sa.Column("alarm", sa.Text(), nullable=False, server_default=""),
    sa.Column("not_a_bug", sa.Text(), nullable=False, server_default=""),
    sa.Column("is_cost_estimated", sa.Boolean(), nullable=False, server_default=sa.false()),
)


def upgrade() -> None:
    """Add the columns; sessions that there are have none of what they tell."""
    for column in COLUMNS:
        op.add_column("fix_session", column.copy())
    if op.get_bind().dialect.name == "postgresql":
        for column in COLUMNS:
            if column.server_default is not None:
                op.alter_column("fix_session", column.name, server_default=None)


def downgrade() -> None:
    """Take them out again."""
    for column in reversed(COLUMNS):
        op.drop_column("fix_session", column.name)
