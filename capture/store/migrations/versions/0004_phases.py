"""What the two phases of a fix session need, and what is told of its sandbox, its cost and git."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Name, type and default. SQLite adds a column that may not be null only with a default.
COLUMNS = (
    ("phase", sa.Text(), ""),
    ("is_sandboxed", sa.Boolean(), None),
    ("alarm", sa.Text(), ""),
    ("not_a_bug", sa.Text(), ""),
    ("is_cost_estimated", sa.Boolean(), sa.false()),
)


def upgrade() -> None:
    """Add the columns; sessions that there are have none of what they tell."""
    for name, kind, default in COLUMNS:
        op.add_column("fix_session", sa.Column(name, kind, nullable=default is None, server_default=default))
    if op.get_bind().dialect.name == "postgresql":
        for name, _kind, default in COLUMNS:
            if default is not None:
                op.alter_column("fix_session", name, server_default=None)


def downgrade() -> None:
    """Take them out again."""
    for name, _kind, _default in reversed(COLUMNS):
        op.drop_column("fix_session", name)
