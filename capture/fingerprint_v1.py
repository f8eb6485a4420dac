"""The fingerprints of version 1, kept as they were: the keys that databases of the first release hold.

An event carries the key that it had under these rules beside the new one, so that the bug that is known under it stays
the same bug (decision 8). No key may come out otherwise; once no database holds a key of version 1, delete it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from capture.event import Event, ExceptionInfo, TemplateFrame
from capture.routes import ASSET, BROWSER_FILES, PROBE, shape

VERSION = "1"
MAX_FRAMES = 40
MAX_LINE = 200

Parts = list[tuple[str, str]]

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
_REFUSALS_KNOWN = """
    Http404 PermissionDenied BadRequest SuspiciousOperation SuspiciousMultipartForm SuspiciousFileOperation
    DisallowedHost DisallowedRedirect TooManyFieldsSent TooManyFilesSent RequestDataTooBig RequestAborted
    InvalidSessionKey SessionInterrupted MultiPartParserError UnreadablePostError BadSignature
    NotFound NotAuthenticated AuthenticationFailed ValidationError ParseError MethodNotAllowed NotAcceptable
    UnsupportedMediaType Throttled APIException
"""
_REFUSALS = frozenset(_REFUSALS_KNOWN.split())
_METHODS_KNOWN = """
    GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY SEARCH PURGE REPORT PROPFIND PROPPATCH MKCOL COPY MOVE
    LOCK UNLOCK
"""
_METHODS = frozenset(_METHODS_KNOWN.split())
_QUOTING = re.compile(r"^(Origin checking failed - |Referer checking failed - (?!no Referer|Referer is )).*", re.DOTALL)
_SPACE = re.compile(r"\s+")


def key_of(
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
) -> str:
    """Return the key that version 1 gave to this failure."""
    refused = status is not None and 400 <= status < 500 and (not exceptions or exceptions[-1].type in _REFUSALS)
    if exceptions and not refused:
        parts = _fault_parts(exceptions, template)
    elif status is not None:
        parts = _response_parts(exceptions, status, reason, method, path, route, referer)
    else:
        parts = [("message", _parameterised(message))]
        if logger:
            parts.append(("logger", logger))
    text = VERSION + "".join([f"\0{name}\0{value}" for name, value in parts])
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def key_of_event(event: Event) -> str:
    """Return the key that version 1 gave to the failed response or the exception of an event."""
    request = event.request
    if request is None:
        return key_of(exceptions=event.exceptions, template=event.template, status=event.status, reason=event.reason)
    return key_of(
        exceptions=event.exceptions,
        template=event.template,
        status=event.status,
        reason=event.reason,
        method=request.method,
        path=request.path,
        route=request.route,
        referer=request.own_referer,
    )


def _parameterised(message: str) -> str:
    lines = [line.strip() for line in message[:2_000].splitlines() if line.strip()]
    return _VARYING.sub(lambda match: f"<{match.lastgroup}>", _SPACE.sub(" ", " ".join(lines[:2])))[:300]


def _fault_parts(exceptions: Sequence[ExceptionInfo], template: TemplateFrame | None) -> Parts:
    surfaced = exceptions[-1]
    parts = [("exception", surfaced.type)]
    lines = _application_lines(surfaced)
    index = len(exceptions) - 2
    while index >= 0 and exceptions[index].link == "cause":
        parts.append(("cause", exceptions[index].type))
        lines = _application_lines(exceptions[index]) + lines
        index -= 1
    parts += [("frame", line) for line in lines]
    if template is not None:
        parts.append(("template", f"{template.name}: {_collapsed(template.context_line)}"))
    elif not lines:
        parts.append(("message", _parameterised(surfaced.message)))
    return parts


def _application_lines(exception: ExceptionInfo) -> list[str]:
    lines = {
        f"{frame.module}:{frame.plain_name}: {_collapsed(frame.context_line)}": None
        for frame in exception.frames
        if frame.in_app
    }
    return list(lines)[-MAX_FRAMES:]


@lru_cache(maxsize=4096)
def _collapsed(line: str) -> str:
    return " ".join(line.split())[:MAX_LINE]


def _response_parts(
    exceptions: Sequence[ExceptionInfo],
    status: int,
    reason: str,
    method: str,
    path: str,
    route: str | None,
    referer: str,
) -> Parts:
    parts = [("status", str(status))]
    if route is not None:
        parts += [("method", method if method in _METHODS else "another"), ("route", route)]
    else:
        parts.append(("path class", _path_class(path, referer)))
    if exceptions and not (status == 404 and exceptions[-1].type in ("Http404", "Resolver404")):
        parts.append(("exception", exceptions[-1].type))
    if reason:
        parts.append(("reason", _parameterised(_QUOTING.sub(r"\1<origin>", reason))))
    return parts


def _path_class(path: str, referer: str) -> str:
    if PROBE.search(path):
        return "probe"
    for pattern, name in BROWSER_FILES:
        if pattern.match(path):
            return f"browser file {name}"
    if referer:
        return f"broken link {shape(path)}"
    return "asset" if ASSET.search(path) else "unknown path"
