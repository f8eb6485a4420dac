"""Database queries as breadcrumbs: text with placeholders and duration, never parameters. Opt-in, since it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from capture import breadcrumbs
from capture.conf import CaptureSettings
from capture.scope import current

_limit = 0


def connect(settings: CaptureSettings) -> None:
    """Note the queries of every connection that is open or will be. Doing it again changes what the settings say."""
    global _limit
    _limit = settings.breadcrumbs if settings.queries and settings.enabled else 0
    if _limit:
        connection_created.connect(_watch, dispatch_uid="capture")
        for connection in connections.all(initialized_only=True):
            _watch(connection=connection)
    else:
        connection_created.disconnect(dispatch_uid="capture")


def _watch(connection: Any, **_: Any) -> None:
    # A connection that is opened again still has its wrappers.
    if note_query not in connection.execute_wrappers:
        connection.execute_wrappers.append(note_query)


def note_query(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
    """Run a query, and note it beside the request."""
    noted = current.get()
    if noted is None or not _limit:
        return execute(sql, params, many, context)
    at, start, failed = time.time(), time.perf_counter(), None
    try:
        return execute(sql, params, many, context)
    except BaseException as error:
        failed = type(error)
        raise
    finally:
        alias = str(getattr(context.get("connection"), "alias", ""))
        seconds = time.perf_counter() - start
        breadcrumbs.note_query(noted, _limit, at=at, alias=alias, sql=sql, seconds=seconds, failed=failed)
