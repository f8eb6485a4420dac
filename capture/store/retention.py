"""Which occurrences are kept for good: of each fingerprint the first, the last and some spread evenly in time.

Tallies are kept for ever, so that pruning takes nothing from any count or chart. It is done in small transactions,
each of which finds for itself what is left to do: killed at any moment, it goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store.engine import delete_cheaply, writing
from capture.store.failures import store_errors
from capture.store.tables import Bug, FingerprintRow, Occurrence, table_of

# Fewer than this many too many are left for later, so that a bug is not pruned again after each event.
SLACK = 20
# Of the latest so many releases of a fault one occurrence is kept each: it shows later that a release had it
# already before it was fixed, and so that it did not come back (capture.store.sightings).
RELEASES = 20
# How many occurrences of a fingerprint are looked at in one go, and how many are deleted in one transaction: with
# 5 KB each, some 5 ms of the only write lock that SQLite has.
AT_ONCE = 20_000
DELETED_AT_ONCE = 200
FINGERPRINTS_AT_ONCE = 100
# How far back a pass looks for what changed since the one before: clocks of several hosts differ.
OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class Pruned:
    """What a round of pruning did. `done`: nothing was left to do."""

    fingerprints: int = 0
    occurrences: int = 0
    done: bool = True


class Pruner:
    """Prunes one database in rounds that are bounded in time, and remembers where the last one stopped."""

    def __init__(
        self,
        engine: Engine,
        *,
        keep: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._keep = keep
        self._at_once = max(AT_ONCE, 2 * (keep + RELEASES + SLACK))
        self._now = now
        self._clock = clock
        self._after = 0  # the id of the fingerprint that was looked at last
        self._changed_since: datetime | None = None  # None: this pass looks at all bugs
        self._began: datetime | None = None  # when this pass began

    def round(self, *, seconds: float) -> Pruned:
        """Prune for some `seconds`; at least one transaction's worth. Raises `capture.errors.StoreError`."""
        end = self._clock() + seconds
        fingerprints = occurrences = 0
        while True:
            if self._began is None:
                self._began = self._now()
            due = self._due()
            for fingerprint_id, bug_id in due:
                deleted, finished = self._prune(fingerprint_id, bug_id, end)
                occurrences += deleted
                fingerprints += 1
                if not finished:
                    return Pruned(fingerprints, occurrences, done=False)
                self._after = fingerprint_id
                if self._clock() >= end:
                    return Pruned(fingerprints, occurrences, done=False)
            if len(due) < FINGERPRINTS_AT_ONCE:
                self._after, self._changed_since, self._began = 0, self._began - OVERLAP, None
                return Pruned(fingerprints, occurrences)

    def _due(self) -> list[tuple[int, int]]:
        """Return the next fingerprints that may have too many: their ids and those of their bugs."""
        fingerprint, bug = table_of(FingerprintRow), table_of(Bug)
        query = (
            sa.select(fingerprint.c.id, fingerprint.c.bug_id)
            .join(bug, bug.c.id == fingerprint.c.bug_id)
            .where(fingerprint.c.id > self._after, fingerprint.c.count > self._keep + 2 + SLACK)
            .order_by(fingerprint.c.id)
            .limit(FINGERPRINTS_AT_ONCE)
        )
        if self._changed_since is not None:
            query = query.where(bug.c.changed_at >= self._changed_since)
        with store_errors(self._engine), self._engine.connect() as connection:
            return [(row.id, row.bug_id) for row in connection.execute(query)]

    def _prune(self, fingerprint_id: int, bug_id: int, end: float) -> tuple[int, bool]:
        """Prune one fingerprint; return how many were deleted, and whether it was brought to its end in time."""
        deleted = 0
        while True:
            found = self._stored(fingerprint_id, bug_id)
            doomed = doomed_of(found, keep=self._keep) if len(found) > self._keep + 2 + SLACK else []
            for start in range(0, len(doomed), DELETED_AT_ONCE):
                deleted += self._delete(doomed[start : start + DELETED_AT_ONCE])
                if self._clock() >= end:
                    return deleted, False
            if not doomed or len(found) < self._at_once:
                return deleted, True

    def _stored(self, fingerprint_id: int, bug_id: int) -> list[Any]:
        """Return the oldest occurrences of a fingerprint, without what they hold."""
        table = table_of(Occurrence)
        query = (
            sa.select(table.c.id, table.c.at, table.c.release)
            .where(table.c.bug_id == bug_id, table.c.fingerprint_id == fingerprint_id)
            .order_by(table.c.at, table.c.id)
            .limit(self._at_once)
        )
        with store_errors(self._engine), self._engine.connect() as connection:
            return list(connection.execute(query))

    def _delete(self, ids: Sequence[str]) -> int:
        table = table_of(Occurrence)
        with store_errors(self._engine), writing(self._engine).begin() as connection:
            delete_cheaply(connection)
            return connection.execute(table.delete().where(table.c.id.in_(sorted(ids)))).rowcount


def doomed_of(occurrences: Sequence[Any], *, keep: int) -> list[str]:
    """Return the ids of the occurrences that go. They are given in order of time; each has `id`, `at` and `release`.

    What stays: the first, the last, the first of each of the latest releases, and `keep` others, evenly in time.
    """
    latest: dict[str | None, None] = {}
    for one in reversed(occurrences):
        latest.setdefault(one.release)
        if len(latest) == RELEASES:
            break
    first_of: dict[str | None, int] = {}
    for position, one in enumerate(occurrences):
        if one.release in latest:
            first_of.setdefault(one.release, position)
    moments = [one.at.timestamp() for one in occurrences]
    return [occurrences[position].id for position in crowded(moments, keep=keep, fixed=first_of.values())]


def crowded(moments: Sequence[float], *, keep: int, fixed: Collection[int] = ()) -> list[int]:
    """Return the positions to remove from `moments`, which are in order, so that `keep` stay beside the fixed ones.

    The first and the last are fixed too. Each time that one goes whose neighbours are closest to each other: so no
    gap that is made is larger than what any that stays lies between.
    """
    staying = {0, len(moments) - 1, *fixed}
    surplus = len(moments) - len(staying) - keep
    if surplus <= 0:
        return []
    before, after = list(range(-1, len(moments) - 1)), list(range(1, len(moments) + 1))
    width = {at: moments[at + 1] - moments[at - 1] for at in range(1, len(moments) - 1) if at not in staying}
    heap = [(between, position) for position, between in width.items()]
    heapify(heap)
    removed: list[int] = []
    while len(removed) < surplus:
        between, position = heappop(heap)
        if width.get(position) != between:
            continue  # said before its neighbour went
        del width[position]
        removed.append(position)
        left, right = before[position], after[position]
        after[left], before[right] = right, left
        for neighbour in (left, right):
            if neighbour in width:
                width[neighbour] = moments[after[neighbour]] - moments[before[neighbour]]
                heappush(heap, (width[neighbour], neighbour))
    return sorted(removed)
