"""Roles of PostgreSQL, each with the rights that its part needs and no more.

The owner of the tables runs the migrations. A site takes events in, a reader looks, and a person does all that the
screens, the commands and the worker do; none of the three can change the schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store.engine import writing
from capture.store.migrate import VERSION_TABLE
from capture.store.tables import metadata
from workbench.bugs.store import database_errors
from workbench.errors import ConfigurationError, UsageError

PREFIX = "workbench"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")

_FIGURES = "count, first_seen, last_seen, first_release, last_release, environment"
# What the recorder does: `capture.store.intake` with all that it calls, `retention`, `folding`, and the webhook's view.
# A row can only be locked by who may update something of it: outbox.created_at is there for that alone.
SITE: Mapping[str, str] = {
    VERSION_TABLE: "SELECT",
    "journal": "SELECT, INSERT, UPDATE, DELETE",
    "bug": f"SELECT, INSERT, UPDATE ({_FIGURES}, level, changed_at, state, is_recurrence, closed_as, duplicate_of,"
    " merged_into, mute_until, mute_events, mute_releases)",
    "fingerprint": f"SELECT, INSERT, UPDATE ({_FIGURES})",
    "occurrence": "SELECT (id, bug_id, fingerprint_id, at, release), INSERT, DELETE",
    "tally": "SELECT, INSERT, UPDATE (count)",
    "transition": "SELECT (id, bug_id, at, to_state), INSERT",
    "act": "SELECT (number)",
    "outbox": "SELECT (id, bug_id, kind, key, state, leased_until), INSERT, UPDATE (created_at)",
    "release": "SELECT, INSERT",
    "fix_release": "SELECT",
    "delivery": "INSERT",
}
_COUNTED = ("bug", "fingerprint", "transition", "outbox")  # the site gives their ids


def statements(prefix: str = PREFIX) -> list[str]:
    """Return the SQL that makes the three roles, or brings their rights up to date. Raises `UsageError`.

    Run by the owner of the tables, who may create roles. It can be run again at any time, as after an upgrade.
    """
    if not _NAME.fullmatch(prefix):
        raise UsageError(
            f"{prefix!r} cannot begin the names of roles.", cure="Use small letters, digits and _, at most 41 of them."
        )
    site, reader, person = (f"{prefix}_{name}" for name in ("site", "reader", "person"))
    made = []
    for role in (site, reader, person):
        made += [
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"GRANT USAGE ON SCHEMA public TO {role}",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
            f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}",
        ]
    made += [f'GRANT {rights} ON "{table}" TO {site}' for table, rights in SITE.items()]
    made += [f"GRANT USAGE ON SEQUENCE {table}_id_seq TO {site}" for table in _COUNTED]
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    for role, rights in ((reader, "SELECT"), (person, "SELECT, INSERT, UPDATE, DELETE")):
        made += [
            f"GRANT SELECT ON {VERSION_TABLE} TO {role}",
            f"GRANT {rights} ON {names} TO {role}",
            # Tables that a later version adds.
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON TABLES TO {role}",
        ]
    made += [
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {person}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {person}",
    ]
    return made


def apply(engine: Engine, prefix: str = PREFIX) -> None:
    """Run the statements, all or none. Raises `DatabaseError`, or `ConfigurationError` for a database without roles."""
    if engine.dialect.name != "postgresql":
        raise ConfigurationError("SQLite has no roles.", cure="Its file's rights say who may read and write it.")
    wanted = statements(prefix)
    with database_errors(), writing(engine).begin() as connection:
        for statement in wanted:
            connection.execute(sa.text(statement))
