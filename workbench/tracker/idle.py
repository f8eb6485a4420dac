"""Whether a worker would find anything to do, told without loading one, which takes 4 MiB and as long as a page."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import schema
from workbench.bugs.store import reading
from workbench.config import Config

_BUG, _OWED, _SIGNED = schema.BUG, schema.OUTBOX, schema.SIGN_OFF
# What is done without GitHub: files that are owed, bugs that wake by the clock, fixes to be found in releases.
_WORK = sa.select(
    sa.or_(
        sa.exists().where(_OWED.c.state == sa.literal_column("'due'"), _OWED.c.kind == "write_file"),
        sa.exists().where(_BUG.c.mute_until.is_not(None)),
        sa.exists().where(_SIGNED.c.id.is_not(None)),
    )
)


def has_work(config: Config, engine: Engine) -> bool:
    """Return whether there is anything for a worker, now or later by the clock. Raises `DatabaseError`."""
    if config["github.repository"]:
        return True
    with reading(engine) as connection:
        return bool(connection.scalar(_WORK))
