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
# is done, a look now and then.
ROUND_SECONDS = 0.1
BETWEEN_ROUNDS_SECONDS = 1.0
BETWEEN_PASSES_SECONDS = 60.0


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
        self._due_at = 0.0

    def look(self) -> None:
        """Do what is due, for a moment at most. Raises `capture.errors.StoreError`."""
        if time.monotonic() >= self._due_at:
            done = self.round(seconds=ROUND_SECONDS).done
            self._due_at = time.monotonic() + (BETWEEN_PASSES_SECONDS if done else BETWEEN_ROUNDS_SECONDS)

    def round(self, *, seconds: float) -> Pruned:
        """Fold, prune, and pack what stays, for some `seconds`. Raises `capture.errors.StoreError`."""
        end = time.monotonic() + seconds
        place = spool.place_of(self._folder)
        folded = folding.fold(self._engine, folder=self._folder, place=place, now=self._now())
        pruned = self._pruner.round(seconds=seconds)
        packed = pruned.done and self._packer.round(seconds=end - time.monotonic())
        done = packed and folded < folding.AT_ONCE
        return Pruned(pruned.fingerprints, pruned.occurrences, done=done)
