"""Every final 4xx and 5xx, exactly once. Put it first: what leaves the first middleware is the final response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import FileResponse, HttpResponseBase, StreamingHttpResponse

from capture import observers
from capture.builder import Failure
from capture.pipeline import capture
from capture.scope import ATTRIBUTE, Scope, current

Response = HttpResponseBase
GetResponse = Callable[[HttpRequest], Any]


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
            if response.status_code >= 400 or response.streaming:
                finish(noted, response)
        except Exception as error:
            raised(noted, error)
            raise
        else:
            return response  # type: ignore[no-any-return]
        finally:
            noted.finished = True
            current.reset(token)

    async def _respond_async(self, request: HttpRequest) -> Response:
        noted = enter(request)
        if noted is None:
            return await self.get_response(request)  # type: ignore[no-any-return]
        token = current.set(noted)
        try:
            response = await self.get_response(request)
            if response.status_code >= 400 or response.streaming:
                finish(noted, response)
        except Exception as error:
            raised(noted, error)
            raise
        else:
            return response  # type: ignore[no-any-return]
        finally:
            noted.finished = True
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
        noted = request.__dict__[ATTRIBUTE] = Scope(request)
    elif noted.entered:
        return None
    noted.entered = True
    return noted


def finish(noted: Scope, response: Any) -> None:
    """Capture a failed response; watch over the body of a streamed one."""
    if response.status_code >= 400:
        error = noted.error
        if error is None or error not in noted.told:
            failure = Failure(
                error=error,
                request=noted.request,
                status=response.status_code,
                reason=noted.reason,
                tags=noted.tags,
            )
            noted.event_id = capture(failure) or ""
    elif isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        _watch(noted, response)
    noted.error = None  # a traceback would keep the whole request alive


def raised(noted: Scope, error: Exception) -> None:
    """Capture an exception that Django was told to let through (DEBUG_PROPAGATE_EXCEPTIONS)."""
    if error not in noted.told and noted.event_id is None:
        noted.event_id = capture(Failure(error=error, request=noted.request, status=500, tags=noted.tags)) or ""


def _watch(noted: Scope, response: StreamingHttpResponse) -> None:
    if response.is_async:
        response.streaming_content = _watched_async(noted, response.streaming_content, response.status_code)  # type: ignore[arg-type]
    else:
        response.streaming_content = _watched(noted, response.streaming_content, response.status_code)  # type: ignore[arg-type]


def _watched(noted: Scope, content: Iterator[bytes], status: int) -> Iterator[bytes]:
    try:
        yield from content
    except ConnectionError:  # the client went away
        raise
    except Exception as error:
        capture(Failure(error=error, request=noted.request, status=status, tags=noted.tags))
        raise


async def _watched_async(noted: Scope, content: AsyncIterator[bytes], status: int) -> AsyncIterator[bytes]:
    try:
        async for chunk in content:
            yield chunk
    except ConnectionError:
        raise
    except Exception as error:
        capture(Failure(error=error, request=noted.request, status=status, tags=noted.tags))
        raise
