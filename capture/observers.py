"""The other ways in: what Django tells about a request that our middleware cannot see from outside.

Observers only note facts beside the request; the final response decides whether they matter.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.signals import got_request_exception

from capture import hooks, scope
from capture.builder import Failure

LOGGERS = ("django.request", "django.security")


def connect() -> None:
    """Connect every observer. Doing it again changes nothing."""
    got_request_exception.connect(note_exception, dispatch_uid="capture")
    hooks.install()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, NotingHandler) for handler in logger.handlers):
            logger.addHandler(NotingHandler(logging.WARNING))


def note_exception(sender: Any = None, request: Any = None, **_: Any) -> None:
    """Note the exception that Django is about to turn into a 500."""
    if request is not None:
        scope.of_or_new(request).note(sys.exc_info()[1])


class NotingHandler(logging.Handler):
    """Notes what Django logs about a request: exceptions, and the reason of a CSRF rejection."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Note the record without taking a lock: there is nothing here to protect."""
        try:
            self.emit(record)
        except Exception:  # noqa: BLE001  (never into the code that logs)
            self.handleError(record)
        return True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the name that logging calls)
        """Say nothing: a printed traceback for every request would be worse than a missing reason."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note what the record says about its request."""
        request = getattr(record, "request", None)
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if request is None:
            self._unread(record, error)
        if request is None or not hasattr(request, "META"):
            return
        noted = scope.of_or_new(request)
        if noted.finished or not noted.entered:
            self._late(noted, request, record, error)
            return
        noted.note(error)
        if record.name == "django.security.csrf" and isinstance(record.args, tuple) and record.args:
            noted.reason = str(record.args[0])

    def _late(self, noted: scope.Scope, request: Any, record: logging.LogRecord, error: BaseException | None) -> None:
        """Capture what a middleware outside of ours answered, before us or after our healthy response."""
        status = getattr(record, "status_code", 0)
        error = error or noted.error
        if noted.event_id is None and isinstance(status, int) and status >= 400 and not noted.was_told(error):
            from capture.pipeline import capture

            noted.error = None  # not kept: traceback and request would make a circle
            noted.event_id = capture(Failure(error=error, request=request, status=status)) or ""

    def _unread(self, record: logging.LogRecord, error: BaseException | None) -> None:
        """Capture what Django's ASGI handler refused since it could make no request of it, and no middleware sees."""
        if record.name != "django.request" or getattr(record, "status_code", 0) != 400:
            return
        noted = scope.current.get()
        is_in_request = noted is not None and noted.holds  # where others may log what they like
        if isinstance(error, UnicodeDecodeError) and not is_in_request and not scope.is_marked(error):
            from capture.pipeline import capture

            scope.mark(error)
            capture(Failure(error=error, status=400))
