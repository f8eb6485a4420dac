"""What an event says about its request: only what was there already, in bounds and without secrets."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import ClassVar

import pytest
from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import strategies as st

from capture.builder import Failure
from capture.event import Event
from capture.pipeline import capture
from capture.requests import MAX_PATH, path_of, route_of
from capture.scrub import scrub_text

Captured = Callable[[], list[Event]]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def client(captured):
    from django.test import Client

    return Client(raise_request_exception=False)


def test_what_is_in_an_event(client, captured, capture_settings):
    client.get("/fault/?page=2&token=hunter2", headers={"user-agent": "Tester", "cookie": "a=hunter2"}, secure=True)
    [event] = captured()
    request = event.request
    assert (request.method, request.scheme, request.host) == ("GET", "https", "testserver")
    assert (request.path, request.route, request.query) == ("/fault/", "/fault/", "page=2&token=[redacted]")
    assert request.headers["User-Agent"] == "Tester"
    assert request.headers["Cookie"] == "[redacted]"
    assert request.view == "broken_views.fault"
    assert event.title == "KeyError: 'rabbit' in price_of"
    assert (event.project, event.environment, event.release, event.server) == (
        "clinic",
        "production",
        "4f2d1c0",
        "web-1",
    )
    assert event.surfaced.frames[-1].locals == {"species": "'rabbit'", "user_password": "[redacted]"}
    assert event.kind == "exception"
    assert "hunter2" not in event.surfaced.frames[-1].pre_context[-2]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/api/pets/7/", "404 GET /api/pets/<int:pk>/"),
        ("/nowhere/", "404 unknown path, such as /nowhere/"),
        ("/template/", "TypeError: no weight in broken.html"),
        ("/guarded/", "403 POST /guarded/ (CSRF cookie not set.)"),
        ("/forbidden/", "403 GET /forbidden/ (PermissionDenied)"),
    ],
)
def test_titles(captured, path, title):
    from django.test import Client

    Client(raise_request_exception=False, enforce_csrf_checks=True).generic("POST" if "guard" in path else "GET", path)
    assert captured()[0].title == title


def test_a_regular_expression_is_shown_as_a_route(client, captured):
    client.get("/api/owners/ada/")
    assert captured()[0].request.route == "/api/owners/<slug>/"


def test_a_secret_in_the_path_is_redacted(client, captured):
    client.get("/reset/hunter2hunter2/")
    assert captured()[0].request.path == "/reset/[redacted]/"


def test_a_broken_internal_link_is_told_from_the_rest(client, captured):
    client.get("/old/7/", headers={"referer": "http://testserver/pets/?token=hunter2"})
    client.get("/old/7/", headers={"referer": "http://elsewhere/pets/"})
    client.get("/old/7/")
    own, foreign, plain = captured()
    assert own.fingerprint.key != foreign.fingerprint.key == plain.fingerprint.key
    assert own.request.referer == "http://testserver/pets/?token=[redacted]"


def test_a_form_that_the_site_parsed(client, captured):
    from django.core.files.uploadedfile import SimpleUploadedFile

    client.post("/reads_form/", {"name": "Rex", "password": "hunter2", "n": ["1", "2"]})
    client.post("/reads_form/", {"name": "Rex", "file": SimpleUploadedFile("a.txt", b"secret content")})
    plain, upload = (event.request for event in captured())
    assert json.loads(plain.body) == {"name": "Rex", "password": "[redacted]", "n": ["1", "2"]}
    assert upload.body_note == "form fields as the site parsed them; file file: a.txt, 14 bytes"
    assert "secret content" not in str(upload)


def test_a_json_body_that_the_site_read(client, captured):
    client.post("/reads_body/", {"pet": {"api_key": "hunter2", "name": "Rex"}}, content_type="application/json")
    assert json.loads(captured()[0].request.body) == {"pet": {"api_key": "[redacted]", "name": "Rex"}}


@pytest.mark.parametrize(
    ("body", "kind", "shown", "note"),
    [
        (b"name=Rex&password=hunter2", FORM, "name=Rex&password=[redacted]", ""),
        (b"\x00\x01", "application/octet-stream", None, "binary data of 2 bytes"),
        (b"plain words", "text/plain", "plain words", ""),
        (b"{broken", "application/json", "{broken", ""),
        (b"--x", "multipart/form-data; boundary=x", None, "multipart data of 3 bytes"),
        (b"x" * 20_000, "text/plain", "x" * 9_999 + "…", "cut: 20000 bytes in all"),
        (b'"' + b"x" * 8_990 + b'"', "application/json", None, None),
    ],
)
def test_bodies_that_the_site_read(client, captured, body, kind, shown, note):
    client.generic("POST", "/reads_body/", body, content_type=kind)
    request = captured()[0].request
    if note is not None:
        assert (request.body, request.body_note) == (shown, note)
    assert len(request.body or "") <= 10_000


def test_a_long_form_is_cut(client, captured):
    client.post("/reads_form/", {f"field{n}": "x" * 1000 for n in range(20)})
    assert "cut:" in captured()[0].request.body_note


def test_what_nobody_read_is_not_read_now(client, captured):
    client.post("/ignores_body/", b"abc", content_type="text/plain")
    client.post("/reads_stream/", b"abc", content_type="text/plain")
    client.post("/ignores_body/", b"", content_type="text/plain")
    notes = [(event.request.body, event.request.body_note) for event in captured()]
    assert notes == [(None, "not read by the application"), (None, "read by the application as a stream"), (None, "")]


def test_under_asgi_an_unread_body_lies_in_memory(captured):
    from django.test import AsyncClient

    async def post(body: bytes) -> None:
        await AsyncClient(raise_request_exception=False).post("/ignores_body/", body, content_type="text/plain")

    asyncio.run(post(b"abc"))
    asyncio.run(post(b"x" * 20_000))
    first, second = (event.request for event in captured())
    assert first.body == "abc"
    assert (second.body, second.body_note) == (None, "not read: 20000 bytes")


def test_an_unread_body_beyond_djangos_own_limit_is_left_alone(captured):
    from django.test import AsyncClient, override_settings

    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1):
        asyncio.run(AsyncClient().post("/ignores_body/", b"abc", content_type="text/plain"))
    assert captured()[0].request.body_note == "could not be read"


def test_sensitive_post_parameters_are_honoured(client, captured):
    client.post("/sensitive_form/", {"chip": "985112", "name": "Rex"})
    client.post("/secret_form/", {"chip": "985112"})
    some, all_of_them = (event.request for event in captured())
    assert json.loads(some.body) == {"chip": "[redacted]", "name": "Rex"}
    assert all_of_them.body_note == "hidden by @sensitive_post_parameters"


@pytest.mark.parametrize("path", ["/with_sensitive/", "/async_with_sensitive/"])
def test_sensitive_variables_are_honoured(client, captured, path):
    client.get(path)
    assert captured()[0].surfaced.frames[-1].locals["diagnosis"] == "[redacted]"


def test_the_user_only_where_it_is_loaded(client, captured, middleware):
    client.get("/fault/")
    middleware("LoadedUser")
    type(client)(raise_request_exception=False).get("/fault/")
    assert [event.user_id for event in captured()] == [None, "42"]


class Owner:
    """A user as Django's models are: asking it for a field that is not in memory is a query."""

    _meta = SimpleNamespace(pk=SimpleNamespace(attname="owner_ptr_id"))
    queries: ClassVar[list[str]] = []

    def __init__(self, **fields):
        self.__dict__.update(fields, _state=None)

    def __getattr__(self, name):
        Owner.queries.append(name)
        return 13

    @property
    def pk(self):
        return self.owner_ptr_id


def lazy(user, *, loaded):
    from django.utils.functional import SimpleLazyObject

    def load():
        Owner.queries.append("load")
        return user

    found = SimpleLazyObject(load)
    if loaded:
        bool(found)
        Owner.queries.clear()
    return found


@pytest.mark.parametrize(
    ("attributes", "user_id"),
    [
        (lambda: {"_cached_user": Owner(owner_ptr_id=42)}, "42"),
        (lambda: {"_acached_user": Owner(owner_ptr_id=42)}, "42"),
        (lambda: {"user": Owner(owner_ptr_id=42)}, "42"),
        (lambda: {"user": lazy(Owner(owner_ptr_id=42), loaded=True)}, "42"),
        (lambda: {"user": lazy(Owner(owner_ptr_id=42), loaded=False)}, None),
        (lambda: {"_cached_user": Owner()}, None),
        (lambda: {"user": SimpleNamespace(id="ada")}, "ada"),
        (lambda: {"user": SimpleNamespace(id=Owner())}, None),
        (dict, None),
    ],
    ids=["cached", "cached by async", "set by an API", "lazy, loaded", "lazy", "deferred", "plain", "odd", "none"],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_telling_the_user_asks_nothing(captured, attributes, user_id, asynchronous):
    request = RequestFactory().get("/")
    request.__dict__.update(attributes())
    Owner.queries.clear()

    async def fail():
        return capture(Failure(request=request, status=404))

    assert asyncio.run(fail()) if asynchronous else capture(Failure(request=request, status=404))
    [event] = captured()
    assert (event.user_id, Owner.queries) == (user_id, [])
    assert bool(event.task) is asynchronous


def test_a_failed_response_makes_no_query(client, captured, middleware):
    """The session and the user that nobody asked for stay where they are."""
    from django.test import override_settings

    loaded = []
    middleware("LazyEverything")
    with override_settings(LOADED=loaded):
        for path in ("/fault/", "/api/pets/7/", "/guarded/"):
            client.post(path, {"name": "Rex"})
    assert len(captured()) >= 2
    assert loaded == []


def test_a_body_is_left_for_the_view_that_reads_it_later(captured):
    """An event by hand in the middle of a view takes nothing away from it."""
    from django.http import HttpResponse

    from capture.middleware import CaptureMiddleware

    def view(request):
        capture(Failure(request=request, message="half way"))
        return HttpResponse(f"{request.POST['name']}, {request.FILES['file'].size}", status=422)

    with io.BytesIO(b"x" * 5_000) as file:
        file.name = "token=hunter2hunter2.txt"
        request = RequestFactory().post("/", {"name": "Rex", "file": file})
    assert CaptureMiddleware(view)(request).content == b"Rex, 5000"
    early, late = (event.request for event in captured())
    assert (early.body, early.body_note) == (None, "not read by the application")
    assert json.loads(late.body) == {"name": "Rex"}
    assert "5000 bytes" in late.body_note
    assert "hunter2" not in late.body_note


def test_files_of_one_field_are_named_each_up_to_a_bound(client, captured):
    from django.core.files.uploadedfile import SimpleUploadedFile

    client.post("/reads_form/", {"file": [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(12)]})
    note = captured()[0].request.body_note
    assert "file file: 9.txt, 1 bytes; 2 more files" in note


def test_files_of_the_sites_own_making_cost_only_the_body(client, captured):
    request = RequestFactory().post("/", {"name": "Rex"})
    assert request.POST
    request._files = SimpleNamespace(lists=lambda: [("file", [SimpleNamespace()])])
    assert capture(Failure(request=request, status=422))
    assert captured()[0].request.body_note == "could not be described"


@pytest.mark.parametrize("path", ["/SensitivePage/", "/AsyncSensitivePage/"])
def test_sensitive_post_parameters_of_classes_are_honoured(client, captured, path):
    client.post(path, {"chip": "985112", "card[number]": "985113", "name": "Rex"})
    body = captured()[0].request.body
    assert json.loads(body) == {"chip": "[redacted]", "card[number]": "[redacted]", "name": "Rex"}


def test_a_hidden_field_is_hidden_however_it_was_quoted(client, captured):
    client.post("/sensitive_body/", b"ch%69p=985112&card%5Bnumber%5D=985113&name=Rex", content_type=FORM)
    assert captured()[0].request.body == "ch%69p=[redacted]&card%5Bnumber%5D=[redacted]&name=Rex"


def test_a_query_of_10_mb_is_cut(captured):
    import time

    request = RequestFactory().get("/")
    request.META["QUERY_STRING"] = "token=hunter2&q=" + "\ud800\x00%" * 3_500_000
    started = time.thread_time()
    assert capture(Failure(request=request, status=404))
    assert time.thread_time() - started < 5
    [event] = captured()
    assert len(event.request.query) <= 20_000
    assert event.request.query.startswith("token=[redacted]&")


def test_a_user_who_cannot_be_told_costs_nothing_else(captured):
    class Hostile:
        @property
        def pk(self):
            raise RuntimeError("no session")

    request = RequestFactory().get("/")
    request._cached_user = Hostile()
    assert capture(Failure(request=request, status=404))
    assert [event.user_id for event in captured()] == [None]


def test_a_route_is_told_even_where_the_urls_cannot_be_loaded(django_site):
    request = RequestFactory().get("/en/pets/")
    request.LANGUAGE_CODE, request.urlconf = "en", "no.such.module"
    request.resolver_match = SimpleNamespace(route="en/pets/")
    assert route_of(request) == "/en/pets/"


def test_a_bad_proxy_setting_costs_nothing(client, captured):
    from django.test import override_settings

    with override_settings(SECURE_PROXY_SSL_HEADER="oops"):
        client.get("/returns/404/")
    assert captured()[0].request.scheme == "http"


def test_hostile_requests(client, captured):
    from django.test import RequestFactory

    from capture.builder import Failure
    from capture.pipeline import capture

    request = RequestFactory().get("/", headers={"x-odd": "\ud800"})
    request.path = "/\ud800\x00/" + "a" * 5_000
    request.META["QUERY_STRING"] = "q=\x00" + "b" * 100_000
    assert capture(Failure(request=request, status=404))
    client.generic("WILD" * 50, "/returns/404/")
    first, second = captured()
    assert len(first.request.path) <= 2_000
    assert len(first.request.query) <= 4_000
    assert "\x00" not in str(first)
    assert len(second.request.method) <= 20


PIECES = ["/", "4111", "1111", "sk", "eyj", "_", "-", "=", ":", "@", " is ", "a" * 500]


@given(
    st.from_regex(r"(?:/[a-z0-9]{0,12}){0,30}", fullmatch=True) | st.lists(st.sampled_from(PIECES)).map("".join),
)
@example("/4111111111111111/")
@example("/sk-a1b2c3d4e5f6/")
@example("/password=hunter2/")
@example("/pets/7/\0")
@example("/a" * (MAX_PATH // 2) + "/a")
def test_a_path_that_is_not_looked_at_holds_nothing_to_find(path: str) -> None:
    """Small words and numbers are let through at a glance: that never lets through what a closer look would not."""
    assert path_of(SimpleNamespace(path=path)) == scrub_text(path, limit=MAX_PATH)
