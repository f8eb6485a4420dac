"""A batch of events in; bugs, occurrences, tallies and the ledger out, in one transaction.

Safe to repeat and to run in several processes at once: a journal's offset moves once for each of its bytes, an
event's id is stored once, a fingerprint has one bug.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.errors import StoreBusy
from capture.event import EncodedEvent, Event, encode, peek
from capture.store import bulk, creation, figures, newcomers, payloads, releases
from capture.store.engine import upsert, writing
from capture.store.failures import store_errors
from capture.store.figures import Known
from capture.store.lifecycle import Actor
from capture.store.newcomers import PATH, WORD, Key, word
from capture.store.sightings import CAPTURE, Sighting, add_tallies, count_up, lock_bugs
from capture.store.tables import Bug, JournalRow, Occurrence, storable, table_of, utc

_TRIES = 5
_UNIQUE_VIOLATION = "23505"

# Made once: to put a statement together takes longer than to run it.
_JOURNAL = table_of(JournalRow)
_IS_IT = _JOURNAL.c.name == sa.bindparam("the_name")
_LOCK_JOURNAL = sa.select(_JOURNAL).where(_IS_IT).with_for_update()
_ENTERED = ("project", "folder", "offset", "seen", "stored", "counted", "dropped", "updated_at")
_ENTER = sa.update(_JOURNAL).where(_IS_IT).values({name: sa.bindparam(name) for name in _ENTERED})


class _Overtaken(Exception):
    """Somebody else changed what this transaction had read: a bug was deleted, or the same events are stored now."""


@dataclass(frozen=True)
class Counted:
    """Events of a known fingerprint past the payload cap: they count, and their payload is not kept."""

    project: str
    key: str
    at: datetime
    count: int
    release: str | None = None
    environment: str = ""


Arrived = EncodedEvent | Counted
Keyed = tuple[Key, Arrived]


@dataclass(frozen=True)
class Batch:
    """The bytes `start` to `end` of a journal, decoded. `seen` is the journal's running total at `end`.

    `events`, full ones and counts, are in the order in which they were journaled, so that the outcome does not depend
    on where a journal was cut into batches. `folder` says where the journal lies. Events that were just built may come
    as they are; what lay in a journal stays the bytes that it was.
    """

    journal: str
    start: int
    end: int
    seen: int
    events: Sequence[EncodedEvent | Event | Counted]
    dropped: Mapping[str, int] = field(default_factory=dict)
    folder: str = ""


@dataclass(frozen=True)
class Intake:
    """What became of a batch. `stale`: somebody else had carried these bytes already, and nothing was written."""

    stored: int = 0
    counted: int = 0
    duplicates: int = 0
    new_bugs: tuple[int, ...] = ()
    reopened: tuple[int, ...] = ()
    stale: bool = False


def take_in(engine: Engine, batch: Batch, *, now: datetime) -> Intake:
    """Carry `batch` into the database in one transaction, and say what became of it.

    An event whose id is stored already goes to the ledger as dropped ("duplicate"), and so does a count of a
    fingerprint without a bug ("unknown_fingerprint"). Raises `capture.errors.StoreError` when the database is
    locked or gone; then nothing was written and the batch may be given again.
    """
    for attempt in range(_TRIES):
        with store_errors(engine), Session(writing(engine)) as session:
            try:
                return _take_in(session, batch, now, is_alone=attempt > 0)
            except _Overtaken:
                continue  # begun anew, with what is there now
    raise StoreBusy("Others change the same bugs and events at the same time.", cure="It is tried again by itself.")


def _take_in(session: Session, batch: Batch, now: datetime, *, is_alone: bool) -> Intake:
    connection = session.connection()
    journal = _locked_journal(session, batch, now)
    if journal.offset != batch.start:
        return Intake(stale=True)
    arrived = [peek(encode(one)) if isinstance(one, Event) else one for one in batch.events]
    fresh = _fresh(session, arrived)
    events = [(key, one) for key, one in fresh if isinstance(one, EncodedEvent)]
    keys = {key for key, _one in fresh}
    with _unless_overtaken():
        new = newcomers.find(session, _first(events), keys, is_alone=is_alone)
    packed = _packed(connection, events)
    known = _locked_fingerprints(session, keys - new.known.keys()) | new.known
    if any(key not in known for key, _event in events):
        raise _Overtaken
    bugs = lock_bugs(session, {one.bug_id for one in known.values()} - new.bugs.keys())
    for bug_id, level in {known[key].bug_id: event.level for key, event in events}.items():
        bug = new.bugs.get(bug_id) or bugs[bug_id]
        if bug.level != level:
            bug.level = level
    seen = list(_sightings(fresh, known))
    counts = count_up(session, bugs, [one for one in seen if one.bug_id in bugs], now=now)
    new.note(one for one in seen if one.bug_id in new.bugs)
    outcome = Intake(
        stored=len(events),
        counted=sum(one.times for one in seen if one.event is None),
        duplicates=sum(isinstance(one, EncodedEvent) for one in arrived) - len(events),
        reopened=counts.reopened,
    )
    session.flush()
    with _unless_overtaken(), bulk.together(connection):
        # New ones first: who stores some waits for the others who do, and by then must have changed nothing that one of
        # them still takes for new, and would wait for.
        new.store(session, by=CAPTURE, reason="first seen", now=now)
        counts.save(session, now=now)
        _store(connection, events, known, packed)
        add_tallies(session, seen)
        releases.note(connection, _releases(arrived))
        _enter(connection, journal, batch, outcome, now)
        numbers = creation.numbers(connection, new.bugs.values())
    session.commit()
    return replace(outcome, new_bugs=numbers())


def record(session: Session, event: Event, *, by: Actor, reason: str, now: datetime) -> Bug:
    """Create the bug of an event that came through no journal, such as a report by hand. Nothing is committed.

    Its fingerprint must be new, and the numbers locked (see `capture.store.creation.lock_numbers`).
    """
    key, arrived = _key(event), peek(encode(event))
    new = newcomers.begin(session, {key: event})
    seen = list(_sightings([(key, arrived)], new.known))
    new.note(seen)
    new.store(session, by=by, reason=reason, now=now)
    connection = session.connection()
    _store(connection, [(key, arrived)], new.known, _packed(connection, [(key, arrived)]))
    add_tallies(session, seen)
    return session.get_one(Bug, new.known[key].bug_id)


def _locked_journal(session: Session, batch: Batch, now: datetime) -> sa.Row[Any]:
    connection = session.connection()
    found = connection.execute(_LOCK_JOURNAL, {"the_name": batch.journal}).one_or_none()
    if found is None:  # or somebody else is just beginning it
        blank = JournalRow(name=batch.journal, folder=storable(batch.folder), updated_at=now).model_dump()
        connection.execute(upsert(connection, _JOURNAL).values(blank).on_conflict_do_nothing())
        found = connection.execute(_LOCK_JOURNAL, {"the_name": batch.journal}).one()
    return found


def _fresh(session: Session, events: Sequence[Arrived]) -> list[Keyed]:
    """Return, with their keys, the counts and those events whose ids are not stored yet, each id once."""
    wanted = {event.id for event in events if isinstance(event, EncodedEvent)}
    wanted -= bulk.stored(session.connection(), wanted)
    fresh: list[Keyed] = []
    for one in events:
        if isinstance(one, EncodedEvent):
            if one.id not in wanted:
                continue
            wanted.discard(one.id)
        fresh.append((_key(one), one))
    return fresh


def _first(events: Iterable[tuple[Key, EncodedEvent]]) -> dict[Key, EncodedEvent]:
    """Return the first event of each key."""
    first: dict[Key, EncodedEvent] = {}
    for key, event in events:
        first.setdefault(key, event)
    return first


def _locked_fingerprints(session: Session, keys: Collection[Key]) -> dict[Key, Known]:
    """Return the stored ones of `keys`, locked: nobody can merge or delete their bugs any more."""
    found = {
        (known.project, known.key): known for known in figures.lock(session, figures.having(session.connection(), keys))
    }
    return {key: known for key, known in found.items() if key in keys}


def _packed(connection: sa.Connection, events: Iterable[tuple[Key, EncodedEvent]]) -> list[bytes]:
    """Return the payloads of events as this database takes them."""
    if payloads.come_plain(connection):
        return [event.encoded for _key, event in events]
    return [payloads.pack(event.encoded) for _key, event in events]


def _store(
    connection: sa.Connection,
    events: Sequence[tuple[Key, EncodedEvent]],
    known: Mapping[Key, Known],
    packed: Sequence[bytes],
) -> None:
    columns: dict[str, Sequence[Any]] = {
        "id": [event.id for _key, event in events],
        "bug_id": [known[key].bug_id for key, _event in events],
        "fingerprint_id": [known[key].id for key, _event in events],
        "at": [utc(event.at) for _key, event in events],
        "status_code": [event.status for _key, event in events],
        "environment": [event.environment[:WORD] for _key, event in events],
        "release": [word(event.release) for _key, event in events],
        "path": [event.request.path[:PATH] if event.request else "" for _key, event in events],
        "user_id": [word(event.user_id) for _key, event in events],
        "payload": packed,
    }
    bulk.insert(connection, Occurrence, columns)


@contextmanager
def _unless_overtaken() -> Iterator[None]:
    """Raise `_Overtaken` where somebody else stored one of the events, or began one of the bugs, at this moment."""
    try:
        yield
    except Exception as error:
        original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if getattr(original, "sqlstate", None) == _UNIQUE_VIOLATION:
            raise _Overtaken from error
        raise


def _releases(arrived: Iterable[Arrived]) -> dict[Key, datetime]:
    """Return when each project's releases were first seen in the batch."""
    seen: dict[Key, datetime] = {}
    for one in arrived:
        if one.release:
            key, at = _storable_key(one.project, one.release[:WORD]), utc(one.at)
            if at < seen.setdefault(key, at):
                seen[key] = at
    return seen


def _sightings(fresh: Iterable[Keyed], known: Mapping[Key, Known]) -> Iterator[Sighting]:
    for key, seen in fresh:
        if (one := known.get(key)) is None:
            continue  # a count of a fingerprint without a bug
        at, release, where = utc(seen.at), word(seen.release), seen.environment[:WORD]
        if isinstance(seen, Counted):
            yield Sighting(one.id, one.bug_id, at, seen.count, release, where)
        else:
            yield Sighting(one.id, one.bug_id, at, 1, release, where, seen.id)


def _enter(connection: sa.Connection, journal: sa.Row[Any], batch: Batch, outcome: Intake, now: datetime) -> None:
    """Enter the batch in the journal's part of the ledger."""
    dropped = Counter(journal.dropped)
    dropped.update(batch.dropped)
    dropped["unknown_fingerprint"] -= outcome.counted
    dropped["unknown_fingerprint"] += sum(one.count for one in batch.events if isinstance(one, Counted))
    dropped["duplicate"] += outcome.duplicates
    row = {
        "the_name": batch.journal,
        "project": journal.project or next((_key(seen)[0] for seen in batch.events), ""),
        "folder": batch.folder,
        "offset": batch.end,
        "seen": max(journal.seen, batch.seen),
        "stored": journal.stored + outcome.stored,
        "counted": journal.counted + outcome.counted,
        "dropped": {reason: number for reason, number in sorted(dropped.items()) if number},
        "updated_at": now,
    }
    connection.execute(_ENTER, row)


def _key(seen: Event | Arrived) -> Key:
    return _storable_key(seen.project, seen.key if isinstance(seen, Counted) else seen.fingerprint.key)


@lru_cache(maxsize=4_096)
def _storable_key(project: str, key: str) -> Key:
    return storable(project), storable(key)
