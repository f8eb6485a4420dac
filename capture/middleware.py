"""Every final 4xx and 5xx, exactly once. Put it first: what leaves the first middleware is the final response."""

from __future__ import annotations

import contextlib
from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from io import BufferedRandom, BufferedReader, BytesIO, FileIO
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import RequestAborted
from django.http import HttpRequest, UnreadablePostError
from django.http.response import FileResponse, HttpResponseBase, StreamingHttpResponse

from capture import logs, observers
from capture.builder import Failure
from capture.own_memory import own_dict
from capture.pipeline import capture
from capture.scope import ATTRIBUTE, Scope, current

Response = HttpResponseBase
GetResponse = Callable[[HttpRequest], Any]

# A client that went away is no error. While the body is read Django says so by name; while a body is sent, the server's
# connection breaks. (One that is refused the site itself made, and so it is where a client library has its own class.)
GONE_CLIENTS = (UnreadablePostError, RequestAborted)
BROKEN_CONNECTIONS = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError, *GONE_CLIENTS)
# Who raises these wants no answer any more.
NO_FAILURES = (GeneratorExit, KeyboardInterrupt, CancelledError)
KILLED = "GreenletExit"  # how gevent cancels; known by its name, since it may not be there
_code_of: Any = SystemExit.__dict__["code"].__get__  # whatever property a class puts in front of it
MAX_BEHIND = 10  # exceptions that one was raised from; of two that name each other there is no end
# Files that do not fail while they are read.
PLAIN_FILES = (BufferedReader, BufferedRandom, BytesIO, FileIO)


class CaptureMiddleware:
    """Captures failed responses with what was noted about them on the way."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        observers.connect()

    def __call__(self, request: HttpRequest) -> Response | Awaitable[Response]:
        """Return the response of the site, as it is."""
        if self._is_async:
            return self._respond_async(request)
        noted = enter(request)
        if noted is None:
            return self.get_response(request)  # type: ignore[no-any-return]
        token = current.set(noted)
        try:
            response = self.get_response(request)
            look(noted, response)
        except Exception as error:
            raised(noted, error)
            raise
        except BaseException as error:
            ended(noted, error)
            raise
        else:
            return response  # type: ignore[no-any-return]
        finally:
            leave(noted)
            current.reset(token)

    async def _respond_async(self, request: HttpRequest) -> Response:
        noted = enter(request)
        if noted is None:
            return await self.get_response(request)  # type: ignore[no-any-return]
        token = current.set(noted)
        try:
            response = await self.get_response(request)
            look(noted, response)
        except Exception as error:
            raised(noted, error)
            raise
        except SystemExit as error:  # what else there is here is how a server cancels
            ended(noted, error)
            raise
        else:
            return response  # type: ignore[no-any-return]
        finally:
            leave(noted)
            current.reset(token)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Note the exception of a view; whether it matters is for the final response to say."""
        noted = request.__dict__.get(ATTRIBUTE)
        if noted is not None:
            noted.note(exception)


def enter(request: HttpRequest) -> Scope | None:
    """Return the scope that a request begins with us, or None where we are listed twice: the outer one decides."""
    noted: Scope | None = request.__dict__.get(ATTRIBUTE)
    if noted is None:
        noted = request.__dict__[ATTRIBUTE] = Scope()
    elif noted.entered:
        return None
    noted.entered = noted.holds = True
    noted.request = request
    return noted


def leave(noted: Scope) -> None:
    """Let go of the request and of the traceback, which would keep each other alive until the collector comes."""
    noted.finished = True
    if noted.held is not None:
        logs.release(noted)
    noted.request = noted.error = noted.crumbs = None
    noted.told = ()


def look(noted: Scope, response: Any) -> None:
    """Capture a failed response; watch over the body of a streamed one. Never raises."""
    try:
        if response.status_code >= 400:
            finish(noted, response)
        elif response.streaming and not _is_plain_file(response):
            _watch(noted, response)
    except Exception:  # noqa: BLE001  (a response that is none goes its way without us)
        return


def _is_plain_file(response: StreamingHttpResponse) -> bool:
    """Return whether the body is a file of this machine: the server sends it by itself, unless we stand in the way."""
    if not isinstance(response, FileResponse):
        return False
    file = response.file_to_stream
    # One of Django's, or a temporary one, is asked for nothing: what lies in a storage elsewhere would be loaded.
    return type(own_dict(file).get("file", file)) in PLAIN_FILES


def finish(noted: Scope, response: Any) -> None:
    """Capture a failed response with what was noted on its way."""
    error = noted.error
    if response.status_code >= 500 and error is None:
        # What the site reported itself, by hand or in a log, is why it answered so.
        error = noted.told[-1] if noted.told else logs.last_error(noted)
    if response.status_code >= 500:
        noted.held, noted.held_more = None, 0
    is_gone = issubclass(type(error), GONE_CLIENTS) or (response.status_code < 500 and _was_broken_off(noted))
    if is_gone or (error is not None and noted.was_told(error)):
        noted.event_id = ""  # so that what Django logs about this response later does not make a second one
    else:
        failure = Failure(
            error=error,
            request=noted.request,
            status=int(response.status_code),  # of whatever kind of number
            reason=noted.reason,
            noted=noted,
        )
        noted.event_id = capture(failure) or ""
        noted.tell(error)


def _was_broken_off(noted: Scope) -> bool:
    """Return whether a client went away while the CSRF check read its form: it says that there is no token in it."""
    if not noted.reason:
        return False
    known = noted.request.__dict__
    return known.get("_read_started") is True and "_body" not in known and "_post" not in known


def raised(noted: Scope, error: Exception) -> None:
    """Capture an exception that Django was told to let through (DEBUG_PROPAGATE_EXCEPTIONS). Never raises."""
    noted.held, noted.held_more = None, 0
    if not noted.was_told(error) and noted.event_id is None:
        noted.event_id = capture(Failure(error=error, request=noted.request, status=500, noted=noted)) or ""


def ended(noted: Scope, error: BaseException) -> None:
    """Capture what ends a worker in the middle of a request, as a server's timeout does. Never raises.

    No middleware can answer it, and so the server does, with a 500 or not at all. What was logged before is told as
    well, unless this was raised while that was handled: nothing else says that it is the reason.
    """
    if issubclass(type(error), NO_FAILURES) or type(error).__name__ == KILLED or _is_success(error):
        return
    if not noted.was_told(error) and noted.event_id is None:
        noted.event_id = capture(Failure(error=error, request=noted.request, status=500, noted=noted)) or ""
    with contextlib.suppress(Exception):
        behind: BaseException | None = error
        for _ in range(MAX_BEHIND):
            noted.tell(behind)
            behind = behind and (behind.__cause__ or behind.__context__)


def _is_success(error: BaseException) -> bool:
    """Return whether this is how a process ends that has done its work."""
    if not issubclass(type(error), SystemExit):
        return False
    code = _code_of(error)
    return code is None or (type(code) is int and code == 0)


def _watch(noted: Scope, response: StreamingHttpResponse) -> None:
    # A scope of its own, since the body is produced after the request has left.
    streaming = noted.of_the_body()
    status, content = response.status_code, response.streaming_content

    def broke(error: Exception) -> None:
        if type(error) not in BROKEN_CONNECTIONS and not streaming.was_told(error):
            capture(Failure(error=error, request=streaming.request, status=status, noted=streaming))

    watch: Any = _watched_async if response.is_async else _watched
    response.streaming_content = watch(content, streaming, broke)


def _watched(content: Iterator[bytes], streaming: Scope, broke: Callable[[Exception], None]) -> Iterator[bytes]:
    chunks = iter(content)
    while True:
        token = current.set(streaming)
        try:
            chunk = next(chunks)
        except StopIteration:
            return
        except Exception as error:
            broke(error)
            raise
        finally:
            current.reset(token)
        yield chunk


async def _watched_async(
    content: AsyncIterator[bytes], streaming: Scope, broke: Callable[[Exception], None]
) -> AsyncIterator[bytes]:
    chunks = aiter(content)
    while True:
        token = current.set(streaming)
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except Exception as error:
            broke(error)
            raise
        finally:
            with contextlib.suppress(ValueError):  # a body that nobody awaits any more is closed from elsewhere
                current.reset(token)
        yield chunk
