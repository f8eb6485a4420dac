"""What whoever carries journals over also does for the database, a little at a time: fold, prune and pack."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from capture import spool
from capture.conf import CaptureSettings
from capture.store import folding
from capture.store.packing import Packer
from capture.store.retention import Pruned, Pruner

# While there is work, one short round after another, with room for the site's own writing between them; once all
# is done, a look now and then. While events come by the hundred a second, the site needs its time for answers: what
# was stored can be thinned out later, as long as that keeps up (a round deletes some 2,000 events).
ROUND_SECONDS = 0.1
BETWEEN_ROUNDS_SECONDS = 1.0
BETWEEN_BUSY_ROUNDS_SECONDS = 5.0
BETWEEN_PASSES_SECONDS = 60.0
# So many events in one pass over the journals are many.
MANY = 20


def pause(*, done: bool, arrived: int) -> float:
    """Return the seconds between two rounds: `done` says what the last one left, `arrived` how many events came."""
    if done:
        return BETWEEN_PASSES_SECONDS
    return BETWEEN_BUSY_ROUNDS_SECONDS if arrived >= MANY else BETWEEN_ROUNDS_SECONDS


class Upkeep:
    """The upkeep of one database by the carrier of one journal folder."""

    def __init__(
        self, settings: CaptureSettings, engine: Engine, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._folder = settings.journal_dir
        self._engine = engine
        self._now = now
        self._pruner = Pruner(engine, keep=settings.keep_events, now=now)
        self._packer = Packer(engine)
        self._ended_at = -BETWEEN_PASSES_SECONDS
        self._done = False

    def look(self, *, arrived: int = 0) -> None:
        """Do what is due, for a moment at most, after so many events were stored. Raises `StoreError`."""
        if time.monotonic() - self._ended_at >= pause(done=self._done, arrived=arrived):
            self._done = self.round(seconds=ROUND_SECONDS).done
            self._ended_at = time.monotonic()

    def round(self, *, seconds: float) -> Pruned:
        """Fold, prune, and pack what stays, for some `seconds`. Raises `capture.errors.StoreError`."""
        end = time.monotonic() + seconds
        place = spool.place_of(self._folder)
        folded = folding.fold(self._engine, folder=self._folder, place=place, now=self._now())
        pruned = self._pruner.round(seconds=seconds)
        packed = pruned.done and self._packer.round(seconds=end - time.monotonic())
        done = packed and folded < folding.AT_ONCE
        return Pruned(pruned.fingerprints, pruned.occurrences, done=done)
