"""A request and a stack as text to take along: a curl line, a call of Django's test client, the stack in lines.

Who made the request wrote most of it, and what is copied gets pasted into a shell or a test. So every piece is one
quoted word for the shell, or one ASCII literal for Python, without a character that a terminal acts on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from capture.event import Event, Request
from workbench.text import plain, plain_lines

LONGEST = 8_000  # characters of one piece
MOST_HEADERS = 60
FRAMES = 200  # of one exception, the innermost

# curl reads a file for a header or data that begins with @, so a name has to be the name of a header.
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_METHOD = re.compile(r"[A-Z]{1,20}")
# What the client or the server makes anew; a copied length would be wrong.
_OWN = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "te", "upgrade"})


def curl(request: Request) -> str:
    """Return a request as one command line: no shell reads anything in it but words."""
    scheme = request.scheme if request.scheme in ("http", "https") else "http"
    words = ["curl", "--globoff", "--request", _method(request)]
    for name, value in _headers(request).items():
        words += ["--header", f"{name}: {value}"]
    if request.body:
        words += ["--data-raw", "\n".join(plain_lines(request.body, limit=LONGEST))]
    words += ["--url", f"{scheme}://{plain(request.host or 'localhost', 300)}{_target(request)}"]
    return " ".join(shlex.quote(word) for word in words)


def client_call(request: Request) -> str:
    """Return a request as a call of Django's test client."""
    parts = [ascii(_method(request)), ascii(_target(request))]
    if request.body:
        parts.append(f"data={request.body[:LONGEST]!a}")
        if request.content_type:
            parts.append(f"content_type={request.content_type[:300]!a}")
    if headers := _headers(request):
        parts.append(f"headers={headers!a}")
    if request.scheme == "https":
        parts.append("secure=True")
    return f"client.generic({', '.join(parts)})"


def stack(event: Event) -> str:
    """Return the stack of an event as Python shows one, the fault last."""
    return "\n".join(_stack(event))


def _stack(event: Event) -> Iterator[str]:
    for index, error in enumerate(event.exceptions):
        yield "Traceback (most recent call last):"
        for frame in error.frames[-FRAMES:]:
            yield f'  File "{plain(frame.filename, 300)}", line {frame.lineno}, in {plain(frame.function, 200)}'
            if frame.context_line.strip():
                yield f"    {plain(frame.context_line.strip(), 500)}"
        yield from plain_lines(f"{error.type}: {error.message}", most=20)
        if error.link and index + 1 < len(event.exceptions):
            cause = "The above exception was the direct cause of the following exception:"
            context = "During handling of the above exception, another exception occurred:"
            yield from ("", cause if error.link == "cause" else context, "")


def _method(request: Request) -> str:
    return request.method if _METHOD.fullmatch(request.method) else "GET"


def _target(request: Request) -> str:
    path = request.path if request.path.startswith("/") else f"/{request.path}"
    return plain(f"{path}?{request.query}" if request.query else path, LONGEST)


def _headers(request: Request) -> dict[str, str]:
    found = {
        name: plain(value, LONGEST)
        for name, value in list(request.headers.items())[:MOST_HEADERS]
        if _HEADER.fullmatch(name) and name.lower() not in _OWN
    }
    if request.content_type and not any(name.lower() == "content-type" for name in found):
        found["Content-Type"] = plain(request.content_type, 300)
    return found
