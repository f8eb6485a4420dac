"""However much a client makes up, it makes a handful of bugs: through the real middleware and URL configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest

from capture import pipeline as pipelines
from capture.conf import CaptureSettings
from capture.spool import Record

Answer = Callable[..., int]

PATHS = (
    "/a{n}/",
    "/b/{n}/c",
    "/{n}.php",
    "/.git/{n}",
    "/static/x{n}.js",
    "/favicon-{n}.ico",
    "/wp-{n}",
    "/{n}/../x",
    "/é{n}/",
)
REFERERS = (
    "",
    "http://testserver/made/up/{n}/",
    "http://testserver/api/pets/{n}/",
    "http://testserver/{n}?next=/{n}",
    "http://testserver//{n}//",
    "http://testserver/%2e%2e/{n}",
    "http://elsewhere{n}.example/",
    "http://testserver",
    "testserver{n}",
)
METHODS = ("GET", "POST", "HEAD", "FOO{n}", "PROPFIND", "DELETE", "OPTIONS")
HOSTS = ("testserver", "testserver", "testserver", "forged{n}.example", "\x00{n}", "testserver:{n}")


@pytest.fixture
def answer(django_site: None) -> Answer:
    """A function that has the whole of the site answer one request."""
    from django.core.handlers.base import BaseHandler
    from django.test import RequestFactory

    handler = BaseHandler()
    handler.load_middleware()
    factory = RequestFactory()

    def answer(path: str, method: str = "GET", **meta: Any) -> int:
        request = factory.generic(method, "/", **meta)
        request.path = request.path_info = path
        status: int = handler.get_response(request).status_code
        return status

    return answer


@pytest.fixture
def keys(
    django_site: None, capture_settings: CaptureSettings, read_records: Callable[..., list[Record]]
) -> Iterator[Callable[[], set[str]]]:
    """A function that returns the keys of all that was captured; of each, one event is kept and the rest counted."""
    mine = pipelines.Pipeline(replace(capture_settings, payloads_per_hour=1))
    before = pipelines.install(mine)

    def keys() -> set[str]:
        found = read_records(capture_settings.journal_dir)
        return {record.event.fingerprint.key for record in found if record.event is not None}

    yield keys
    mine.journal.close()
    pipelines.install(before)


def test_ten_thousand_paths_with_forged_headers_make_a_handful_of_bugs(answer: Answer, keys: Any) -> None:
    paths, referers, methods, hosts = map(cycle, (PATHS, REFERERS, METHODS, HOSTS))
    for n in range(10_000):
        if n % 7 == 0:
            next(referers)  # so that every path meets every referer
        answer(
            next(paths).format(n=n),
            next(methods).format(n=n),
            HTTP_REFERER=next(referers).format(n=n),
            HTTP_HOST=next(hosts).format(n=n),
        )
    # A good or a bad host, times scanner, asset, favicon, unknown, and a link on a page, the start page or none.
    assert 5 <= len(keys()) <= 16


def test_a_real_broken_link_is_known_by_the_page_that_has_it(answer: Answer, keys: Any) -> None:
    for n in range(20):
        answer(f"/old/{n}/", HTTP_REFERER=f"http://testserver/api/pets/{n}/")
    assert len(keys()) == 1
    answer("/old/1/", HTTP_REFERER="http://testserver/api/owners/ada/")
    assert len(keys()) == 2


def test_methods_on_a_known_route_are_a_few(answer: Answer, keys: Any) -> None:
    for n in range(300):
        answer("/only_get/", f"{('FOO', 'PUT', 'PATCH', 'DELETE', 'LOCK', 'TRACE')[n % 6]}{n if n % 2 else ''}")
    assert len(keys()) <= 6


def test_a_status_that_the_client_names_is_one_of_the_standard_or_one_of_two(answer: Answer, keys: Any) -> None:
    for status in range(400, 600):
        answer(f"/returns/{status}/")
    assert len(keys()) <= 55


def test_a_message_that_quotes_the_client_makes_one_bug_where_no_line_of_ours_is(keys: Any) -> None:
    from http.cookies import CookieError, SimpleCookie

    from capture.builder import Failure

    for n in range(200):
        try:
            SimpleCookie()[f"what {'x' * n} says <{n}> ,"] = "1"
        except CookieError as error:
            error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
            pipelines.capture(Failure(error=error, status=500))
    assert len(keys()) == 1
