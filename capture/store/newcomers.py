"""The bugs that a batch of events begins: each is put together in memory, and written once, with all its figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from capture.event import EncodedEvent, Event
from capture.store import bulk, creation, figures, transition
from capture.store.creation import NewBug
from capture.store.figures import Figures, Known
from capture.store.lifecycle import Actor
from capture.store.sightings import Sighting
from capture.store.tables import FingerprintRow, table_of, utc

Key = tuple[str, str]  # project and fingerprint
Give = Callable[[Session, Sequence[NewBug]], None]

# The longest text of each kind that goes into a column of its own. The whole event is in the payload.
TITLE, WORD, PATH = 300, 200, 2_000
_KEYS = sa.select(table_of(FingerprintRow).c.project, table_of(FingerprintRow).c.key)


@dataclass
class Newcomers:
    """New fingerprints by their key, each with its first event, and new bugs by their id."""

    known: dict[Key, Known] = field(default_factory=dict)
    events: dict[Key, Event] = field(default_factory=dict)
    bugs: dict[int, NewBug] = field(default_factory=dict)

    def note(self, seen: Iterable[Sighting]) -> None:
        """Count what was seen of them."""
        of_id = {known.id: known.figures for known in self.known.values()}
        for one in seen:
            of_id[one.fingerprint_id].note(one.at, one.times, one.release, one.environment)

    def store(self, session: Session, *, by: Actor, reason: str, now: datetime) -> None:
        """Write all of it, with the figures that the fingerprints have by now. Nothing is committed."""
        if not self.bugs:
            return
        of_bug: dict[int, list[Figures]] = {}
        for known in self.known.values():
            of_bug.setdefault(known.bug_id, []).append(known.figures)
        for id_, bug in self.bugs.items():
            bug.figures = figures.total(of_bug[id_])
        creation.store(session, list(self.bugs.values()), by=by, reason=reason, now=now)
        # In one order: of two who store the same ones, the later waits at the first, and holds none the other wants.
        figures.insert(session, [(self.known[key], self.events[key].fingerprint) for key in sorted(self.known)])


def find(
    session: Session, first: Mapping[Key, EncodedEvent], keys: Collection[Key], *, is_alone: bool = False
) -> Newcomers:
    """Return the new ones among the fingerprints whose first events of the batch are `first`, with their bugs.

    `keys` are all of the batch. One whose bug is known by its key under other rules is none of the new: that is written
    at once. Somebody else may find the same ones new, and then who stores them later meets those of the other; with
    `is_alone` nobody else can begin a bug until this transaction ends.
    """
    wanted = first.keys() - _stored(session, first)
    if not wanted:
        return Newcomers()
    missing = {key: transition.worked_out(event.decoded()) for key, event in first.items() if key in wanted}
    olds = {old for key, event in missing.items() if (old := transition.earlier(key, event)) is not None}
    # Who brings a fault under the rules before must not miss the bug that a site of today begins for it at this moment.
    if is_alone or _stored(session, olds) or any(map(transition.is_of_before, missing.values())):
        creation.lock_numbers(session)
        stored = _stored(session, missing)  # by whoever was first while we waited for the lock
        missing = {key: event for key, event in missing.items() if key not in stored}
    else:
        creation.share_numbers(session)
    for key in transition.attach(session, missing, {key: begun(event) for key, event in missing.items()}, keys):
        del missing[key]
    return begin(
        session, missing, creation.number if session.get_bind().dialect.name == "sqlite" else creation.identify
    )


def begin(session: Session, missing: Mapping[Key, Event], give: Give = creation.number) -> Newcomers:
    """Return a bug for each of these fingerprints, none of which is stored, with an id of its own.

    `give` gives the bugs what they are called by: see `capture.store.creation`.
    """
    if not missing:
        return Newcomers()
    bugs: dict[Key, NewBug] = {}
    of_key: dict[Key, NewBug] = {}
    for key in missing:
        # Sites of two versions may fail at the same time: then the bug is that of the old key.
        oldest = transition.oldest(key, missing)
        if oldest not in bugs:
            bugs[oldest] = _bug(missing[oldest])
        of_key[key] = bugs[oldest]
    give(session, list(bugs.values()))
    ids = bulk.next_ids(session.connection(), FingerprintRow, len(missing))
    known = {
        key: Known(id_, key[0], key[1], of_key[key].id, of_key[key].id, begun(event))
        for id_, (key, event) in zip(ids, missing.items(), strict=True)
    }
    return Newcomers(known, dict(missing), {bug.id: bug for bug in bugs.values()})


def _stored(session: Session, keys: Collection[Key]) -> set[Key]:
    """Return those of `keys` that have a bug, and perhaps a few more."""
    if not keys:
        return set()
    connection = session.connection()
    found = connection.execute(_KEYS.where(figures.having(connection, keys)))
    return {(project, key) for project, key in found}


def begun(event: Event) -> Figures:
    """Return the figures of a fingerprint before its first event is counted."""
    at, release = utc(event.at), word(event.release)
    return Figures(0, at, at, release, release, event.environment[:WORD])


def word(text: str | None) -> str | None:
    """Return the part of a short text that goes into a column."""
    return None if text is None else text[:WORD]


def _bug(event: Event) -> NewBug:
    surfaced, request = event.surfaced, event.request
    return NewBug(
        project=event.project,
        title=event.title[:TITLE],
        kind=event.kind,
        level=event.level,
        exception_type=surfaced.type[:WORD] if surfaced else None,
        status_code=event.status,
        method=request.method[:WORD] if request else None,
        route=_route(event),
        figures=begun(event),
    )


def _route(event: Event) -> str | None:
    """Return what stands for the place in the site: the route, or the task or command that ran instead."""
    if event.request is not None:
        return event.request.route[:PATH] if event.request.route else None
    return f"{event.job.kind} {event.job.name}"[:PATH] if event.job is not None else None
