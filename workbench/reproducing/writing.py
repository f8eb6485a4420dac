"""Writes a test from a recorded event: the same request through Django's test client, or the same call.

What was captured stands in the test only as literals of Python, in ASCII: whoever sent the request has written it,
and a test is code.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from capture.event import Event, Frame, Request
from capture.store.lifecycle import label

# Headers that say how a site should answer. Cookies and keys were scrubbed before they were kept, and the rest says
# who asked.
_HEADERS = ("Accept", "Accept-Language", "X-Requested-With", "Referer", "Origin")
_REDACTED = "[redacted"
_MOST_BODY = 20_000
_MOST_LITERAL = 2_000
_WIDTH = 100
# What stands for itself in a path and in a query (RFC 3986, 3.3 and 3.4); the query is percent-encoded already.
_IN_PATH = "/:@!$&'()*+,;=~-._"
_IN_QUERY = f"{_IN_PATH}?%[]"

_TEXT = '''\
"""{label}: written by `workbench bugs repro` from what was recorded. It fails where the bug is, and passes without it.
{notes}"""

{imports}


class {name}({base}):
    def test_{what}(self):
{body}
'''


class CannotWrite(Exception):
    """No test can be written from an event. The message says why."""


@dataclass(frozen=True)
class Written:
    """A test: its source, what it is made of (request or call), and in what it differs from what was recorded."""

    text: str
    kind: str
    notes: tuple[str, ...] = ()


def from_request(number: int, event: Event) -> Written:
    """Return a test that sends the recorded request. Raises `CannotWrite` for an event without one."""
    request = event.request
    if request is None:
        raise CannotWrite("it did not happen in a request")
    if event.status is None:
        raise CannotWrite("it does not say what the request was answered with")
    is_csrf = event.status == 403 and "csrf" in f"{event.reason} {event.title}".lower()
    lines = ["self.client = Client(enforce_csrf_checks=True)"] if is_csrf else []
    lines += _call("response = self.client.generic", _arguments(request))
    refused = "assertLess" if event.status >= 500 else "assertNotEqual"
    lines.append(f"self.{refused}(response.status_code, {500 if event.status >= 500 else event.status})")
    imports = "from django.test import Client, TestCase" if is_csrf else "from django.test import TestCase"
    notes = tuple(_differences(event, request))
    what = f"{_word(request.method)}_is_answered"
    return Written(_text(number, imports, what, lines, notes, base="TestCase"), "request", notes)


def from_call(number: int, event: Event, source: str) -> Written:
    """Return a test that calls the function that failed, with the arguments that it had.

    `source` is the module of the innermost frame of the application, see `failed_in`. Raises `CannotWrite` where that
    is no plain function, or has arguments that were not recorded as literals.
    """
    frame = failed_in(event)
    given = ", ".join(_given(_function(source, frame.function), frame))
    lines = [f"{frame.function}({given})"]
    imports = f"from django.test import TestCase\n\nfrom {frame.module} import {frame.function}"
    notes = ("arguments as they were when it failed: the function may have changed them before",)
    return Written(_text(number, imports, frame.function, lines, notes, base="TestCase"), "call", notes)


def failed_in(event: Event) -> Frame:
    """Return the innermost frame of the application. Raises `CannotWrite` for an event without one."""
    surfaced = event.surfaced
    frame = next((frame for frame in reversed(surfaced.frames) if frame.in_app), None) if surfaced else None
    if frame is None:
        raise CannotWrite("no frame of the application was recorded")
    names = (frame.function, *frame.module.split("."))
    if not all(name.isascii() and name.isidentifier() and not keyword.iskeyword(name) for name in names):
        raise CannotWrite("what failed is no function of a module that could be imported")
    return frame


def _text(number: int, imports: str, what: str, lines: Iterable[str], notes: Iterable[str], *, base: str) -> str:
    return _TEXT.format(
        label=label(number),
        name=label(number).replace("-", ""),
        notes="".join(f"\n- {note}" for note in notes) + ("\n" if notes else ""),
        imports=imports,
        base=base,
        what=what,
        body="\n".join(f"        {line}" for line in lines),
    )


def _arguments(request: Request) -> list[str]:
    path = quote(request.path, safe=_IN_PATH, errors="replace")
    if request.query:
        path += "?" + quote(request.query, safe=_IN_QUERY, errors="replace")
    arguments = [ascii(request.method), ascii(path)]
    if request.body:
        arguments += [f"data={request.body[:_MOST_BODY]!a}", f"content_type={_media_type(request)!a}"]
    if request.scheme == "https":
        arguments.append("secure=True")
    sent = {name: request.headers[name] for name in _HEADERS if _REDACTED not in request.headers.get(name, _REDACTED)}
    if sent:
        arguments.append("headers={" + ", ".join(f"{name!r}: {value!a}" for name, value in sent.items()) + "}")
    return arguments


def _media_type(request: Request) -> str:
    # A form with files was recorded without them, and its boundary is gone.
    kind = request.content_type.partition(";")[0].strip().lower()
    return "application/x-www-form-urlencoded" if kind in ("", "multipart/form-data") else request.content_type


def _call(function: str, arguments: list[str]) -> list[str]:
    one = f"{function}({', '.join(arguments)})"
    if len(one) <= _WIDTH:
        return [one]
    return [f"{function}(", *(f"    {argument}," for argument in arguments), ")"]


def _differences(event: Event, request: Request) -> Iterable[str]:
    """Yield what the test does not do as the recorded request did, in words of ours."""
    yield "the database is empty: what the request met there was not recorded"
    if event.user_id is not None:
        yield "it was sent by somebody who was logged in; here nobody is"
    if any(name.lower() == "cookie" for name in request.headers):
        yield "it had cookies; here it has none"
    if request.body_note or (request.body is not None and len(request.body) > _MOST_BODY):
        yield "its body was not recorded whole"
    if _REDACTED in f"{request.body or ''}{request.query}":
        yield "secrets in it were taken out before it was recorded"


def _function(source: str, name: str) -> ast.FunctionDef:
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        raise CannotWrite("the module that failed cannot be read as Python") from None
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
        if isinstance(node, ast.AsyncFunctionDef) and node.name == name:
            raise CannotWrite(f"{name} is async")
    raise CannotWrite(f"{name} is no plain function of its module, so that its arguments are not enough to call it")


def _given(function: ast.FunctionDef, frame: Frame) -> Iterable[str]:
    """Yield the arguments of a call, as they were recorded."""
    if frame.locals is None:
        raise CannotWrite("the arguments were not recorded")
    if function.args.vararg or function.args.kwarg:
        raise CannotWrite(f"{function.name} takes any number of arguments")
    for argument in function.args.posonlyargs:
        yield _literal(argument.arg, frame.locals)
    for argument in (*function.args.args, *function.args.kwonlyargs):
        yield f"{argument.arg}={_literal(argument.arg, frame.locals)}"


def _literal(name: str, recorded: dict[str, str]) -> str:
    text = recorded.get(name, "")
    try:
        if len(text) > _MOST_LITERAL:
            raise ValueError
        return ascii(ast.literal_eval(text))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise CannotWrite(f"the argument {name} is no plain value") from None


def _word(method: str) -> str:
    return method.lower() if method.isascii() and method.isalpha() else "request"
