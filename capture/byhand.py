"""What the site's own code may call: report an exception or a message, and add fields to what comes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from itertools import islice
from types import TracebackType
from typing import cast

from django.utils.functional import Promise

from capture.breadcrumbs import translated
from capture.builder import Failure
from capture.pipeline import capture
from capture.scope import Scope, current, is_marked, mark
from capture.scrub import REDACTED, scrub_text
from capture.secret_keys import is_secret_key
from capture.values import describe

MAX_TAGS = 50
MAX_CONTEXTS = 10
MAX_FIELDS = 30
MAX_VALUE = 500


def capture_exception(error: BaseException | None = None) -> str | None:
    """Report an exception that was handled (the one being handled now, if none is given); return the event's id.

    If the same exception makes the request, task or command fail after all, or the view answers with a 5xx of its
    own, that is still one event: this one. None means that there was no exception, that it has its event already,
    or that it is only counted.
    """
    found: object = error if error is not None else sys.exc_info()[1]
    if type(found) is tuple and len(found) == 3:  # as `sys.exc_info()` has it
        found = found[1]
    if found is None:
        return None
    if not issubclass(type(found), BaseException):
        return capture_message(cast("str", found) if issubclass(type(found), str) else describe(found))
    error = cast("BaseException", found)
    noted = current.get()
    if noted is None:
        if is_marked(error):
            return None
        mark(error)
        return capture(Failure(error=error))
    if noted.was_told(error):
        return None
    noted.tell(error)
    return capture(Failure(error=error, request=noted.request, noted=noted))


def capture_message(text: str) -> str | None:
    """Report something that is no exception; return the event's id."""
    noted = current.get()
    return capture(Failure(message=_shown(text), request=noted.request if noted is not None else None, noted=noted))


def tag(key: str, value: object) -> None:
    """Add a field to the events of the current request, task or command.

    Outside of these, the field goes with what the current thread or asyncio task reports from now on.
    """
    noted = _current_or_new()
    tags = noted.tags = noted.tags if noted.tags is not None else {}
    _put(tags, key, value, most=MAX_TAGS)


class context:  # noqa: N801  (called as a function, and used in `with` where that is wanted)
    """Add a named group of fields to the events of the current request, task or command: `context("import", {…})`.

    As a plain call it stays until that is over; in a `with` statement until the block is left, unless an exception
    leaves it, whose event comes later. The same name again replaces the group. Outside of request, task and
    command it goes with what the current thread or asyncio task reports from now on.
    """

    def __init__(self, name: str, fields: Mapping[str, object]) -> None:
        noted = self._noted = _current_or_new()
        contexts = noted.contexts if noted.contexts is not None else {}
        self._name = scrub_text(_shown(name), limit=100)
        self._before = contexts.get(self._name)
        if self._name in contexts or len(contexts) < MAX_CONTEXTS:
            group: dict[str, str] = {}
            with contextlib.suppress(Exception):  # a mapping of the site's own may raise
                for key, value in islice(fields.items(), MAX_FIELDS):
                    _put(group, key, value, most=MAX_FIELDS)
            noted.contexts = {**contexts, self._name: group}

    def __enter__(self) -> None:
        """Let the group hold for the block."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Take the group back, unless an exception leaves the block."""
        if error is not None:
            return
        contexts = dict(self._noted.contexts or {})
        contexts.pop(self._name, None)
        if self._before is not None:
            contexts[self._name] = self._before
        self._noted.contexts = contexts or None


def _current_or_new() -> Scope:
    noted = current.get()
    if noted is None:
        noted = Scope()
        current.set(noted)
    return noted


def _put(fields: dict[str, str], key: object, value: object, *, most: int) -> None:
    name = scrub_text(_shown(key), limit=100)
    if name in fields or len(fields) < most:
        fields[name] = REDACTED if is_secret_key(name) else scrub_text(_shown(value), limit=MAX_VALUE)


def _shown(value: object) -> str:
    """Return any value as text, without running code of the site's that may be slow or raise."""
    if issubclass(type(value), str):
        return str.__getitem__(cast("str", value), slice(0, MAX_VALUE * 20))
    return translated(value) if issubclass(type(value), Promise) else describe(value)
