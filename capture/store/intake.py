"""A batch of events in; bugs, occurrences, tallies and the ledger out, in one transaction.

Safe to repeat and to run in several processes at once: a journal's offset moves once for each of its bytes, an
event's id is stored once, a fingerprint has one bug.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.errors import StoreBusy
from capture.event import EncodedEvent, Event, encode, peek
from capture.store import bulk, creation, figures, payloads, releases, transition
from capture.store.engine import upsert, writing
from capture.store.failures import store_errors
from capture.store.figures import Known
from capture.store.lifecycle import Actor
from capture.store.sightings import CAPTURE, Sighting, count_up, lock_bugs
from capture.store.tables import Bug, FingerprintRow, JournalRow, storable, table_of

# The longest text of each kind that goes into a column of its own. The whole event is in the payload.
TITLE, WORD, PATH = 300, 200, 2_000

Key = tuple[str, str]  # project and fingerprint

_TRIES = 5


class _Deleted(Exception):
    """The fingerprint of an event was there a moment ago."""


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
    for _ in range(_TRIES):
        with store_errors(engine), Session(writing(engine)) as session:
            try:
                return _take_in(session, batch, now)
            except _Deleted:
                continue  # a bug was deleted while we waited for it; its fault gets a new one now
    raise StoreBusy("Bugs are being deleted while their events arrive.", cure="It is tried again by itself.")


def _take_in(session: Session, batch: Batch, now: datetime) -> Intake:
    journal = _locked_journal(session, batch, now)
    if journal.offset != batch.start:
        return Intake(stale=True)
    arrived = [peek(encode(one)) if isinstance(one, Event) else one for one in batch.events]
    fresh = _fresh(session, arrived)
    events = [(key, one) for key, one in fresh if isinstance(one, EncodedEvent)]
    keys = {key for key, _one in fresh}
    new_bugs = _create_missing(session, events, _stored(session, keys), now, keys=keys)
    known = _locked_fingerprints(session, keys)
    if any(key not in known for key, _event in events):
        raise _Deleted
    bugs = lock_bugs(session, {one.bug_id for one in known.values()})
    inserted = _store(session, events, known)
    for bug_id, level in {known[key].bug_id: event.level for key, event in events if event.id in inserted}.items():
        if bugs[bug_id].level != level:
            bugs[bug_id].level = level
    releases.note(session.connection(), _releases(arrived))
    seen = list(_sightings(fresh, inserted, known))
    reopened = count_up(session, bugs, seen, now=now)
    outcome = Intake(
        stored=len(inserted),
        counted=sum(one.times for one in seen if one.event is None),
        duplicates=sum(isinstance(one, EncodedEvent) for one in arrived) - len(inserted),
        new_bugs=new_bugs,
        reopened=reopened,
    )
    _enter(session, journal, batch, outcome, now)
    session.commit()
    return outcome


def record(session: Session, event: Event, *, by: Actor, reason: str, now: datetime) -> Bug:
    """Create the bug of an event that came through no journal, such as a report by hand. Nothing is committed.

    Its fingerprint must be new, and the numbers locked (see `capture.store.creation.lock_numbers`).
    """
    key = _key(event)
    (bug,) = _create(session, {key: (event, _bug(event, now))}, by=by, reason=reason, now=now)
    known = _locked_fingerprints(session, {key})
    arrived = peek(encode(event))
    inserted = _store(session, [(key, arrived)], known)
    assert bug.id is not None
    count_up(session, lock_bugs(session, [bug.id]), list(_sightings([(key, arrived)], inserted, known)), now=now)
    return bug


def open_event(payload: bytes) -> Event:
    """Return the event of an occurrence's payload."""
    return payloads.unpack(payload)


def _locked_journal(session: Session, batch: Batch, now: datetime) -> JournalRow:
    connection = session.connection()
    blank = JournalRow(name=batch.journal, folder=storable(batch.folder), updated_at=now).model_dump()
    connection.execute(upsert(connection, table_of(JournalRow)).values(blank).on_conflict_do_nothing())
    statement = sa.select(JournalRow).where(JournalRow.name == batch.journal).with_for_update()  # type: ignore[arg-type]
    return session.scalars(statement).one()


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


def _stored(session: Session, keys: Collection[Key]) -> set[Key]:
    """Return those of `keys` that have a bug, and perhaps a few more."""
    table = table_of(FingerprintRow)
    statement = sa.select(table.c.project, table.c.key).where(figures.having(keys))
    return {(project, key) for project, key in session.connection().execute(statement)}


def _locked_fingerprints(session: Session, keys: Collection[Key]) -> dict[Key, Known]:
    """Return the stored ones of `keys`, locked: nobody can merge or delete their bugs any more."""
    found = {(known.project, known.key): known for known in figures.lock(session, figures.having(keys))}
    return {key: known for key, known in found.items() if key in keys}


def _create_missing(
    session: Session, events: Sequence[tuple[Key, EncodedEvent]], stored: set[Key], now: datetime, *, keys: set[Key]
) -> tuple[int, ...]:
    """Create a bug for each fingerprint without one, and return the new numbers. `keys` are all of the batch."""
    first: dict[Key, EncodedEvent] = {}
    for key, event in events:
        if key not in stored:
            first.setdefault(key, event)
    if not first:
        return ()
    creation.lock_numbers(session)
    stored = _stored(session, first)  # somebody else may have been first while we waited for the lock
    missing = {key: event.decoded() for key, event in first.items() if key not in stored}
    new = {key: _bug(event, now) for key, event in missing.items()}
    begun = {key: figures.of_bug(bug) for key, bug in new.items()}
    for key in transition.attach(session, missing, begun, keys):
        del missing[key]
    # Sites of two versions may fail at the same time: the bug of the old key comes first.
    later = {key: event for key, event in missing.items() if transition.earlier(key, event) in missing}
    made = {key: (event, new[key]) for key, event in missing.items() if key not in later}
    bugs = _create(session, made, by=CAPTURE, reason="first seen", now=now)
    transition.attach(session, later, begun, keys)
    return tuple(bug.number for bug in bugs)


def _create(
    session: Session, missing: Mapping[Key, tuple[Event, Bug]], *, by: Actor, reason: str, now: datetime
) -> list[Bug]:
    """Create the bug of each fingerprint of `missing`, which come with their first events."""
    bugs = [bug for _event, bug in missing.values()]
    creation.create(session, bugs, by=by, reason=reason, now=now)
    rows = []
    for key, (event, bug) in missing.items():
        assert bug.id is not None
        begun = asdict(figures.of_bug(bug))
        rows.append({**figures.described(key, event.fingerprint), "bug_id": bug.id, "home_id": bug.id, **begun})
    if rows:
        session.connection().execute(sa.insert(table_of(FingerprintRow)), rows)
    return bugs


def _bug(event: Event, now: datetime) -> Bug:
    surfaced, request, at = event.surfaced, event.request, _utc(event.at)
    return Bug(
        number=0,
        project=event.project,
        environment=event.environment[:WORD],
        title=event.title[:TITLE],
        kind=event.kind,
        level=event.level,
        exception_type=surfaced.type[:WORD] if surfaced else None,
        status_code=event.status,
        method=request.method[:WORD] if request else None,
        route=_route(event),
        first_release=_word(event.release),
        last_release=_word(event.release),
        first_seen=at,
        last_seen=at,
        changed_at=now,
    )


def _route(event: Event) -> str | None:
    """Return what stands for the place in the site: the route, or the task or command that ran instead."""
    if event.request is not None:
        return event.request.route[:PATH] if event.request.route else None
    return f"{event.job.kind} {event.job.name}"[:PATH] if event.job is not None else None


def _store(session: Session, events: Sequence[tuple[Key, EncodedEvent]], known: Mapping[Key, Known]) -> set[str]:
    """Store the events; return the ids of those that were really inserted: another journal may hold the same."""
    rows: list[bulk.Row] = []
    plain = payloads.come_plain(session.connection())
    for key, event in events:
        one = known[key]
        path = event.request.path[:PATH] if event.request else ""
        where = event.environment[:WORD]
        payload = event.encoded if plain else payloads.pack(event.encoded)
        release, user = _word(event.release), _word(event.user_id)
        rows.append((event.id, one.bug_id, one.id, _utc(event.at), event.status, where, release, path, user, payload))
    return bulk.insert(session.connection(), rows) if rows else set()


def _releases(arrived: Iterable[Arrived]) -> dict[Key, datetime]:
    """Return when each project's releases were first seen in the batch."""
    seen: dict[Key, datetime] = {}
    for one in arrived:
        if one.release:
            key, at = _storable_key(one.project, one.release[:WORD]), _utc(one.at)
            if at < seen.setdefault(key, at):
                seen[key] = at
    return seen


def _sightings(fresh: Iterable[Keyed], inserted: Collection[str], known: Mapping[Key, Known]) -> Iterator[Sighting]:
    for key, seen in fresh:
        if (one := known.get(key)) is None:
            continue  # a count of a fingerprint without a bug
        at, release, where = _utc(seen.at), _word(seen.release), seen.environment[:WORD]
        if isinstance(seen, Counted):
            yield Sighting(one.id, one.bug_id, at, seen.count, release, where)
        elif seen.id in inserted:
            yield Sighting(one.id, one.bug_id, at, 1, release, where, seen.id)


def _enter(session: Session, journal: JournalRow, batch: Batch, outcome: Intake, now: datetime) -> None:
    """Enter the batch in the journal's part of the ledger."""
    dropped = Counter(journal.dropped)
    dropped.update(batch.dropped)
    dropped["unknown_fingerprint"] -= outcome.counted
    dropped["unknown_fingerprint"] += sum(one.count for one in batch.events if isinstance(one, Counted))
    dropped["duplicate"] += outcome.duplicates
    journal.project = journal.project or next((_key(seen)[0] for seen in batch.events), "")
    journal.folder = batch.folder
    journal.offset = batch.end
    journal.seen = max(journal.seen, batch.seen)
    journal.stored += outcome.stored
    journal.counted += outcome.counted
    journal.dropped = {reason: number for reason, number in sorted(dropped.items()) if number}
    journal.updated_at = now
    session.add(journal)


def _key(seen: Event | Arrived) -> Key:
    return _storable_key(seen.project, seen.key if isinstance(seen, Counted) else seen.fingerprint.key)


@lru_cache(maxsize=4_096)
def _storable_key(project: str, key: str) -> Key:
    return storable(project), storable(key)


def _word(text: str | None) -> str | None:
    return None if text is None else text[:WORD]


def _utc(at: datetime) -> datetime:
    if at.tzinfo is UTC:
        return at
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
