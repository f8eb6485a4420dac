"""Findings for `manage.py check`: every way in which capture can be set up wrongly, with a cure."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  (Django's own name)

from capture import conf
from capture.errors import CaptureError, SchemaMissing
from capture.folders import why_not_writable
from capture.rules import problem_of_function

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

MIDDLEWARE = "capture.middleware.CaptureMiddleware"


def check_capture(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Return all that is wrong with how capture is set up in this site."""
    found = _middleware(list(getattr(settings, "MIDDLEWARE", None) or ()))
    wrong = conf.problems(getattr(settings, "CAPTURE", {}))
    found += [Error(problem.message, hint=problem.hint, id=problem.id) for problem in wrong]
    if wrong:
        return found
    loaded = conf.load()
    found += _function(getattr(settings, "CAPTURE", {}).get("FINGERPRINT"))
    # A deployment's `migrate` may run as a user who has no business in the journal: it must not fail for that.
    if asked_for(by=("check", "runserver")):
        found += _journal(loaded)
    found += _breadcrumbs(loaded)
    found += _modules(loaded)
    found += _database_url(loaded)
    # Looking into the database costs half a second of imports: only for `manage.py check` itself.
    if not any(isinstance(message, Error) and message.id == "capture.E007" for message in found) and asked_for():
        found += database(loaded)
    return found


def asked_for(argv: Sequence[str] | None = None, *, by: Sequence[str] = ("check",)) -> bool:
    """Return whether somebody asked for checks, rather than their running before another command."""
    return any(command in by for command in (sys.argv if argv is None else argv)[1:2])


def _middleware(listed: list[str]) -> list[CheckMessage]:
    if MIDDLEWARE not in listed:
        return [
            Error(
                "The middleware of capture is not installed: failed responses are not captured.",
                hint=f"Put {MIDDLEWARE!r} first in MIDDLEWARE.",
                id="capture.E004",
            )
        ]
    found: list[CheckMessage] = []
    if listed[0] != MIDDLEWARE:
        found.append(
            Warning(
                "The middleware of capture is not the first: what the ones before it answer is not seen.",
                hint=f"Move {MIDDLEWARE!r} to the top of MIDDLEWARE.",
                id="capture.W001",
            )
        )
    if listed.count(MIDDLEWARE) > 1:
        found.append(
            Warning(
                "The middleware of capture is listed more than once.",
                hint="Keep the first of them.",
                id="capture.W002",
            )
        )
    return found


def _function(given: Any) -> list[CheckMessage]:
    if not (wrong := problem_of_function(given)):
        return []
    hint = "Errors are captured and grouped without it. Name a function that takes an event."
    return [Error(f"CAPTURE['FINGERPRINT'] {wrong}.", hint=hint, id="capture.E011")]


def _journal(loaded: conf.CaptureSettings) -> list[CheckMessage]:
    # Only looked at, never made: it would belong to whoever runs the check, and not to the site's user.
    folder = loaded.journal_dir
    reason = why_not_writable(str(folder))
    if not reason:
        return []
    return [
        Error(
            f"The journal folder {folder} cannot be written: {reason}.",
            hint="Give the site's user the right to write there, or name another folder in CAPTURE['JOURNAL_DIR'].",
            id="capture.E006",
        )
    ]


def _breadcrumbs(loaded: conf.CaptureSettings) -> list[CheckMessage]:
    if not loaded.queries or loaded.breadcrumbs:
        return []
    return [
        Warning(
            "CAPTURE['QUERIES'] is on, but no breadcrumbs are kept: queries are not noted.",
            hint="Set CAPTURE['BREADCRUMBS'] to how many are to be kept, or take QUERIES out.",
            id="capture.W003",
        )
    ]


def _modules(loaded: conf.CaptureSettings) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for key, names in (("IN_APP", loaded.in_app), ("NOT_IN_APP", loaded.not_in_app)):
        unknown = sorted(name for name in names if not _may_be_there(name))
        if unknown:
            message = f"CAPTURE[{key!r}] names what no module is called: {', '.join(map(repr, unknown))}."[:300]
            found.append(Warning(message, hint="Name packages as they are imported.", id="capture.W004"))
    return found


def _may_be_there(name: str) -> bool:
    """Return whether there may be a module of this name; nothing is imported to find out."""
    top = name.partition(".")[0]
    if any(character in top for character in "*?["):
        return True
    with contextlib.suppress(ValueError, ImportError):
        return find_spec(top) is not None
    return top in sys.modules


def _database_url(loaded: conf.CaptureSettings) -> list[CheckMessage]:
    url = loaded.database_url
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme == "sqlite":
        path = url.partition("://")[2].lstrip("/")
        if not path or ":memory:" in path or "mode=memory" in path:
            message = "The database is in memory: it ends with the process, and no other program sees it."
        else:
            return []
    elif scheme in ("postgres", "postgresql"):
        return []
    else:
        message = f"Databases of the kind {scheme[:40]!r} are not supported."
    hint = "Set CAPTURE['DATABASE_URL'] to sqlite:///workbench.db or postgresql://user@host/name."
    return [Error(message, hint=hint, id="capture.E007")]


def database(loaded: conf.CaptureSettings) -> list[CheckMessage]:
    """Return what is wrong with the database itself. One that does not exist yet will be made."""
    from capture.store.engine import open_engine, parse_url
    from capture.store.migrate import check

    try:
        url = parse_url(loaded.database_url)
        if url.get_backend_name() == "sqlite" and not os.path.exists(url.database or ""):  # noqa: PTH110
            return _sqlite_folder(os.path.dirname(url.database or "") or ".") or _waiting(loaded)  # noqa: PTH120
        engine = open_engine(loaded.database_url)
        try:
            check(engine)
            return _waiting(loaded, engine)
        finally:
            engine.dispose()
    except SchemaMissing:
        return _waiting(loaded)
    except CaptureError as error:
        return [Error(str(error), hint=error.cure, id="capture.E008")]


def _waiting(loaded: conf.CaptureSettings, engine: Engine | None = None) -> list[CheckMessage]:
    """Return what to say where no thread of the site carries journals over, and nobody else did for long."""
    from capture.background import LONG_SECONDS, waiting_since
    from capture.carrier import positions

    if loaded.background:
        return []
    since = waiting_since(loaded.journal_dir, {} if engine is None else positions(engine))
    waiting = 0.0 if since is None else (datetime.now(UTC) - since).total_seconds()
    if waiting < LONG_SECONDS:
        return []
    return [
        Warning(
            f"CAPTURE['BACKGROUND'] is off, and nobody has carried journals over for {waiting // 60:.0f} minutes.",
            hint="Have `manage.py capture_drain` run every minute, or the task capture.drain: docs/howto/celery.md.",
            id="capture.W004",
        )
    ]


def _sqlite_folder(folder: str) -> list[CheckMessage]:
    if not why_not_writable(folder):
        return []
    return [
        Error(
            f"The folder of the database, {folder}, cannot be written.",
            hint="Give the site's user the right to write there, or name another database in CAPTURE['DATABASE_URL'].",
            id="capture.E008",
        )
    ]
