"""Log records as breadcrumbs, and logged errors as events.

The way in is the factory that `logging` makes every record with: it sees the records of loggers that do not propagate,
and it stays where Celery, a server or the site sets up its handlers anew.

Inside a request a logged error waits for the final response, in memory: where that is a 5xx, both are one event. It
is on disk before the response leaves; a process that is killed (by a signal that cannot be handled) before it
answered takes with it what was logged in that request. Everywhere else a logged error is on disk at once.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakSet

from capture import breadcrumbs, pipeline
from capture.builder import Failure
from capture.conf import CaptureSettings
from capture.event import Level
from capture.messages import MAX_MESSAGE
from capture.scope import Scope, current, is_marked, mark

# Each tells of what has its own way in, or of ourselves. Queries are logged with their parameters.
LEFT_OUT = frozenset(
    (
        *("capture", "django.request", "django.security", "django.server", "django.tasks", "django.db.backends"),
        *("celery.app.trace", "celery.worker.request", "multiprocessing", "django_tasks"),
        *("gunicorn.error", "uvicorn.error", "daphne.server", "hypercorn.error"),
    )
)
MAX_HELD = 10
# asyncio tells of tasks whose exception nobody took in no other way than by this logger.
ASYNCIO = "asyncio"
_OFF = 1_000

_installed = False
_crumbs = 0  # how many breadcrumbs are kept
_capture_from = _OFF  # the level from which records are events
_capture_asyncio = False
# Beside the records and not in them: what a site's formatter finds in a record, it writes out.
_taken: WeakSet[logging.LogRecord] = WeakSet()


@dataclass(frozen=True)
class Held:
    """A logged error: what was raised, if anything, and the record's own parts."""

    error: BaseException | None
    logger: str
    level: int
    message: Any
    arguments: Any

    def failure(self, noted: Scope | None) -> Failure:
        """Return what goes into an event of its own."""
        return Failure(
            error=self.error,
            request=noted.request if noted is not None else None,
            noted=noted,
            message=breadcrumbs.formatted(self.message, self.arguments, limit=MAX_MESSAGE),
            pattern=breadcrumbs.pattern_of(self.message),
            logger=self.logger,
            level=level_of(self.level),
            contexts={"log": {"logger": self.logger, "level": logging.getLevelName(self.level).lower()}},
        )


def level_of(number: int) -> Level:
    """Return the level of an event by that of a log record."""
    bounds: tuple[tuple[int, Level], ...] = ((50, "fatal"), (40, "error"), (30, "warning"), (20, "info"))
    return next((name for bound, name in bounds if number >= bound), "debug")


class CaptureHandler(logging.Handler):
    """Captures what is logged, for Django's LOGGING where `CAPTURE["LOGS"]` is too coarse.

    Give it the level ERROR: each record is an event (inside a request that fails, a part of its event).
    """

    def __init__(self, level: int | str = logging.ERROR) -> None:
        super().__init__(level)

    def handle(self, record: logging.LogRecord) -> bool:
        """Capture the record without taking a lock: there is nothing here to protect."""
        passed = bool(self.filter(record))
        # What the setting captures was captured as the record was made.
        if passed and record.levelno < _capture_from and not is_left_out(record.name):
            with contextlib.suppress(Exception):  # never into the code that logs
                take(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Capture the record."""
        self.handle(record)


def connect(settings: CaptureSettings) -> None:
    """See every log record from now on, as the settings say. Doing it again changes what they say."""
    global _installed, _crumbs, _capture_from, _capture_asyncio
    _crumbs = settings.breadcrumbs if settings.enabled else 0
    _capture_from = logging.ERROR if settings.logs and settings.enabled else _OFF
    _capture_asyncio = settings.threads and settings.enabled
    if not _installed and (_crumbs or _capture_from < _OFF or _capture_asyncio):
        _installed = True
        logging.setLogRecordFactory(_noting(logging.getLogRecordFactory()))


@lru_cache(maxsize=1024)
def is_left_out(name: str) -> bool:
    """Return whether the records of a logger, or of one above it, are none of ours."""
    return any(name == left_out or name.startswith(f"{left_out}.") for left_out in LEFT_OUT)


def _noting(make: Any) -> Any:
    """Return a factory of log records that notes what the other one makes."""

    def make_and_note(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = make(*args, **kwargs)
        try:
            # A record without a level is only to be filled in, such as one that came from another process.
            if (record.levelno or 0) >= logging.INFO:
                _note(record)
        except Exception:  # noqa: BLE001, S110  (never into the code that logs)
            pass
        return record

    return make_and_note


def _note(record: logging.LogRecord) -> None:
    noted = current.get()
    wanted = record.levelno >= _capture_from
    if (noted is None and not wanted and not _capture_asyncio) or is_left_out(record.name):
        return
    if noted is not None and _crumbs:
        breadcrumbs.note_record(noted, record, _crumbs)
    if wanted or (_capture_asyncio and record.name == ASYNCIO and record.levelno >= logging.ERROR):
        take(record)


def take(record: logging.LogRecord) -> None:
    """Capture a record, or hold it where the response of a request is still to come."""
    if record.threadName == "capture-recorder":
        return  # what our own thread has to say about the database is no error of the site
    if _was_taken(record):
        return
    error = record.exc_info[1] if type(record.exc_info) is tuple else None
    found = Held(error, record.name, record.levelno, record.msg, breadcrumbs.bounded(record.args))
    noted = current.get()
    if noted is not None and noted.holds and not noted.finished:
        _hold(noted, found)
        return
    if error is not None:
        if noted.was_told(error) if noted is not None else is_marked(error):
            return
        noted.tell(error) if noted is not None else mark(error)
    pipeline.capture(found.failure(noted))


def _was_taken(record: logging.LogRecord) -> bool:
    """Return whether this very record was taken before, and remember it: it comes to each handler on its way up."""
    with contextlib.suppress(TypeError):  # a site's own class of records may have no room for weak references
        if record in _taken:
            return True
        _taken.add(record)
    return False


def _hold(noted: Scope, found: Held) -> None:
    held = noted.held
    if held is None:
        held = noted.held = []
    if found.error is not None and any(other.error is found.error for other in held):
        return
    if len(held) < MAX_HELD:
        held.append(found)
    else:
        noted.held_more += 1


def last_error(noted: Scope) -> BaseException | None:
    """Return the exception that was logged last in a request which gave no other reason for its 5xx."""
    return next((found.error for found in reversed(noted.held or ()) if found.error is not None), None)


def release(noted: Scope) -> None:
    """Capture what was held: the final response is no 5xx, so that each is an event of its own."""
    held, noted.held = noted.held, None
    for found in held or ():
        if found.error is None or not noted.was_told(found.error):
            noted.tell(found.error)
            pipeline.capture(found.failure(noted))
    more, noted.held_more = noted.held_more, 0
    if more and (running := pipeline.pipeline()) is not None and running.settings.enabled:
        for _ in range(more):
            running.journal.drop("logged_too_often")
