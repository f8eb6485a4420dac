"""The releases that events came from, and which of them hold the fix of a bug.

Whether a release holds a fix is a question to git, which a site cannot ask. Whoever has the repository answers it
ahead of time, when a fix is signed off and whenever a new release was seen; here the answers are only looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from capture.store import schema
from capture.store.engine import upsert

RELEASE, FIX_RELEASE = schema.RELEASE, schema.FIX_RELEASE
_BUG = schema.BUG


def note(connection: Connection, seen: Mapping[tuple[str, str], datetime]) -> None:
    """Remember each project's releases by name with the time of their first event. Nothing is committed."""
    rows = [{"project": project, "name": name, "first_seen": at} for (project, name), at in sorted(seen.items())]
    if rows:
        connection.execute(upsert(connection, RELEASE).on_conflict_do_nothing(), rows)


def known(connection: Connection, commits: Iterable[str], names: Collection[str]) -> dict[tuple[str, str], bool]:
    """Return by commit and release what is known: whether that release holds that commit."""
    statement = sa.select(FIX_RELEASE.c.commit, FIX_RELEASE.c.release, FIX_RELEASE.c.holds).where(
        FIX_RELEASE.c.commit.in_(set(commits)), FIX_RELEASE.c.release.in_(names)
    )
    return {(commit, name): holds for commit, name, holds in connection.execute(statement)}


def answer(connection: Connection, answers: Mapping[tuple[str, str], bool], *, now: datetime) -> None:
    """Keep answers by commit and release. What was answered before is left as it is. Nothing is committed.

    Bugs that came back and whose fix a release lacks are marked as changed: their pages say so now.
    """
    rows = [
        {"commit": commit, "release": name, "holds": holds, "judged_at": now}
        for (commit, name), holds in sorted(answers.items())
    ]
    if not rows:
        return
    connection.execute(upsert(connection, FIX_RELEASE).on_conflict_do_nothing(), rows)
    if lacking := {commit for (commit, _name), holds in answers.items() if not holds}:
        back = sa.select(_BUG.c.id).where(_BUG.c.is_recurrence, _BUG.c.fix_commit.in_(lacking)).order_by(_BUG.c.id)
        ids = connection.scalars(back.with_for_update(key_share=True)).all()  # in the order that everybody locks them
        connection.execute(sa.update(_BUG).where(_BUG.c.id.in_(ids)).values(changed_at=now))


def seen_again(release: str | None, *, holds: bool | None) -> str:
    """Return what the history says of a bug that came back: in which release, and whether git said so of it."""
    where = f"in release {release}" if release else "in a release without a name"
    return f"seen again {where}, which holds the fix" if holds else f"seen again {where}"
