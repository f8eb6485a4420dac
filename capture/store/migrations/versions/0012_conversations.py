"""What an agent's client keeps of its conversations, to take one up where the client's own file is gone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("project_key", sa.Text(), nullable=False),
        sa.Column("subpath", sa.Text(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversation_line"),
    )
    columns = ["session_id", "project_key", "subpath", "id"]
    op.create_index("ix_conversation_line_key", "conversation_line", columns)


def downgrade() -> None:
    op.drop_table("conversation_line")
