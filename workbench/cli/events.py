"""An event as somebody outside writes it down in one line of JSON, for `workbench fingerprint`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Literal

import msgspec

from capture.event import ExceptionInfo, Fingerprint, Frame, TemplateFrame


class GivenFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame: what the grouping rules look at."""

    module: str | None = None
    function: str | None = None
    filename: str | None = None
    lineno: int | None = None
    context_line: str | None = None
    statement: str | None = None
    in_app: bool | None = None


class GivenTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """The place in a template at which rendering failed."""

    name: str
    lineno: int = 0
    context_line: str = ""


class GivenException(msgspec.Struct, frozen=True, kw_only=True):
    """One exception of a chain or of a group.

    `link` says what it is to the next of its chain: its `cause`, or the `context` of its raising.
    """

    type: str
    message: str | None = None
    frames: tuple[GivenFrame, ...] | None = None
    link: Literal["cause", "context"] | None = None


class GivenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `exception_type` may carry its module, and its class: `clinic.models.Pet.DoesNotExist`.

    `chain` holds the exceptions that led to this one, from the first that was raised; `members` those of a group.
    """

    exception_type: str | None = None
    message: str | None = None
    frames: tuple[GivenFrame, ...] | None = None
    chain: tuple[GivenException, ...] = ()
    members: tuple[GivenException, ...] = ()
    template: GivenTemplate | None = None
    status: int | None = None
    reason: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    referer: str | None = None
    host: str | None = None
    referer_route: str | None = None
    logger: str | None = None


if TYPE_CHECKING:
    from capture.explain import Explanation

_LIBRARY = re.compile(
    r"/(?:site|dist)-packages/|/lib(?:64)?/(?:python|pypy)\d|/python\d+(?:\.\d+)?/lib/", re.IGNORECASE
)
_LIBRARY_NAMES = sys.stdlib_module_names | {"django", "rest_framework", "celery", "gunicorn", "asgiref", "sqlalchemy"}

decode = msgspec.json.Decoder(GivenEvent).decode


def key_of(event: GivenEvent) -> Fingerprint:
    """Return the fingerprint that the site would give to this event."""
    from capture.fingerprint import fingerprint

    template = event.template
    return fingerprint(
        exceptions=_exceptions(event),
        template=TemplateFrame(name=template.name, lineno=template.lineno, context_line=template.context_line)
        if template
        else None,
        message=event.message or "",
        status=None if _is_only_said(event) else event.status,
        reason=event.reason or "",
        method=event.method or "",
        path=event.path or "",
        route=event.route,
        referer=_own_referer(event.referer or "", event.host or ""),
        referer_route=event.referer_route,
        logger=event.logger or "",
    )


def explanation_of(event: GivenEvent) -> Explanation:
    """Return why the site would group this event as it does."""
    from capture.explain import explained

    return explained(
        key_of(event),
        exceptions=_exceptions(event),
        status=None if _is_only_said(event) else event.status,
        message=event.message or "",
        path=event.path or "",
        route=event.route,
        referer=event.referer or "",
    )


def _is_only_said(event: GivenEvent) -> bool:
    """Return whether a 5xx is only a message of another tracker's: our own site has a route or an exception with it."""
    has_more = event.exception_type or event.frames or event.route is not None
    return bool(event.message) and not has_more and (event.status or 0) >= 500


def is_own_file(path: str) -> bool:
    """Return whether a file of some machine is an application's own, judged by its path alone."""
    path = path.replace("\\", "/")
    return not path.startswith("<") and _LIBRARY.search(path) is None


def _own_referer(referer: str, host: str) -> str:
    """Return the referer where it is a page of the same site; without a known host it is taken for one."""
    named = referer.partition("://")[2].split("/", 1)[0]
    return referer if not named or not host or named == host else ""


def _exceptions(event: GivenEvent) -> tuple[ExceptionInfo, ...]:
    if not (event.exception_type or event.frames):
        return ()
    chain = [_exception(given.type, given.message, given.frames, given.link) for given in event.chain]
    surfaced = _exception(event.exception_type or "", event.message, event.frames, None)
    members = tuple((_exception(given.type, given.message, given.frames, None),) for given in event.members)
    return (*chain, msgspec.structs.replace(surfaced, members=members))


def _exception(
    kind: str, message: str | None, frames: tuple[GivenFrame, ...] | None, link: Literal["cause", "context"] | None
) -> ExceptionInfo:
    module, _, name = kind.rpartition(".")
    package, _, owner = module.rpartition(".")
    if owner[:1].isupper():
        module = package
    else:
        owner = ""
    return ExceptionInfo(
        type=name,
        module=module,
        message=message or "",
        frames=tuple(map(_frame, frames or ())),
        link=link,
        owner=owner,
    )


def _frame(given: GivenFrame) -> Frame:
    # Trackers have called Django's own files "in app": where the path says otherwise, the path is right.
    in_app = given.in_app is not False and is_own_file(given.filename or "")
    if given.in_app is None and not given.filename:
        in_app = (given.module or "").partition(".")[0] not in _LIBRARY_NAMES
    return Frame(
        module=given.module or "",
        function=given.function or "",
        filename=given.filename or "",
        lineno=given.lineno or 0,
        context_line=given.context_line or "",
        statement=given.statement or "",
        in_app=in_app,
    )
