"""Delivery and reading as functions, for whatever calls them now and then: Celery, Django's tasks, cron.

What is owed stands in the outbox, and what was read in the feeds: each may run anywhere, twice at once and twice in
a row, and be killed at any instant. Leases and claims see to it that each thing is done once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy.engine import Engine

from workbench import config as configuration
from workbench.bugs.store import database_errors, open_store
from workbench.config import Config
from workbench.tracker.settings import github_settings
from workbench.tracker.worker import Done, Worker

DELIVER_SECONDS = 60.0


@dataclass
class TimeIsUp:
    """Says stop after some `seconds`: in time for others' turn, between two actions."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def is_set(self) -> bool:
        """Return whether the time is up."""
        return self.clock() - self._began >= self.seconds


def deliver(*, seconds: float = DELIVER_SECONDS) -> list[Done]:
    """Do what is due of what is owed to the outside, beginning nothing more after `seconds`; return what came of it.

    Raises `ConfigurationError` where GitHub is set up in a way that cannot work, and `DatabaseError`. Then what was
    not done is still owed.
    """
    with _errors():
        return _worker().round(TimeIsUp(seconds), reads=False)


def sync() -> str:
    """Read what happened on GitHub, as far as that is due; return what kept us from it, or nothing.

    Raises as `deliver` does.
    """
    with _errors():
        return _worker().read()


def site_config() -> Config:
    """Return the configuration; in a Django process whose site has capture, with the site's database as the default."""
    config = configuration.load()
    if config.values["database_url"].source != "default" or "django.conf" not in sys.modules:
        return config
    from django.conf import settings

    if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
        return config
    if not isinstance(getattr(settings, "CAPTURE", None), dict):
        return config
    from capture.conf import load

    return configuration.load(flags={"database_url": load().database_url})


class _Own(threading.local):
    """One worker for each thread of each process: it keeps its connections, and what it knows, between two calls."""

    pid = 0
    worker: Worker | None = None
    engine: Engine | None = None


_own = _Own()
# What a forked child inherited: closing it would say goodbye on its parent's connections.
_inherited: list[object] = []


def _worker() -> Worker:
    if _own.pid != os.getpid():
        _inherited.extend((_own.worker, _own.engine))
        _own.pid, _own.worker, _own.engine = os.getpid(), None, None
    if _own.worker is None:
        config = site_config()
        github_settings(config)  # what cannot work is said, and not only in the log of a worker
        _own.engine = open_store(config)
        _own.worker = Worker(config, _own.engine)
    return _own.worker


def close() -> None:
    """Let go of this thread's connections; the next call opens them anew."""
    worker, engine = _own.worker, _own.engine
    _own.worker = _own.engine = None
    with contextlib.suppress(Exception):
        if worker is not None:
            worker.close()
    if engine is not None:
        engine.dispose()


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        with database_errors():
            yield
    except BaseException:
        close()  # the database may be another one by the next time
        raise
