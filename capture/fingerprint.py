"""An event's fingerprint, and why: the parts that two events must share to be the same fault.

Version 2 (decision 8). A fault is known by the type of its exception and the application's own lines that led to it
(`fault_parts`). A refusal (a 4xx without a fault) is known by what was refused: status, method, route and reason. All
that a client can make up is left out or belongs to one of a handful of classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from http import HTTPStatus
from typing import Protocol

from capture import fingerprint_v1, routes
from capture.event import ExceptionInfo, Fingerprint, Part, TemplateFrame
from capture.fault_parts import fault_parts, raise_site
from capture.parameterise import parameterised

__all__ = ["VERSION", "fingerprint", "is_refusal", "key_from", "raise_site"]

VERSION = "2"

# Exceptions by which Django, REST framework and ninja say "no", not by which code breaks; so do their subclasses.
_REFUSALS = """
    Http404 PermissionDenied BadRequest SuspiciousOperation SuspiciousMultipartForm SuspiciousFileOperation
    DisallowedHost DisallowedRedirect TooManyFieldsSent TooManyFilesSent RequestDataTooBig RequestAborted
    InvalidSessionKey SessionInterrupted MultiPartParserError UnreadablePostError BadSignature
    NotFound NotAuthenticated AuthenticationFailed ValidationError ParseError MethodNotAllowed NotAcceptable
    UnsupportedMediaType Throttled APIException HttpError
"""
REFUSALS = frozenset(_REFUSALS.split())

# Those that views tell apart. A scanner tries all twenty of the standards on every route, and makes up its own.
_METHODS = {"HEAD": "GET"} | {name: name for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# A view may answer with a status that the client named.
_STATUSES = frozenset(int(status) for status in HTTPStatus)
# The reasons of a CSRF rejection that quote what the client sent, which need not be a URL.
_QUOTING = re.compile(r"^(Origin checking failed - |Referer checking failed - (?!no Referer|Referer is )).*", re.DOTALL)


class Refusing(Protocol):
    """What is asked of an exception to tell whether the site said no by it."""

    @property
    def type(self) -> str:
        """The name of its class."""

    @property
    def refuses(self) -> bool:
        """Whether its class or a base of it is one of `REFUSALS`."""


def is_refusal(status: int | None, exceptions: Sequence[Refusing]) -> bool:
    """Return whether this is a 4xx that the site meant to give, and no fault behind it."""
    if status is None or not 400 <= status < 500:
        return False
    return not exceptions or exceptions[-1].refuses or exceptions[-1].type in REFUSALS


def fingerprint(
    *,
    exceptions: Sequence[ExceptionInfo] = (),
    template: TemplateFrame | None = None,
    message: str = "",
    status: int | None = None,
    reason: str = "",
    method: str = "",
    path: str = "",
    route: str | None = None,
    referer: str = "",
    referer_route: str | None = None,
    logger: str = "",
    with_earlier: bool = False,
) -> Fingerprint:
    """Return the key of a failure, and the parts that made it.

    `referer` is given where the request came from a page of the same site, and `referer_route` is that page's own
    route; `logger` where the message was logged. `with_earlier` says that a bug which is known by its key of the
    version before is to stay that bug: with that key, or, where the event holds all that it is made of, by its version.
    Of thousands of events only a new fault's is asked for it, and no request waits until it is worked out.
    """
    is_fault = bool(exceptions) and not is_refusal(status, exceptions)
    plain_route = None if route is None else routes.canonical(route)
    if is_fault:
        parts = fault_parts(exceptions, template, route=plain_route)
    elif status is not None:
        parts = _response_parts(exceptions, status, reason, method)
        parts[1:1] = _place_parts(method, path, plain_route, referer, referer_route)
    else:
        parts = [Part(name="message", value=parameterised(message), why="the message, without what varies in it")]
        if logger:
            parts.append(Part(name="logger", value=logger, why="who logged it"))
    earlier = ""
    if with_earlier:
        # The event of a message has no format string, which is what this key is made of.
        told = not exceptions and status is None
        earlier = fingerprint_v1.key_of(message=message, logger=logger) if told else fingerprint_v1.VERSION
    return Fingerprint(key=key_from(parts), version=VERSION, parts=tuple(parts), earlier=earlier)


def key_from(parts: Iterable[Part], *, version: str = VERSION) -> str:
    """Return the key that these parts make under this version's rules."""
    text = "".join([f"\0{part.name}\0{part.value}" for part in parts])
    return blake2b(f"{version}{text}".encode("utf-8", "replace"), digest_size=8).hexdigest()


def _response_parts(exceptions: Sequence[ExceptionInfo], status: int, reason: str, method: str) -> list[Part]:
    if status in _STATUSES:
        parts = [Part(name="status", value=str(status), why="the status of the final response")]
    else:
        parts = [Part(name="status", value=f"{status // 100}xx", why="a status that has no name in the standard")]
    # An unresolved path always comes with the resolver's own Http404; it says nothing more than the status does.
    if exceptions and not (status == 404 and exceptions[-1].type in ("Http404", "Resolver404")):
        parts.append(Part(name="exception", value=exceptions[-1].type, why="the exception that refused"))
    if reason:
        value = parameterised(_QUOTING.sub(r"\1<origin>", reason))
        parts.append(Part(name="reason", value=value, why="the reason that was logged"))
    return parts


def _place_parts(method: str, path: str, route: str | None, referer: str, referer_route: str | None) -> list[Part]:
    """Return the parts that say what was refused: a method on a route, or the class of a path without one."""
    if route is not None:
        return [
            Part(name="method", value=_METHODS.get(method, "another"), why="the method of the request"),
            Part(name="route", value=route, why="the URL pattern that matched, whatever the ids in the path"),
        ]
    name, why = routes.path_class(path, referer=referer)
    parts = [Part(name="path class", value=name, why=why)]
    if name == routes.BROKEN_LINK and referer_route is not None:
        parts.append(Part(name="linked from", value=referer_route, why="the route of the page with the link"))
    return parts
