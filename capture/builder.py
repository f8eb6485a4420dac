"""A failure as an event, in two steps: what its fingerprint needs first, the rest only when the event will be kept."""

from __future__ import annotations

import os
import platform
import threading
from asyncio import _get_running_loop, current_task
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import django
import msgspec

from capture import breadcrumbs, chains, requests
from capture.conf import CaptureSettings
from capture.event import Event, ExceptionInfo, Fingerprint, Job, Kind, Level, new_event_id
from capture.fingerprint import fingerprint, is_refusal
from capture.known_faults import Known, just, known_or
from capture.local_variables import Budget
from capture.messages import MAX_MESSAGE
from capture.scrub import scrub_text
from capture.templates import template_frame

if TYPE_CHECKING:
    from capture.scope import Scope

PYTHON = platform.python_version()
DJANGO = django.get_version()


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, as the site saw it: the raw material of an event."""

    error: BaseException | None = None
    request: Any = None
    status: int | None = None
    reason: str = ""
    message: str = ""
    tags: dict[str, str] | None = None
    noted: Scope | None = None
    # Of a log record: its format string and its logger, which tell its kind better than the finished message.
    pattern: str = ""
    logger: str = ""
    level: Level | None = None
    job: Job | None = None
    contexts: dict[str, dict[str, str]] | None = None


class Draft:
    """An event of which only the fingerprint is worked out."""

    def __init__(self, failure: Failure, settings: CaptureSettings) -> None:
        self._failure = failure
        self._settings = settings
        self.at = datetime.now(UTC)
        self._chain = chains.chain_of(failure.error) if failure.error is not None else []
        self._template = template_frame(self._chain) if self._chain else None
        self._message = scrub_text(failure.message, limit=MAX_MESSAGE) if failure.message else ""
        self._reason = scrub_text(failure.reason, limit=300) if failure.reason else ""
        request = failure.request
        self._method, self._route = "", None
        if request is not None:
            self._method, self._route = requests.method_of(request), requests.route_of(request)
        elif (job := _job(failure)) is not None and job.kind != "thread":  # threads are numbered
            self._route = f"{job.kind} {job.name}"
        self._infos: tuple[ExceptionInfo, ...] | None = None
        self._shown_path: str | None = None
        self._known = self._known_fingerprint()
        self._plain = self._known.fingerprint
        self._kind = self._kind_of_event()
        self.fingerprint, self.level = self._plain, failure.level or self._usual_level()
        self.is_ignored, self._broken_rule = False, ""
        if settings.rules:
            ruling = settings.rules.rule_on(self._facts(), self._plain, self.level, lambda: self.event(lean=True))
            self.fingerprint, self.level = ruling.fingerprint, ruling.level
            self.is_ignored, self._broken_rule = ruling.ignore, ruling.failed

    # Made when they are asked for (`cached_property` takes a lock in Python 3.11).
    @property
    def _exceptions(self) -> tuple[ExceptionInfo, ...]:
        if self._infos is None:
            self._infos = tuple([raised.info for raised in self._chain])
        return self._infos

    @property
    def _path(self) -> str:
        if self._shown_path is None:
            request = self._failure.request
            self._shown_path = requests.path_of(request) if request is not None else ""
        return self._shown_path

    def _known_fingerprint(self) -> Known:
        failure = self._failure
        if failure.request is None or failure.status is None or self._route is None or self._template is not None:
            return just(self._worked_out())
        facts = (failure.status, self._reason, self._method, self._route, self._settings.transition)
        return known_or(self._worked_out, self._chain, *facts)

    def _worked_out(self) -> Fingerprint:
        failure = self._failure
        referer, referer_route = "", None
        if failure.request is not None and self._route is None:
            referer = requests.own_referer(failure.request)
            referer_route = requests.referer_route_of(failure.request, referer) if referer else None
        return fingerprint(
            exceptions=self._exceptions,
            template=self._template,
            message=(failure.pattern and scrub_text(failure.pattern, limit=MAX_MESSAGE)) or self._message,
            logger=failure.logger,
            status=failure.status,
            reason=self._reason,
            method=self._method,
            path=self._path,
            route=self._route,
            referer=referer,
            referer_route=referer_route,
            with_earlier=self._settings.transition,
        )

    def event(self, *, lean: bool = False) -> Event:
        """Return the whole event, to be encoded; a `lean` one does without locals, source context, headers and body.

        Of the whole one, parts are JSON already (`msgspec.Raw`): those that were the same in other events.
        """
        failure, settings = self._failure, self._settings
        noted = failure.noted
        exceptions, request = self._exceptions, None
        shown: Any = self.fingerprint
        if not lean:
            if shown is self._plain:
                shown = self._known.shown
            budget = Budget()
            # From the one that surfaced backwards, so that it gets the most of the budget.
            exceptions = tuple([chains.with_context(raised, budget=budget) for raised in reversed(self._chain)][::-1])
        if failure.request is not None:
            request = requests.describe(
                failure.request,
                route=self._route,
                path=self._path,
                body_max=settings.body_max_bytes,
                lean=lean,
            )
        return Event(
            id=new_event_id(),
            at=self.at,
            kind=self._kind,
            title=self._title(),
            fingerprint=shown,
            project=settings.project,
            environment=settings.environment,
            release=settings.release,
            server=settings.server,
            status=failure.status,
            level=self.level,
            reason=self._reason,
            message=self._message or (exceptions[-1].message if exceptions else ""),
            exceptions=exceptions,
            template=self._template,
            request=request,
            user_id=requests.user_id_of(failure.request) if failure.request is not None else None,
            tags=self._tags(),
            contexts=_contexts(failure),
            job=_job(failure),
            breadcrumbs=breadcrumbs.shown(noted, self.at.timestamp()) if noted is not None and not lean else (),
            process=os.getpid(),
            thread=scrub_text(threading.current_thread().name, limit=100),
            task=_task_name(),
            python=PYTHON,
            django=DJANGO,
        )

    def _tags(self) -> dict[str, str]:
        failure = self._failure
        tags = dict(failure.tags or (failure.noted.tags if failure.noted is not None else None) or {})
        return tags | {"capture.broken_rule": self._broken_rule} if self._broken_rule else tags

    def _usual_level(self) -> Level:
        if self._kind == "message":
            return "info"
        return "warning" if self._kind == "status" and (self._failure.status or 0) < 500 else "error"

    def _facts(self) -> dict[str, str | Sequence[str]]:
        """Return what the rules of the site look at."""
        surfaced = self._exceptions[-1] if self._exceptions else None
        own = [frame for frame in surfaced.frames if frame.in_app] or list(surfaced.frames) if surfaced else []
        return {
            "type": (f"{surfaced.module}.{surfaced.type}", surfaced.type) if surfaced else "",
            "message": self._message or (surfaced.message if surfaced else ""),
            "module": [frame.module for frame in own],
            # `post` fits, and so does `Login.post`; the last is what a rule fills in.
            "function": [*[frame.plain_name for frame in own], *[frame.function for frame in own]],
            "route": self._route or "",
            "path": self._path,
            "method": self._method,
            "status": "" if self._failure.status is None else str(self._failure.status),
            "level": self.level,
            "logger": self._failure.logger,
        }

    def _kind_of_event(self) -> Kind:
        if self._chain and not is_refusal(self._failure.status, (self._chain[-1].kind,)):
            return "exception"
        return "status" if self._failure.status is not None else "message"

    def _title(self) -> str:
        if self._kind == "exception":
            return self._fault_title()
        if self._kind == "message":
            return _one_line(self._message, 200)
        where = self._route
        if where is None:
            where = next((part.value for part in self._plain.parts if part.name == "path class"), "")
            return _one_line(f"{self._failure.status} {where}, such as {self._path}", 200)
        told_apart_by = next((part.value for part in self._plain.parts if part.name == "exception"), "")
        because = f" ({self._reason or told_apart_by})" if self._reason or told_apart_by else ""
        return _one_line(f"{self._failure.status} {self._method} {where}{because}", 200)

    def _fault_title(self) -> str:
        surfaced = self._exceptions[-1]
        title = f"{surfaced.type}: {_one_line(surfaced.message, 120)}" if surfaced.message else surfaced.type
        if self._template is not None:
            return f"{title} in {_one_line(self._template.name, 80)}"
        if not surfaced.frames:
            return title
        own = [frame for frame in surfaced.frames if frame.in_app]
        return f"{title} in {(own or surfaced.frames)[-1].function}"


def _job(failure: Failure) -> Job | None:
    return failure.job or (failure.noted.job if failure.noted is not None else None)


def _contexts(failure: Failure) -> dict[str, dict[str, str]]:
    noted = failure.noted
    return {**((noted.contexts if noted is not None else None) or {}), **(failure.contexts or {})}


def _task_name() -> str:
    """Return the name of the asyncio task that runs here, or nothing where none does."""
    if _get_running_loop() is None:  # which `current_task` would say by raising
        return ""
    task = current_task()
    return scrub_text(task.get_name(), limit=100) if task is not None else ""


def _one_line(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
