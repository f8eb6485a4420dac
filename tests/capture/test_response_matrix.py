"""Every final 4xx and 5xx gives exactly one event, with its exception; nothing else gives any."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.http import FileResponse

from capture.event import Event
from capture.middleware import look
from capture.scope import Scope

OURS = "capture.middleware.CaptureMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
PASSES = "broken_middleware.Passes"
Captured = Callable[[], list[Event]]
Serve = Callable[..., int]

# path, method, status, type of the exception (None: there was none), reason
FAILURES = [
    ("/fault/", "GET", 500, "KeyError", ""),
    ("/async_fault/", "GET", 500, "KeyError", ""),
    ("/chained/", "GET", 500, "ValueError", ""),
    ("/template/", "GET", 500, "TypeError", ""),
    ("/lazy_template/", "GET", 500, "TypeError", ""),
    ("/api/pets/7/", "GET", 404, "Http404", ""),
    ("/api/async-pets/7/", "GET", 404, "Http404", ""),
    ("/no/such/path/", "GET", 404, None, ""),
    ("/returns/500/", "GET", 500, None, ""),
    ("/returns/503/", "GET", 503, None, ""),
    ("/returns/404/", "GET", 404, None, ""),
    ("/returns/409/", "GET", 409, None, ""),
    ("/returns/410/", "GET", 410, None, ""),
    ("/returns/413/", "GET", 413, None, ""),
    ("/returns/429/", "GET", 429, None, ""),
    ("/unprocessable/", "POST", 422, None, ""),
    ("/forbidden/", "GET", 403, "PermissionDenied", ""),
    ("/bad/", "GET", 400, "BadRequest", ""),
    ("/suspicious/", "GET", 400, "SuspiciousOperation", ""),
    ("/only_get/", "POST", 405, None, ""),
    ("/guarded/", "POST", 403, None, "CSRF cookie not set."),
    ("/refuses/NoSuchPet/", "GET", 404, "NoSuchPet", ""),
    ("/refuses/NotYours/", "GET", 403, "NotYours", ""),
    ("/refuses/Odd/", "GET", 400, "Odd", ""),
    ("/async_refuses/BadShape/", "GET", 400, "BadShape", ""),
    ("/async_page/", "GET", 500, "KeyError", ""),
    ("/async_page/", "POST", 405, None, ""),
    ("/members/", "GET", 500, "ExceptionGroup", ""),
    ("/lost_backend/", "GET", 500, "ConnectionResetError", ""),
]
# The same, of Django REST framework and django-ninja.
API_FAILURES = [
    ("/rest/raises/invalid/", "GET", 400, "ValidationError", ""),
    ("/rest/raises/not_authenticated/", "GET", 401, "NotAuthenticated", ""),
    ("/rest/raises/wrong_token/", "GET", 401, "AuthenticationFailed", ""),
    ("/rest/raises/denied/", "GET", 403, "PermissionDenied", ""),
    ("/rest/raises/missing/", "GET", 404, "NotFound", ""),
    ("/rest/raises/django_missing/", "GET", 404, "Http404", ""),
    ("/rest/raises/throttled/", "GET", 429, "Throttled", ""),
    ("/rest/raises/conflict/", "GET", 409, "OutOfStock", ""),
    ("/rest/raises/broken/", "GET", 500, "APIException", ""),
    ("/rest/raises/fault/", "GET", 500, "KeyError", ""),
    ("/rest/raises/missing/", "DELETE", 405, "MethodNotAllowed", ""),
    ("/rest/locked/", "GET", 403, "PermissionDenied", ""),
    ("/rest/slowed/", "GET", 429, "Throttled", ""),
    ("/rest/reads/", "POST", 422, None, ""),
    ("/rest/teapot/", "GET", 418, "KeyError", ""),
    ("/rest/pets/7/", "GET", 404, "NotFound", ""),
    ("/rest/only_get/", "POST", 405, "MethodNotAllowed", ""),
    ("/rest/returns/422/", "GET", 422, None, ""),
    ("/rest/returns/503/", "GET", 503, None, ""),
    ("/rest/nowhere/", "GET", 404, None, ""),
    ("/ninja/fault", "GET", 500, "KeyError", ""),
    ("/ninja/async_fault", "GET", 500, "KeyError", ""),
    ("/ninja/missing", "GET", 404, "Http404", ""),
    ("/ninja/refused", "GET", 409, "HttpError", ""),
    ("/ninja/unknown", "GET", 401, "AuthenticationError", ""),
    ("/ninja/full", "GET", 507, "Full", ""),
    ("/ninja/typed?number=x", "GET", 422, "ValidationError", ""),
    ("/ninja/fault", "POST", 405, None, ""),
]
# Exceptions by which a site says no; the others are faults, known by where they were raised.
SAYING_NO = {
    *("Http404", "PermissionDenied", "BadRequest", "SuspiciousOperation", "NoSuchPet", "NotYours", "Odd", "BadShape"),
    *("ValidationError", "NotAuthenticated", "AuthenticationFailed", "NotFound", "Throttled", "MethodNotAllowed"),
    *("OutOfStock", "HttpError", "AuthenticationError"),
}
HEALTHY = ["/", "/returns/200/", "/returns/302/", "/returns/304/", "/only_get/"]


def wsgi_client(path: str, method: str = "GET", **headers: str) -> int:
    from django.test import Client

    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    response = client.generic(method, path, headers=headers)
    if response.streaming and not response.is_async:
        with contextlib.suppress(RuntimeError):
            list(response.streaming_content)
    response.close()
    return response.status_code


def wsgi_server(path: str, method: str = "GET", **headers: str) -> int:
    from django.core.handlers.wsgi import WSGIHandler

    statuses: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.partition("?")[0],
        "QUERY_STRING": path.partition("?")[2],
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    body = WSGIHandler()(environ, lambda status, headers: statuses.append(status))
    try:
        list(body)
    except RuntimeError:
        pass
    finally:
        body.close()
    return int(statuses[0].split()[0])


def asgi_client(path: str, method: str = "GET", **headers: str) -> int:
    from django.test import AsyncClient

    async def run() -> int:
        client = AsyncClient(raise_request_exception=False, enforce_csrf_checks=True)
        response = await client.generic(method, path, headers=headers)
        response.close()
        return response.status_code

    return asyncio.run(run())


async def _output(communicator: Any) -> Any:
    """Return the next output, or raise what ended the application; asgiref would wait for its time to be up."""
    output = asyncio.ensure_future(communicator.output_queue.get())
    await asyncio.wait([output, communicator.future], timeout=10, return_when=asyncio.FIRST_COMPLETED)
    if output.done():
        return output.result()
    output.cancel()
    return communicator.future.result()


def asgi_server(path: str, method: str = "GET", *, query: bytes | None = None, **headers: str) -> int:
    from asgiref.testing import ApplicationCommunicator
    from django.core.handlers.asgi import ASGIHandler

    async def run() -> int:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path.partition("?")[0],
            "query_string": path.partition("?")[2].encode() if query is None else query,
            "headers": [
                (b"host", headers.pop("host", "testserver").encode()),
                *((name.encode(), value.encode()) for name, value in headers.items()),
            ],
        }
        communicator = ApplicationCommunicator(ASGIHandler(), scope)
        await communicator.send_input({"type": "http.request", "body": b""})
        start = await _output(communicator)
        try:
            while (await _output(communicator)).get("more_body"):
                pass
            await communicator.wait(10)
        except RuntimeError:
            pass
        return int(start["status"])

    # Django leaves the file of the request's body to the garbage collector when a response breaks off.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return asyncio.run(run())
        finally:
            gc.collect()


@pytest.fixture(params=[wsgi_client, wsgi_server, asgi_client, asgi_server], ids=lambda serve: serve.__name__)
def serve(request: pytest.FixtureRequest, captured: Captured) -> Serve:
    return request.param


@pytest.mark.parametrize(("path", "method", "status", "exception", "reason"), FAILURES)
def test_a_failed_response_gives_one_event(serve, captured, path, method, status, exception, reason):
    assert serve(path, method) == status
    [event] = captured()
    assert event.status == status
    assert (event.surfaced.type if event.surfaced else None) == exception
    assert event.reason == reason
    assert (event.request.method, event.request.path) == (method, path.partition("?")[0])
    assert event.kind == ("status" if exception is None or exception in SAYING_NO else "exception")


@pytest.fixture
def api(django_site: None) -> Iterator[None]:
    """The site with its APIs, whose frameworks are imported with the URLs and not before."""
    from django.test import override_settings

    with warnings.catch_warnings(), override_settings(ROOT_URLCONF="broken_api"):
        warnings.simplefilter("ignore", DeprecationWarning)  # the frameworks' own, of their import
        yield


@pytest.mark.parametrize(("path", "method", "status", "exception", "reason"), API_FAILURES)
@pytest.mark.parametrize("served", [wsgi_server, asgi_server], ids=lambda served: served.__name__)
def test_a_failed_response_of_an_api_gives_one_event(served, api, captured, path, method, status, exception, reason):
    test_a_failed_response_gives_one_event(served, captured, path, method, status, exception, reason)
    [event] = captured()
    assert exception is None or event.surfaced.frames, "where it was raised"
    assert not [frame for chain in event.exceptions for frame in chain.frames if "capture/hooks" in frame.filename]


@pytest.mark.parametrize("served", [wsgi_server, asgi_server], ids=lambda served: served.__name__)
def test_a_fault_that_an_api_rescues_is_no_error(served, api, captured):
    assert served("/rest/rescued/") == 200
    assert captured() == []


@pytest.mark.parametrize(
    ("kind", "body", "status", "exception"),
    [
        ("application/json", b"{broken", 400, "ParseError"),
        ("text/x-pet", b"Rex", 415, "UnsupportedMediaType"),
        ("application/json", b'{"pet": {"name": "Rex", "api_key": "hunter2"}}', 422, None),
    ],
)
def test_an_api_that_reads_a_body(api, captured, kind, body, status, exception):
    from django.test import Client

    assert Client().post("/rest/reads/", body, content_type=kind).status_code == status
    [event] = captured()
    assert (event.surfaced.type if event.surfaced else None) == exception
    assert ("Rex" in str(event.request.body)) is (exception is None)
    assert "hunter2" not in str(event.request)


PLACES = {
    "first": [OURS, COMMON, PASSES],
    "in the middle": [COMMON, OURS, PASSES],
    "last": [COMMON, PASSES, OURS],
    "twice": [OURS, COMMON, OURS],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("path", "exception"),
    [
        ("/fault/", "KeyError"),
        ("/async_fault/", "KeyError"),
        ("/api/pets/7/", "Http404"),
        ("/forbidden/", "PermissionDenied"),
        ("/nowhere/", None),
        ("/returns/503/", None),
    ],
)
def test_wherever_our_middleware_is_listed_there_is_one_event(captured, place, path, exception):
    from django.test import override_settings

    with override_settings(MIDDLEWARE=PLACES[place]):
        for serve in (wsgi_server, asgi_server):
            serve(path)
            assert serve("/") == 200
    assert [event.surfaced.type if event.surfaced else None for event in captured()] == [exception, exception]


@pytest.mark.parametrize("path", HEALTHY)
def test_a_healthy_response_gives_none(serve, captured, path):
    assert serve(path) < 400
    assert captured() == []


def test_a_file_is_served_as_it_was(captured):
    assert wsgi_server("/file/") == 200
    assert captured() == []


def test_a_file_that_a_server_sends_by_itself_is_left_to_it(captured, tmp_path):
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF")
    opened = [(tmp_path / "invoice.pdf").open("rb"), File((tmp_path / "invoice.pdf").open("rb"))]
    for file in (*opened, NamedTemporaryFile(), ContentFile(b"%PDF")):  # noqa: SIM115  (closed with its response)
        response = FileResponse(file)
        look(Scope(), response)
        assert response.file_to_stream is file
        response.close()


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
def test_a_file_that_breaks_while_it_is_sent_gives_one_event(captured):
    for serve in (wsgi_server, asgi_server):
        assert serve("/lost_file/") == 200
    assert [event.surfaced.message for event in captured()] == ["the storage broke"] * 2


def test_two_missing_pets_are_one_bug(serve, captured):
    serve("/api/pets/1/")
    serve("/api/pets/999/")
    first, second = captured()
    assert first.fingerprint.key == second.fingerprint.key
    assert first.request.route == "/api/pets/<int:pk>/"


def test_one_page_in_two_languages_is_one_bug(serve, captured, middleware):
    from django.test import override_settings
    from django.utils import translation

    middleware("Language")
    languages = [("en", "English"), ("de", "German")]
    with translation.override("en"), override_settings(ROOT_URLCONF="broken_languages", LANGUAGES=languages):
        assert serve("/en/pets/1/") == serve("/de/pets/2/") == serve("/en-pets/1/") == 404
    first, second, other = captured()
    assert first.fingerprint.key == second.fingerprint.key
    assert first.request.route == "/<language>/pets/<int:pk>/"
    assert other.request.route == "/en-pets/<int:pk>/"


def test_one_page_in_the_sites_own_language_without_a_prefix_and_in_another_is_one_bug(serve, captured, middleware):
    from django.test import override_settings

    middleware("Language")
    languages = [("en", "English"), ("de", "German")]
    site = {"ROOT_URLCONF": "broken_own_language", "LANGUAGES": languages, "LANGUAGE_CODE": "en"}
    with override_settings(**site):
        assert serve("/pets/1/") == serve("/de/pets/2/") == 404
    assert [event.request.route for event in captured()] == ["/pets/<int:pk>/"] * 2


def test_a_host_that_is_not_allowed(serve, captured):
    assert serve("/", host="evil.example") == 400
    [event] = captured()
    assert event.surfaced.type == "DisallowedHost"
    assert event.request.host.endswith("evil.example")


def test_under_asgi_a_query_that_is_no_text_gives_one_event_without_a_request(captured):
    """Django answers it before there is a request, and tells its log alone."""
    assert [asgi_server("/", query=b"x=\xff") for _ in range(2)] == [400, 400]
    events = captured()
    assert [(event.status, event.surfaced.type, event.request) for event in events] == [
        (400, "UnicodeDecodeError", None)
    ] * 2
    assert len({event.fingerprint.key for event in events}) == 1


def test_what_a_site_says_in_the_log_of_requests_is_no_refusal(captured):
    logger = logging.getLogger("django.request")
    logger.warning("no exception", extra={"status_code": 400})
    try:
        raise KeyError("x")
    except KeyError:
        logger.exception("no status")
        logger.exception("another exception", extra={"status_code": 400})
    assert captured() == []


def test_a_broken_body_gives_one_event(captured):
    for serve, path in ((wsgi_server, "/streaming/"), (asgi_server, "/async_streaming/")):
        assert serve(path) == 200
    first, second = captured()
    assert first.surfaced.message == second.surfaced.message == "the body broke"


def test_a_body_whose_exception_was_reported_by_hand_gives_one_event(captured):
    for serve, path in ((wsgi_server, "/told_streaming/"), (asgi_server, "/async_told_streaming/")):
        assert serve(path) == 200
    first, second = captured()
    assert first.request.path == "/told_streaming/", "the body knows its request"
    assert second.surfaced.message == "the body broke"
    assert first.tags == second.tags == {"shop": "north"}


@pytest.mark.parametrize("path", ["/told_missing/", "/told_forbidden/"])
def test_a_refusal_that_was_reported_by_hand_gives_one_event(serve, captured, path):
    assert serve(path) in (403, 404)
    assert len(captured()) == 1


def test_a_client_that_went_away_is_no_error(captured):
    with pytest.raises(ConnectionResetError):
        wsgi_server("/gone_client/")
    assert captured() == []


def test_a_client_that_went_away_while_it_was_sending_is_no_error(serve, captured):
    assert serve("/gone_uploader/") == 500
    assert captured() == []


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=xx"])
@pytest.mark.parametrize("breaks_off", [True, False])
def test_a_form_that_was_broken_off_is_no_rejection(captured, kind, breaks_off):
    """Django's CSRF check takes what it could not read for a form without a token."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory

    class Broken(io.BytesIO):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError("the client went away")

    form = b"--xx\r\n\r\nx\r\n--xx--" if "xx" in kind else b"a=1"
    environ = RequestFactory(headers={"cookie": f"csrftoken={'a' * 32}"}).post("/guarded/", form, kind).environ
    if breaks_off:
        environ["wsgi.input"] = Broken()
    statuses: list[str] = []
    WSGIHandler()(environ, lambda status, headers: statuses.append(status)).close()
    assert statuses == ["403 Forbidden"]
    assert [event.reason for event in captured()] == ([] if breaks_off else ["CSRF token missing."])


def test_a_backend_that_refuses_a_streaming_body_is_an_error(captured):
    with pytest.raises(ConnectionRefusedError):
        wsgi_server("/lost_backend_in_body/")
    [event] = captured()
    assert event.surfaced.type == "ConnectionRefusedError"


def test_a_body_that_the_client_did_not_wait_for_is_no_error(captured):
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory

    environ = RequestFactory().get("/endless/").environ
    body = WSGIHandler()(environ, lambda *_: None)
    assert next(iter(body)) == b"one"
    body.close()
    gc.collect()
    assert captured() == []


@pytest.mark.parametrize("path", ["/waits/", "/async_endless/"])
def test_under_asgi_a_client_that_disconnects_is_no_error(captured, path):
    assert asyncio.run(_disconnecting(path)) is None
    gc.collect()
    assert captured() == []


def test_a_view_that_was_cancelled_is_no_error(captured):
    from django.test import AsyncClient

    async def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            await AsyncClient().get("/cancelled/")

    asyncio.run(run())
    assert captured() == []


async def _disconnecting(path: str) -> None:
    """Ask for a page, and go away after the first chunk of it, or at once where there is none."""
    from asgiref.testing import ApplicationCommunicator
    from django.core.handlers.asgi import ASGIHandler

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "query_string": b""}
    communicator = ApplicationCommunicator(ASGIHandler(), {**scope, "headers": [(b"host", b"testserver")]})
    await communicator.send_input({"type": "http.request", "body": b""})
    if "endless" in path:
        await communicator.receive_output(10)
        await communicator.receive_output(10)
    else:
        await asyncio.sleep(0.05)
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(10)


@pytest.mark.parametrize("name", ["RaisesOnTheWayIn", "RaisesOnTheWayOut"])
def test_an_exception_in_another_middleware(serve, captured, middleware, name):
    middleware(name)
    assert serve("/") == 500
    [event] = captured()
    assert event.surfaced.type == "LookupError"


@pytest.mark.parametrize("name", ["RaisesOnTheWayIn", "RaisesOnTheWayOut", "Refuses", "TurnsAllInto503"])
def test_a_middleware_outside_of_ours_is_seen_through_the_log(serve, captured, middleware, name):
    middleware(outside=(name,))
    assert serve("/") >= 400
    [event] = captured()
    assert event.status in (500, 403, 503)


@pytest.mark.parametrize("outside", [False, True])
def test_a_404_in_another_middleware_has_its_exception(serve, captured, middleware, outside):
    middleware(*([] if outside else ["RaisesMissing"]), outside=("RaisesMissing",) if outside else ())
    assert serve("/") == 404
    [event] = captured()
    assert (event.kind, event.surfaced.type, event.surfaced.message) == ("status", "Http404", "closed on Sundays")


def test_what_was_rescued_does_not_explain_what_fails_later(serve, captured, middleware):
    middleware("TurnsAllInto503", "RescuesFaults")
    assert serve("/fault/") == 503
    [event] = captured()
    assert event.surfaced is None


def test_a_refusal_in_another_middleware(serve, captured, middleware):
    middleware("Refuses")
    assert serve("/") == 403
    [event] = captured()
    assert event.surfaced.type == "PermissionDenied"


@pytest.mark.parametrize(("name", "status"), [("RescuesMissing", 200), ("RedirectsMissing", 302)])
def test_a_rescued_404_is_no_error(serve, captured, middleware, name, status):
    middleware(name)
    assert serve("/api/pets/7/") == status
    assert serve("/nowhere/") == status
    assert captured() == []


def test_a_rescued_fault_is_no_error(serve, captured, middleware):
    middleware("RescuesFaults")
    assert serve("/fault/") == 200
    assert captured() == []


def test_a_fault_that_a_middleware_answered_is_captured_by_its_answer(serve, captured, middleware):
    middleware("TurnsFaultsInto400")
    assert serve("/fault/") == 400
    [event] = captured()
    assert (event.kind, event.status, event.surfaced.type) == ("exception", 400, "KeyError")


def test_a_request_is_freed_as_soon_as_it_was_answered(captured):
    """No circle through our notes: nothing waits for the garbage collector."""
    import weakref

    from django.http import HttpResponse
    from django.test import RequestFactory

    from capture.middleware import CaptureMiddleware

    gc.collect()
    gc.disable()
    try:
        for status in (200, 404):
            request = RequestFactory().get("/")
            ref = weakref.ref(request)
            CaptureMiddleware(lambda _request, status=status: HttpResponse(status=status))(request)
            del request
            assert ref() is None
    finally:
        gc.enable()


def test_a_response_that_is_none_goes_its_way(captured):
    from django.test import RequestFactory

    from capture.middleware import CaptureMiddleware

    assert CaptureMiddleware(lambda request: None)(RequestFactory().get("/")) is None
    assert captured() == []


def test_without_our_middleware_what_django_logs_is_still_captured(serve, captured, middleware):
    middleware(ours=False)
    serve("/fault/")
    serve("/")
    [event] = captured()
    assert event.surfaced.type == "KeyError"


def test_propagated_exceptions_are_captured_and_still_propagate(captured):
    from django.test import override_settings

    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
        for serve in (wsgi_server, asgi_server):
            with pytest.raises(KeyError):
                serve("/fault/")
    assert [event.surfaced.type for event in captured()] == ["KeyError", "KeyError"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_template_fault_names_the_place_in_the_template(serve, captured, debug):
    from django.conf import settings
    from django.test import override_settings

    with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "OPTIONS": {"debug": debug}}]):
        serve("/template/")
    [event] = captured()
    assert event.template.lineno == 3
    assert event.template.name.endswith("broken.html")
    assert event.template.context_line.strip() == "<p>{{ pet.weight }}</p>"
    assert event.template.pre_context[-1] == "{% if pet %}"
    assert event.template.post_context[0] == "{% endif %}"
