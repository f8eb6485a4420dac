"""What muting, assigning, merging and notes need.

Figures and tallies move from bugs to fingerprints, so that a merge can be taken back exactly. Until now each bug had
one fingerprint, which therefore takes over what its bug had.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
# Name, type, and the default of a column that may not be null.
BUG = (
    ("assignee", sa.Text(), None),
    ("closed_as", sa.Text(), None),
    ("duplicate_of", sa.Integer(), None),
    ("merged_into", sa.Integer(), None),
    ("mute_until", TIME, None),
    ("mute_events", sa.BigInteger(), None),
    ("mute_releases", sa.JSON(), None),
)
# SQLite adds a column that may not be null only with a default. Each row gets its own value right away.
NEVER = "1970-01-01 00:00:00.000000"
FINGERPRINT = (
    ("home_id", sa.Integer(), "0"),
    ("site", sa.Text(), None),
    ("count", sa.BigInteger(), "0"),
    ("first_seen", TIME, NEVER),
    ("last_seen", TIME, NEVER),
    ("first_release", sa.Text(), None),
    ("last_release", sa.Text(), None),
    ("environment", sa.Text(), ""),
)
OCCURRENCE = (("fingerprint_id", sa.Integer(), "0"),)
FIGURES = ("count", "first_seen", "last_seen", "first_release", "last_release", "environment")
SHOWN = ("act", "bug_label", "note")


def upgrade() -> None:
    """Add what acts need, and move figures to fingerprints."""
    _add("bug", BUG)
    op.create_index("ix_bug_merged_into", "bug", ["merged_into"])
    op.execute("UPDATE bug SET closed_as = 'fixed' WHERE state = 'closed'")
    _add("fingerprint", FINGERPRINT)
    columns = ", ".join(FIGURES)
    op.execute(
        f"UPDATE fingerprint SET home_id = bug_id, ({columns})"  # noqa: S608 (names of ours)
        f" = (SELECT {columns} FROM bug WHERE bug.id = fingerprint.bug_id)"
    )
    _note_sites()
    op.create_index("ix_fingerprint_home_id", "fingerprint", ["home_id"])
    op.create_index("ix_fingerprint_site", "fingerprint", ["site"])
    _add("occurrence", OCCURRENCE)
    _name_fingerprints()
    _tally_by("fingerprint")
    _create_acts()
    if op.get_bind().dialect.name == "postgresql":
        for table, added in (("fingerprint", FINGERPRINT), ("occurrence", OCCURRENCE)):
            for name, _type, default in added:
                if default is not None:
                    op.alter_column(table, name, server_default=None)
        for table in SHOWN:
            op.execute(
                f"CREATE TRIGGER workbench_changed AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION workbench_changed()"
            )


def downgrade() -> None:
    """Go back to one fingerprint's worth of figures a bug. Merged bugs stay merged; who did it is forgotten."""
    for table in ("note", "bug_label", "act"):
        op.drop_table(table)
    _tally_by("bug")
    op.drop_column("occurrence", "fingerprint_id")
    op.drop_index("ix_fingerprint_site", "fingerprint")
    op.drop_index("ix_fingerprint_home_id", "fingerprint")
    for name, _type, _default in reversed(FINGERPRINT):
        op.drop_column("fingerprint", name)
    op.drop_index("ix_bug_merged_into", "bug")
    for name, _type, _default in reversed(BUG):
        op.drop_column("bug", name)


def _add(table, columns):
    for name, kind, default in columns:
        op.add_column(table, sa.Column(name, kind, nullable=default is None, server_default=default))


def _note_sites():
    """Copy each fingerprint's innermost frame out of its parts. Both are as this revision knew them."""
    table = sa.table("fingerprint", sa.column("id"), sa.column("parts", sa.JSON()), sa.column("site"))
    connection = op.get_bind()
    sites = []
    for one, parts in connection.execute(sa.select(table.c.id, table.c.parts)):
        frames = [part["value"] for part in parts if part.get("name") == "frame"]
        if frames:
            sites.append({"one": one, "where": frames[-1]})
    if sites:
        update = sa.update(table).where(table.c.id == sa.bindparam("one")).values(site=sa.bindparam("where"))
        connection.execute(update, sites)


def _name_fingerprints():
    """Give each occurrence the fingerprint of its bug."""
    if op.get_bind().dialect.name == "postgresql":
        # With a subquery for each row it would look for the least id by reading all fingerprints, for each row.
        op.execute(
            "UPDATE occurrence SET fingerprint_id = first.id FROM"
            " (SELECT bug_id, min(id) AS id FROM fingerprint GROUP BY bug_id) AS first"
            " WHERE first.bug_id = occurrence.bug_id"
        )
    else:
        op.execute(
            "UPDATE occurrence SET fingerprint_id = coalesce("
            "(SELECT min(id) FROM fingerprint WHERE fingerprint.bug_id = occurrence.bug_id), 0)"
        )


def _tally_by(owner: str) -> None:
    """Make the tally table anew, with its counts by bug or by fingerprint."""
    if owner == "fingerprint":
        query = (
            "SELECT min(fingerprint.id) AS owner, hour, tally.count AS count FROM tally"
            " JOIN fingerprint ON fingerprint.bug_id = tally.bug_id GROUP BY tally.bug_id, hour, tally.count"
        )
    else:
        query = (
            "SELECT bug_id AS owner, hour, sum(tally.count) AS count FROM tally"
            " JOIN fingerprint ON fingerprint.id = tally.fingerprint_id GROUP BY bug_id, hour"
        )
    op.execute(f"CREATE TABLE tally_before AS {query}")
    op.drop_table("tally")
    op.create_table(
        "tally",
        sa.Column(f"{owner}_id", sa.Integer(), nullable=False),
        sa.Column("hour", TIME, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint([f"{owner}_id"], [f"{owner}.id"], name=f"fk_tally_{owner}_id"),
        sa.PrimaryKeyConstraint(f"{owner}_id", "hour", name="pk_tally"),
    )
    op.create_index("ix_tally_hour", "tally", ["hour"])
    op.execute(f"INSERT INTO tally ({owner}_id, hour, count) SELECT owner, hour, count FROM tally_before")  # noqa: S608
    op.drop_table("tally_before")


def _create_acts() -> None:
    op.create_table(
        "act",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bug_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("undone_at", TIME, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name="fk_act_bug_id"),
        sa.PrimaryKeyConstraint("id", name="pk_act"),
    )
    op.create_index("ix_act_bug_id", "act", ["bug_id"])
    op.create_index("ix_act_number", "act", ["number"])
    op.create_table(
        "bug_label",
        sa.Column("bug_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name="fk_bug_label_bug_id"),
        sa.PrimaryKeyConstraint("bug_id", "name", name="pk_bug_label"),
    )
    op.create_index("ix_bug_label_name", "bug_label", ["name"])
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bug_id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name="fk_note_bug_id"),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_index("ix_note_bug_id", "note", ["bug_id"])
