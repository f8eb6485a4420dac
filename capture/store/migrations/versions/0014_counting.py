"""Count the bugs of a filter by their states along one index, which knows all that the others of the list know."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BEFORE = ["state", "last_seen", "number"]
NOW = [*BEFORE, "count", "first_seen"]


def upgrade() -> None:
    op.drop_index("ix_bug_listed_state_last_seen", "bug")
    _index("ix_bug_listed_state", NOW)


def downgrade() -> None:
    op.drop_index("ix_bug_listed_state", "bug")
    _index("ix_bug_listed_state_last_seen", BEFORE)


def _index(name: str, columns: list[str]) -> None:
    shown = sa.text("merged_into IS NULL")
    op.create_index(name, "bug", columns, sqlite_where=shown, postgresql_where=shown)
