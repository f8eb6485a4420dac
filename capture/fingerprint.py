"""An event's fingerprint, and why: the parts that two events must share to be the same fault.

Version 1. A fault is known by the type of its exception and the application's own lines that led to it, never by
line numbers, absolute paths, ids in URLs or words in messages. A refusal (a 4xx without a fault) is known by what
was refused: status, method, route and reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from capture import routes
from capture.event import ExceptionInfo, Fingerprint, Part, TemplateFrame

VERSION = "1"
MAX_FRAMES = 40
MAX_LINE = 200

# Exceptions that are how Django and REST framework say "no", not how code breaks.
_REFUSALS = """
    Http404 PermissionDenied BadRequest SuspiciousOperation SuspiciousMultipartForm SuspiciousFileOperation
    DisallowedHost DisallowedRedirect TooManyFieldsSent TooManyFilesSent RequestDataTooBig RequestAborted
    InvalidSessionKey SessionInterrupted MultiPartParserError UnreadablePostError BadSignature
    NotFound NotAuthenticated AuthenticationFailed ValidationError ParseError MethodNotAllowed NotAcceptable
    UnsupportedMediaType Throttled APIException
"""
REFUSALS = frozenset(_REFUSALS.split())

_VARYING = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"<>]+)"
    r"|(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)"
    r"|(?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b)"
    r"|(?P<hex>\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,128}\b)"
    r"|(?P<number>(?<![\w.])-?\d[\d,._]*(?![\w])|\d{2,})",
    re.IGNORECASE,
)
# Of any other word there are as many as a client likes to make up.
_METHODS_KNOWN = """
    GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY SEARCH PURGE REPORT PROPFIND PROPPATCH MKCOL COPY MOVE
    LOCK UNLOCK
"""
_METHODS = frozenset(_METHODS_KNOWN.split())
# The reasons of a CSRF rejection that quote what the client sent, which need not be a URL.
_QUOTING = re.compile(r"^(Origin checking failed - |Referer checking failed - (?!no Referer|Referer is )).*", re.DOTALL)
_SPACE = re.compile(r"\s+")


def parameterised(message: str) -> str:
    """Return the first two lines of a message with what varies between two of its kind replaced: `pet <number>`."""
    lines = [line.strip() for line in message[:2_000].splitlines() if line.strip()]
    return _VARYING.sub(lambda match: f"<{match.lastgroup}>", _SPACE.sub(" ", " ".join(lines[:2])))[:300]


def is_refusal(status: int | None, exceptions: Sequence[ExceptionInfo]) -> bool:
    """Return whether this is a 4xx that the site meant to give, and no fault behind it."""
    return status is not None and 400 <= status < 500 and (not exceptions or exceptions[-1].type in REFUSALS)


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
    logger: str = "",
) -> Fingerprint:
    """Return the key of a failure, and the parts that made it.

    `referer` is given where the request came from a page of the same site, `logger` where the message was logged.
    """
    if exceptions and not is_refusal(status, exceptions):
        parts = _fault_parts(exceptions, template)
    elif status is not None:
        parts = _response_parts(exceptions, status, reason, method, path, route, referer)
    else:
        parts = [Part(name="message", value=parameterised(message), why="the message, without what varies in it")]
        if logger:
            parts.append(Part(name="logger", value=logger, why="who logged it"))
    digest = blake2b(VERSION.encode(), digest_size=8)
    for part in parts:
        digest.update(f"\0{part.name}\0{part.value}".encode("utf-8", "replace"))
    return Fingerprint(key=digest.hexdigest(), version=VERSION, parts=tuple(parts))


def _fault_parts(exceptions: Sequence[ExceptionInfo], template: TemplateFrame | None) -> list[Part]:
    surfaced = exceptions[-1]
    parts = [Part(name="exception", value=surfaced.type, why="the type that surfaced")]
    lines = _application_lines(surfaced)
    index = len(exceptions) - 2
    # An explicit cause is the fault behind the fault: `raise ServiceError from KeyError`.
    while index >= 0 and exceptions[index].link == "cause":
        parts.append(Part(name="cause", value=exceptions[index].type, why="raised from this one"))
        lines = _application_lines(exceptions[index]) + lines
        index -= 1
    parts += [Part(name="frame", value=line, why=why) for line, why in lines]
    if template is not None:
        where = f"{template.name}: {_collapsed(template.context_line)}"
        parts.append(Part(name="template", value=where, why="the place in the template that failed"))
    elif not lines:
        parts.append(
            Part(
                name="message",
                value=parameterised(surfaced.message),
                why="the message without what varies in it, since no line of the application is involved",
            )
        )
    return parts


def _application_lines(exception: ExceptionInfo) -> list[tuple[str, str]]:
    """Return the application's own lines from outermost to innermost, each once: recursion's depth is no part."""
    lines = {
        f"{frame.module}:{frame.function}: {_collapsed(frame.context_line)}": None
        for frame in exception.frames
        if frame.in_app
    }
    kept = list(lines)[-MAX_FRAMES:]
    last = len(kept) - 1
    return [
        (line, "where it was raised: innermost line of the application" if index == last else "called from here")
        for index, line in enumerate(kept)
    ]


def _collapsed(line: str) -> str:
    return _SPACE.sub(" ", line).strip()[:MAX_LINE]


def _response_parts(
    exceptions: Sequence[ExceptionInfo],
    status: int,
    reason: str,
    method: str,
    path: str,
    route: str | None,
    referer: str,
) -> list[Part]:
    parts = [Part(name="status", value=str(status), why="the status of the final response")]
    if route is not None:
        known = method if method in _METHODS else "another"
        parts.append(Part(name="method", value=known, why="the method of the request"))
        parts.append(Part(name="route", value=route, why="the URL pattern that matched, whatever the ids in the path"))
    else:
        name, why = routes.path_class(path, referer=referer)
        parts.append(Part(name="path class", value=name, why=why))
    # An unresolved path always comes with the resolver's own Http404; it says nothing more than the status does.
    if exceptions and not (status == 404 and exceptions[-1].type in ("Http404", "Resolver404")):
        parts.append(Part(name="exception", value=exceptions[-1].type, why="the exception that refused"))
    if reason:
        value = parameterised(_QUOTING.sub(r"\1<origin>", reason))
        parts.append(Part(name="reason", value=value, why="the reason that was logged"))
    return parts
