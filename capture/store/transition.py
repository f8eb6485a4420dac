"""From one version of the fingerprints to the next: a bug that is known by one key gets the other one as well.

Mostly the old key is known, and a site of today meets the new one. What a site of the version before left in its
journal comes the other way round: its events do not say what their key is today.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from capture import fingerprint_v1
from capture.event import Event
from capture.fingerprint import fingerprint
from capture.store import figures
from capture.store.figures import Figures, Known
from capture.store.tables import FingerprintRow, storable, table_of

Key = tuple[str, str]  # project and fingerprint


def earlier(key: Key, event: Event) -> Key | None:
    """Return the key of an event under the other rules, or None where it does not say."""
    old = event.fingerprint.earlier
    return (key[0], storable(old)) if old else None


def worked_out(event: Event) -> Event:
    """Return the event with its key under the other rules, where it holds all that this is made of.

    An event of today says so itself. One of version 1 does where its own key comes out of it again: then no rule of the
    site's own and no format string had a part in that.
    """
    given = event.fingerprint
    if given.earlier == fingerprint_v1.VERSION:
        other = fingerprint_v1.key_of_event(event)
    elif given.version == fingerprint_v1.VERSION and given.key == fingerprint_v1.key_of_event(event):
        other = _key_of_today(event)
    else:
        return event
    return msgspec.structs.replace(event, fingerprint=msgspec.structs.replace(given, earlier=other))


def is_of_before(event: Event) -> bool:
    """Return whether this is an event of version 1 whose key of today was worked out."""
    return event.fingerprint.version == fingerprint_v1.VERSION and bool(event.fingerprint.earlier)


def _key_of_today(event: Event) -> str:
    request, job = event.request, event.job
    if request is None:
        method, path, route = "", "", f"{job.kind} {job.name}" if job is not None and job.kind != "thread" else None
    else:
        method, path, route = request.method, request.path, request.route
        if route is None and request.own_referer:
            return ""  # the route of the page with the link may be a part of it, and is in no event
    return fingerprint(
        exceptions=event.exceptions,
        template=event.template,
        status=event.status,
        reason=event.reason,
        method=method,
        path=path,
        route=route,
    ).key


def oldest(key: Key, missing: Mapping[Key, Event]) -> Key:
    """Return the key among the new ones that comes first in the line of earlier keys of `key`, or `key` itself.

    Where two versions name each other it is the older one's.
    """
    line = [key]
    while (before := earlier(line[-1], missing[line[-1]])) is not None and before in missing:
        if before in line:
            return min(line[line.index(before) :], key=lambda one: (missing[one].fingerprint.version, one))
        line.append(before)
    return line[-1]


def attach(
    session: Session, missing: Mapping[Key, Event], figures_of: Mapping[Key, Figures], keys: Collection[Key]
) -> set[Key]:
    """Give the bugs that are known by an event's other key its new one too, and return those new keys.

    `missing` are new keys with their first event, `figures_of` what a new row begins with, and `keys` all
    that the batch is about: they are locked together with the earlier ones, so that all is locked in one order.
    """
    first = {key: oldest(key, missing) for key in missing}
    olds = {key: earlier(one, missing[one]) for key, one in first.items()}
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
