"""What the site's own code may call: report an exception or a message, and tag what comes."""

from __future__ import annotations

import sys

from capture.builder import Failure
from capture.pipeline import capture
from capture.scope import Scope, current
from capture.scrub import REDACTED, scrub_text
from capture.secret_keys import is_secret_key

MAX_TAGS = 50


def capture_exception(error: BaseException | None = None) -> str | None:
    """Report an exception that was handled (the one being handled now, if none is given); return the event's id.

    If the same exception makes the request fail after all, that is still one event. None means that there was no
    exception, or that it is only counted.
    """
    error = error if error is not None else sys.exc_info()[1]
    if error is None:
        return None
    scope = current.get()
    if scope is None or scope.request is None:
        return capture(Failure(error=error, tags=scope.tags if scope is not None else None))
    if any(told is error for told in scope.told):
        return None
    scope.told = (*scope.told[-20:], error)
    return capture(Failure(error=error, request=scope.request, tags=scope.tags))


def capture_message(text: str) -> str | None:
    """Report something that is no exception; return the event's id."""
    scope = current.get()
    if scope is None:
        return capture(Failure(message=str(text)))
    return capture(Failure(message=str(text), request=scope.request, tags=scope.tags))


def tag(key: str, value: object) -> None:
    """Add a field to the events of the current request, or, outside of one, of the current context."""
    scope = current.get()
    if scope is None:
        scope = Scope()
        current.set(scope)
    tags = scope.tags = scope.tags if scope.tags is not None else {}
    name = scrub_text(str(key), limit=100)
    if name in tags or len(tags) < MAX_TAGS:
        tags[name] = REDACTED if is_secret_key(name) else scrub_text(str(value), limit=500)
