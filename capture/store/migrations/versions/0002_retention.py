"""Which project and folder a journal is of, so that the ledger's lines of old ones can be folded into one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (("project", sa.Text(), ""), ("folder", sa.Text(), ""), ("folded", sa.BigInteger(), "0"))


def upgrade() -> None:
    for name, kind, default in COLUMNS:
        op.add_column("journal", sa.Column(name, kind, nullable=False, server_default=default))
    if op.get_bind().dialect.name == "postgresql":
        for name, _kind, _default in COLUMNS:
            op.alter_column("journal", name, server_default=None)


def downgrade() -> None:
    for name, _kind, _default in reversed(COLUMNS):
        op.drop_column("journal", name)
