"""What keeping and pruning need, and the level of a bug.

A journal's project and folder let the ledger's lines of old ones be folded into one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (
    ("journal", "project", sa.Text(), ""),
    ("journal", "folder", sa.Text(), ""),
    ("journal", "folded", sa.BigInteger(), "0"),
    ("bug", "level", sa.Text(), "error"),
)


def upgrade() -> None:
    for table, name, kind, default in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
    op.execute("UPDATE bug SET level = 'warning' WHERE kind = 'status' AND status_code < 500")
    op.execute("UPDATE bug SET level = 'info' WHERE kind = 'message'")
    if op.get_bind().dialect.name == "postgresql":
        for table, name, _kind, _default in COLUMNS:
            op.alter_column(table, name, server_default=None)
        # Not every server has it; payloads are compressed on our side then.
        op.execute(
            "DO $$ BEGIN EXECUTE 'ALTER TABLE occurrence ALTER COLUMN payload SET COMPRESSION lz4';"
            " EXCEPTION WHEN OTHERS THEN NULL; END $$"
        )


def downgrade() -> None:
    for table, name, _kind, _default in reversed(COLUMNS):
        op.drop_column(table, name)
