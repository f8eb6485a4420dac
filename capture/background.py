"""What the site owes its database, as functions for whatever runs in the background: cron, Celery, Django's tasks.

Each may run anywhere, at any time, twice at once and twice in a row, and be killed at any instant: what it does is
found in the journals and in the database, never in what started it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from capture import spool
from capture.conf import CaptureSettings
from capture.errors import StoreError
from capture.recorder import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from capture.carrier import Drained
    from capture.store.retention import Pruned

UPKEEP_LOCK_NAME = "upkeep.lock"
PRUNE_SECONDS = 10.0
LONG_SECONDS = 600.0  # a failure that waits longer in a journal has been forgotten by whoever should carry it
_LOOKED_AT = 50  # records of a journal: its first may say nothing but what was dropped


def drain(settings: CaptureSettings) -> Drained | None:
    """Carry over all that lies in this host's journals; None where another process of the host is at it.

    Raises `StoreError`.
    """
    from capture.carrier import Carrier, Drained, open_store

    folder = settings.journal_dir
    if not spool.journals(folder):
        return Drained()
    with _alone(folder, LOCK_NAME) as is_mine:
        if not is_mine:
            return None
        engine = open_store(settings)
        try:
            return Carrier(folder, engine).carry()
        finally:
            engine.dispose()


def prune(settings: CaptureSettings, *, seconds: float = PRUNE_SECONDS) -> Pruned | None:
    """Fold, prune and pack for some `seconds`; None where another process of this host is at it.

    Raises `StoreError`.
    """
    from capture.carrier import open_store
    from capture.upkeep import Upkeep

    with _alone(settings.journal_dir, UPKEEP_LOCK_NAME) as is_mine:
        if not is_mine:
            return None
        engine = open_store(settings)
        try:
            return Upkeep(settings, engine).round(seconds=seconds)
        finally:
            engine.dispose()


def waiting_since(folder: Path, positions: Mapping[str, tuple[int, int]]) -> datetime | None:
    """Return when the oldest failure happened that lies in a journal of `folder` and was not carried over; or None.

    `positions` say how far each journal was carried, as `capture.carrier.positions` does.
    """
    found = [at for path in spool.journals(folder) if (at := _first_after(path, *positions.get(path.name, (0, 0))))]
    return min(found, default=None)


def _first_after(path: Path, offset: int, seen: int) -> datetime | None:
    with contextlib.suppress(OSError):  # carried over and deleted just now
        for chunk in spool.chunks(path, offset=offset, seen=seen, limit=_LOOKED_AT):
            for record in chunk.records:
                if record.encoded is not None:
                    return record.encoded.at
                if record.count is not None:
                    return datetime.fromtimestamp(record.count.at).astimezone()
    return None


@contextlib.contextmanager
def _alone(folder: Path, name: str) -> Iterator[bool]:
    """Hold a lock of this host for a while; yield whether we have it. A process that is killed lets go of it."""
    if not folder.is_dir():
        yield True  # nothing was ever captured here, and nobody works on it
        return
    try:
        fd = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        cure = "Run this as the user of the site; see `manage.py check`."
        raise StoreError(f"The journal folder {folder} cannot be used: {error.strerror}.", cure=cure) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
