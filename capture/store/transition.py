"""From one version of the fingerprints to the next: a bug that is known by its old key gets the new one as well."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlmodel import Session

from capture.event import Event
from capture.store import figures
from capture.store.figures import Figures, Known
from capture.store.tables import FingerprintRow, storable, table_of

Key = tuple[str, str]  # project and fingerprint


def earlier(key: Key, event: Event) -> Key | None:
    """Return the key of an event under the rules before, or None where it does not say."""
    old = event.fingerprint.earlier
    return (key[0], storable(old)) if old else None


def oldest(key: Key, missing: Mapping[Key, Event]) -> Key:
    """Return the key among the new ones that comes first in the line of earlier keys of `key`, or `key` itself."""
    line = {key}
    while (before := earlier(key, missing[key])) is not None and before in missing and before not in line:
        line.add(before)
        key = before
    return key


def attach(
    session: Session, missing: Mapping[Key, Event], figures_of: Mapping[Key, Figures], keys: Collection[Key]
) -> set[Key]:
    """Give the bugs that are known by an event's earlier key its new one too, and return those new keys.

    `missing` are new keys with their first event, `figures_of` what a new row begins with, and `keys` all
    that the batch is about: they are locked together with the earlier ones, so that all is locked in one order.
    """
    olds = {key: earlier(key, event) for key, event in missing.items()}
    wanted = {old for old in olds.values() if old is not None}
    if not wanted:
        return set()
    table = table_of(FingerprintRow)
    locked = figures.lock(session, figures.having(session.connection(), {*keys, *wanted}))
    known: dict[Key, Known] = {(row.project, row.key): row for row in locked}
    found = {key: known[old] for key, old in olds.items() if old is not None and old in known}
    rows = [
        {
            **figures.described(key, missing[key].fingerprint),
            "bug_id": old.bug_id,
            "home_id": old.home_id,
            **vars(figures_of[key]),
        }
        for key, old in found.items()
    ]
    if rows:
        session.connection().execute(sa.insert(table), rows)
    return set(found)
