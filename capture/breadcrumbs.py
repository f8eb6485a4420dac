"""What happened on the way to a failure: the last log records and queries of its request, task or command.

A record is noted as it comes, in about a microsecond, and made into text only where an event is built. Until then its
arguments are kept alive, and what changes in them meanwhile is shown changed.
"""

from __future__ import annotations

import datetime
import decimal
import logging
import re
import uuid
from collections import deque
from itertools import islice
from typing import Any

from django.utils.functional import Promise

from capture.event import Breadcrumb
from capture.own_memory import name_of
from capture.scope import Scope
from capture.scrub import REDACTED, scrub_text
from capture.secret_keys import is_secret_key
from capture.values import describe

MAX_MESSAGE = 300
# What is kept of a text until an event is built: enough for the scrubber to see a secret whole.
MAX_NOTED = 1_000
MAX_ARGUMENTS = 30

# Types whose `__str__` and `__format__` are known to be short and harmless.
_PLAIN = frozenset(
    (
        *(bool, float, type(None), decimal.Decimal, uuid.UUID),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta),
    )
)
# `%999999999d` would fill the memory.
_WIDE = re.compile(r"%[^a-zA-Z%]{0,50}\d{4}|%[^a-zA-Z%]{0,50}\*")
_SQL_LITERAL = re.compile(r"'(?:[^']|'')*(?:'|\Z)|(?<![\w.$%\"])-?\d[\d.]*(?![\w\"])")
_SPACE = re.compile(r"\s+")


class _Described(str):
    """A description that stays as it is whether it is formatted with `%s` or `%r`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str.__str__(self)


def note_record(noted: Scope, record: logging.LogRecord, limit: int) -> None:
    """Keep a log record beside the request, as it is and bounded."""
    message, arguments = record.msg, record.args
    if type(message) is str and len(message) > MAX_NOTED:
        message = message[:MAX_NOTED]
    if arguments:
        arguments = bounded(arguments)
    raised = record.exc_info[0] if type(record.exc_info) is tuple else None
    _keep(noted, limit, (record.created, record.levelno, record.name, message, arguments, raised))


def note_query(
    noted: Scope, limit: int, *, at: float, alias: str, sql: Any, seconds: float, failed: type | None
) -> None:
    """Keep a query beside the request: its text with placeholders, never its parameters."""
    text = sql[:MAX_NOTED] if type(sql) is str else describe(sql)
    _keep(noted, limit, (at, None, alias, text, seconds, failed))


def _keep(noted: Scope, limit: int, crumb: tuple[Any, ...]) -> None:
    crumbs = noted.crumbs
    if crumbs is None:
        crumbs = noted.crumbs = deque(maxlen=limit)
    crumbs.append(crumb)


def bounded(arguments: Any) -> Any:
    """Return the arguments of a log record without long texts, so that they may be kept for a while."""
    if type(arguments) is not tuple:
        return arguments
    for argument in arguments:
        if type(argument) is str and len(argument) > MAX_NOTED:
            return tuple(
                argument[:MAX_NOTED] if type(argument) is str else argument
                for argument in islice(arguments, MAX_ARGUMENTS)
            )
    return arguments


def shown(noted: Scope, now: float) -> tuple[Breadcrumb, ...]:
    """Return what was noted as it goes into an event, oldest first. `now` is the time of the event."""
    if not noted.crumbs:
        return ()
    # A thread with a copy of the context may add to it at this moment.
    return tuple(_crumb(crumb, now) for crumb in noted.crumbs.copy())


def _crumb(crumb: tuple[Any, ...], now: float) -> Breadcrumb:
    at, level, name, message, arguments, raised = crumb
    before = round(max(now - at, 0.0), 3)
    failed = f" ({name_of(raised)})" if raised is not None else ""
    if level is None:
        return Breadcrumb(
            kind="query",
            before=before,
            level="error" if failed else "info",
            logger=scrub_text(str(name), limit=100),
            message=_shown_sql(message) + failed,
            duration_ms=round(arguments * 1000, 2),
        )
    return Breadcrumb(
        before=before,
        level=logging.getLevelName(level).lower(),
        logger=scrub_text(str(name), limit=100),
        message=formatted(message, arguments, limit=MAX_MESSAGE) + failed,
    )


def _shown_sql(sql: str) -> str:
    """Return a query as one line without the values that the site's own code wrote into its text."""
    return scrub_text(_SQL_LITERAL.sub("?", _SPACE.sub(" ", sql)).strip(), limit=MAX_MESSAGE)


def formatted(message: Any, arguments: Any, *, limit: int) -> str:
    """Return the text of a log record, scrubbed and bounded, whatever its arguments do when they are touched."""
    text = pattern_of(message)
    if arguments:
        try:
            text = _filled_in(text, arguments)
        except Exception:  # noqa: BLE001  (a format string that does not fit its arguments, or a hostile object)
            text = f"{text} {describe(arguments)}"
    return scrub_text(text, limit=limit)


def pattern_of(message: Any) -> str:
    """Return the message of a log record before its arguments go in."""
    if issubclass(type(message), str):
        return str.__getitem__(message, slice(0, MAX_NOTED * 2))
    if issubclass(type(message), Promise):
        return translated(message)[: MAX_NOTED * 2]
    return describe(message)


def translated(text: Any) -> str:
    """Return a text that is translated when it is needed, which is Django's own code but may fail."""
    try:
        return str(text)
    except Exception:  # noqa: BLE001
        return "<a lazy text that cannot be read>"


def _filled_in(text: str, arguments: Any) -> str:
    if _WIDE.search(text):
        raise ValueError(text)
    if type(arguments) is dict:
        return text % {key: _named(key, value) for key, value in islice(arguments.items(), MAX_ARGUMENTS)}
    return text % tuple(_harmless(argument) for argument in arguments)


def _named(key: Any, value: Any) -> Any:
    return _Described(REDACTED) if issubclass(type(key), str) and is_secret_key(key) else _harmless(value)


def _harmless(value: Any) -> Any:
    """Return a value that may be formatted: itself where that runs nobody's code, else its description."""
    kind = type(value)
    if kind is str:
        return value[:MAX_NOTED]
    if kind in _PLAIN or (kind is int and value.bit_length() < 400):
        return value
    if issubclass(kind, Promise):
        return translated(value)[:MAX_NOTED]
    if issubclass(kind, BaseException) and not value.args:
        return _Described(name_of(kind))
    return _Described(describe(value))
