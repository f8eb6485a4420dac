"""Carry journals over into the database: in order, in batches, and exactly once.

The offset of a journal is committed together with its events, so that a crash repeats nothing and skips nothing, and
two that carry the same journal at once cannot both succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture import spool
from capture.conf import CaptureSettings
from capture.errors import StoreError
from capture.event import EncodedEvent
from capture.store.engine import open_engine
from capture.store.failures import store_errors
from capture.store.intake import Batch, Counted, take_in
from capture.store.migrate import check, prepare
from capture.store.tables import JournalRow


@dataclass(frozen=True)
class Drained:
    """What one pass over the journals did: events stored, counted, dropped or known already, and bugs that are new."""

    stored: int = 0
    counted: int = 0
    dropped: int = 0
    duplicates: int = 0
    new_bugs: tuple[int, ...] = ()

    def __add__(self, other: Drained) -> Drained:
        return Drained(
            self.stored + other.stored,
            self.counted + other.counted,
            self.dropped + other.dropped,
            self.duplicates + other.duplicates,
            self.new_bugs + other.new_bugs,
        )


def open_store(settings: CaptureSettings) -> Engine:
    """Return an engine on the site's database, which is created when it is empty. Raises `StoreError`."""
    engine = open_engine(settings.database_url, create=True)
    prepare(engine)
    return engine


def positions(engine: Engine) -> dict[str, tuple[int, int]]:
    """Return how far each journal was carried over: its name → (offset, failures met up to there)."""
    query = sa.select(JournalRow.name, JournalRow.offset, JournalRow.seen)  # type: ignore[call-overload]
    with store_errors(engine), engine.connect() as connection:
        return {name: (offset, seen) for name, offset, seen in connection.execute(query)}


class Carrier:
    """Carries the journals of one folder into one database."""

    def __init__(
        self, folder: Path, engine: Engine, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.engine = engine
        self._folder = folder
        self._place = spool.place_of(folder)
        self._now = now
        self._positions: dict[str, tuple[int, int]] | None = None

    def carry(self) -> Drained:
        """Carry over all that is in the journals now, and delete those that are done with. Raises `StoreError`."""
        total = Drained()
        for path in spool.journals(self._folder):
            total += self._carry_journal(path)
        return total

    def _carry_journal(self, path: Path) -> Drained:
        total = Drained()
        try:
            size = path.stat().st_size
        except OSError:
            return total
        # Asked before reading: what a dead process wrote is complete by then.
        abandoned = spool.is_abandoned(path)
        if not abandoned and self._position(path.name)[0] == size:
            return total
        for _attempt in range(3):
            done, fresh = self._carry_chunks(path)
            total += done
            if fresh and abandoned:
                done, fresh = self._carry_tail(path)
                total += done
            if fresh:
                if abandoned:
                    path.unlink(missing_ok=True)
                    self._known().pop(path.name, None)
                break
            self._positions = None  # somebody else carried a part of it
        return total

    def _carry_chunks(self, path: Path) -> tuple[Drained, bool]:
        """Carry over the rest of a journal; return what was done, and whether nobody else interfered."""
        total = Drained()
        offset, seen = self._position(path.name)
        for chunk in spool.chunks(path, offset=offset, seen=seen):
            done, fresh = self._carry_chunk(path, chunk)
            total += done
            if not fresh:
                return total, False
            self._known()[path.name] = (chunk.end, chunk.seen)
        return total, True

    def _carry_tail(self, path: Path) -> tuple[Drained, bool]:
        """Enter in the ledger what was spoiled or cut off behind the last whole record."""
        offset, seen = self._position(path.name)
        chunk = spool.tail(path, offset=offset, seen=seen)
        if chunk is None:
            return Drained(), True
        done, fresh = self._take_in(path.name, chunk, {})
        if fresh:
            self._known()[path.name] = (chunk.end, chunk.seen)
        return done, fresh

    def _carry_chunk(self, path: Path, chunk: spool.Chunk) -> tuple[Drained, bool]:
        try:
            return self._take_in(path.name, chunk, {})
        except StoreError:
            raise
        except Exception:  # noqa: BLE001  (one bad event must not hold up the others)
            # Nor must all be taken for bad because a later version changed the schema while this process ran.
            check(self.engine)
            return self._carry_singly(path, chunk)

    def _carry_singly(self, path: Path, chunk: spool.Chunk) -> tuple[Drained, bool]:
        total = Drained()
        for single in spool.chunks(path, offset=chunk.start, seen=self._position(path.name)[1], limit=1):
            try:
                done, fresh = self._take_in(path.name, single, {})
            except StoreError:
                raise
            except Exception:  # noqa: BLE001  (it is this one, then)
                done, fresh = self._take_in(path.name, single, {"rejected": 1})
            total += done
            if not fresh:
                return total, False
            self._known()[path.name] = (single.end, single.seen)
            if single.end >= chunk.end:
                break
        return total, True

    def _take_in(self, name: str, chunk: spool.Chunk, rejected: dict[str, int]) -> tuple[Drained, bool]:
        records = () if rejected else chunk.records
        dropped = {**chunk.dropped, **rejected}
        events = _in_order(records)
        taken = take_in(
            self.engine,
            Batch(
                journal=name,
                start=chunk.start,
                end=chunk.end,
                seen=chunk.seen,
                events=events,
                dropped=dropped,
                folder=self._place,
            ),
            now=self._now(),
        )
        if taken.stale:
            return Drained(), False
        counted = sum(one.count for one in events if isinstance(one, Counted))
        unknown = counted - taken.counted  # counts of a fingerprint that nobody knows
        lost = sum(dropped.values()) + max(0, unknown)
        return Drained(taken.stored, taken.counted, lost, taken.duplicates, tuple(taken.new_bugs)), True

    def _known(self) -> dict[str, tuple[int, int]]:
        if self._positions is None:
            self._positions = positions(self.engine)
        return self._positions

    def _position(self, name: str) -> tuple[int, int]:
        return self._known().get(name, (0, 0))


def _in_order(records: Sequence[spool.Record]) -> list[EncodedEvent | Counted]:
    """Return events and counts in the order of the journal.

    Counts are one for each fingerprint, hour and version, in the place of the last of them, so that a storm costs the
    database next to nothing.
    """
    placed: list[tuple[int, EncodedEvent | Counted]] = []
    groups: dict[tuple[str, str, str | None, str, int], tuple[int, float, int]] = {}
    for place, record in enumerate(records):
        if record.encoded is not None:
            placed.append((place, record.encoded))
        elif (count := record.count) is not None:
            group = (count.project, count.key, count.release, count.environment, int(count.at // 3600))
            _place, latest, number = groups.get(group, (0, 0.0, 0))
            groups[group] = (place, max(latest, count.at), number + 1)
    if not groups:
        return [one for _place, one in placed]
    for (project, key, release, environment, _hour), (place, latest, number) in groups.items():
        at = datetime.fromtimestamp(latest, UTC)
        placed.append((place, Counted(project, key, at, number, release, environment)))
    return [one for _place, one in sorted(placed, key=itemgetter(0))]
