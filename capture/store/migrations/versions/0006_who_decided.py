"""Who decided on a fix, to the system and to GitHub; how often the bug was seen by then; what was taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Name, type, and the default of a column that may not be null: an earlier version goes on writing rows without it.
SIGN_OFF = (
    ("os_user", sa.Text(), ""),
    ("github_login", sa.Text(), ""),
    ("events", sa.BigInteger(), None),
    ("undone_at", sa.DateTime(timezone=True), None),
    ("undone_by", sa.Text(), None),
)


def upgrade() -> None:
    for name, kind, default in SIGN_OFF:
        op.add_column("sign_off", sa.Column(name, kind, nullable=default is None, server_default=default))


def downgrade() -> None:
    for name, _kind, _default in reversed(SIGN_OFF):
        op.drop_column("sign_off", name)
