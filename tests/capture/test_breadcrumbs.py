"""The last log records, queries, tags and contexts of a request go with its event, and nothing of another's."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

import capture
from capture import breadcrumbs, scope, surroundings
from capture.event import decode, encode


def get(path, *, as_async=False):
    from django.test import AsyncClient, Client, override_settings

    with override_settings(ROOT_URLCONF="around_urls"):
        if as_async:
            return asyncio.run(AsyncClient(raise_request_exception=False).get(path))
        return Client(raise_request_exception=False).get(path)


@pytest.fixture
def connect(capture_settings):
    """A function that connects the surroundings with changed settings, for this test."""
    yield lambda **changes: surroundings.connect(replace(capture_settings, **changes))
    surroundings.connect(capture_settings)


@pytest.fixture(autouse=True)
def outside_of_everything():
    token = scope.current.set(None)
    yield
    scope.current.reset(token)


@pytest.mark.parametrize(("path", "as_async"), [("/walks/", False), ("/walks/", True), ("/async-walks/", True)])
def test_what_was_logged_on_the_way_is_in_the_event(captured, connect, path, as_async):
    connect()
    with_info("clinic.prices")
    get(path, as_async=as_async)
    [event] = captured()
    assert [(crumb.logger, crumb.level, crumb.message) for crumb in event.breadcrumbs] == [
        ("clinic.prices", "info", "order 7 of {'password': '[redacted]', 'name': 'Flopsy'}"),
        ("clinic.silent", "warning", "card [redacted]"),
        ("clinic.prices", "warning", "in the step"),
    ]
    befores = [crumb.before for crumb in event.breadcrumbs]
    assert befores == sorted(befores, reverse=True)
    assert 0 <= befores[-1] < 5
    assert decode(encode(event)) == event


def with_info(name):
    logging.getLogger(name).setLevel(logging.INFO)


def test_tags_and_contexts_are_in_the_event(captured, connect):
    connect()
    get("/walks/")
    [event] = captured()
    assert event.tags == {"shop": "north"}
    assert event.contexts == {"order": {"id": "7", "api_key": "[redacted]"}, "step": {"name": "pricing"}}


def test_the_next_request_begins_without_them(captured, connect):
    connect()
    get("/walks/")
    get("/logs-and-raises/")
    event = captured()[-1]
    assert (event.tags, event.contexts) == ({}, {})
    assert [crumb.message for crumb in event.breadcrumbs] == ["no price (KeyError)"]


def test_a_thread_with_a_copy_of_the_context_adds_to_them(captured, connect):
    connect()
    with_info("clinic.prices")
    get("/thread/")
    [event] = captured()
    assert [crumb.message for crumb in event.breadcrumbs] == ["from the thread"]


def test_one_setting_switches_them_off(captured, connect):
    connect(breadcrumbs=0)
    get("/walks/")
    [event] = captured()
    assert event.breadcrumbs == ()


def test_the_last_ones_are_kept(captured, connect):
    connect(breadcrumbs=3)
    with Noted():
        for number in range(10):
            logging.getLogger("clinic").warning("step %d", number)
        capture.capture_message("done")
    [event] = captured()
    assert [crumb.message for crumb in event.breadcrumbs] == ["step 7", "step 8", "step 9"]


class Noted:
    """Run a block within a scope of its own."""

    def __enter__(self):
        self.token = scope.current.set(scope.Scope())
        return scope.current.get()

    def __exit__(self, *_):
        scope.current.reset(self.token)


def test_without_a_log_record_a_request_keeps_nothing(captured, connect):
    connect()
    with Noted() as empty:
        logging.getLogger("clinic").debug("not noted")
        logging.getLogger("django.request").error("not noted: %s", "/")
        logging.getLogger("django.db.backends").warning("SELECT 'hunter2'")
        assert empty.crumbs is None


def test_long_records_are_cut_before_they_are_kept(captured, connect):
    connect()
    with Noted() as kept:
        logging.getLogger("clinic").warning("%s", "x" * 1_000_000)
        logging.getLogger("clinic").warning("x" * 1_000_000)
        sizes = [len(crumb[3]) + sum(map(len, crumb[4] or ())) for crumb in kept.crumbs]
        assert max(sizes) < 2_100
        capture.capture_message("done")
    [event] = captured()
    assert all(len(crumb.message) <= breadcrumbs.MAX_MESSAGE for crumb in event.breadcrumbs)


def test_an_event_that_is_too_large_goes_without_them(captured, connect, capture_settings):
    from capture import pipeline as pipelines

    connect()
    with Noted():
        for _ in range(30):
            logging.getLogger("clinic").warning("word " * 50)
        small = pipelines.Pipeline(replace(capture_settings, event_max_bytes=4096))
        before = pipelines.install(small)
        try:
            assert capture.capture_message("done")
        finally:
            pipelines.install(before)
            small.journal.close()
    [event] = captured()
    assert event.breadcrumbs == ()


def test_what_a_context_block_held_stays_when_an_exception_leaves_it(captured):
    with Noted():
        capture.context("a", {"n": 1})
        with capture.context("a", {"n": 2}):
            capture.capture_message("inside")
        capture.capture_message("after")
        with pytest.raises(KeyError), capture.context("a", {"n": 3}):
            raise KeyError("x")
        capture.capture_message("left")
    assert [event.contexts for event in captured()] == [{"a": {"n": "2"}}, {"a": {"n": "1"}}, {"a": {"n": "3"}}]


def test_tags_and_contexts_are_bounded_and_hurt_nobody(captured):
    class Hostile:
        def __str__(self):
            raise AssertionError("touched")

        __repr__ = __str__

    with Noted():
        for number in range(100):
            capture.tag(f"n{number}", "x" * 10_000)
            capture.context(f"c{number}", {f"k{n}": Hostile() for n in range(100)})
        capture.tag("hostile", Hostile())
        capture.context("none", None)
        capture.capture_message("done")
    [event] = captured()
    assert (len(event.tags), max(map(len, event.tags.values()))) == (50, 500)
    assert (len(event.contexts), max(map(len, event.contexts.values()))) == (10, 30)


@pytest.fixture
def database(django_site, tmp_path):
    """A database of the site, only while a test runs: the site has none."""
    from django.db import connections

    connections.databases["default"] = connections.configure_settings(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "site.db"}}
    )["default"]
    before = getattr(connections._connections, "default", None)
    if before is not None:
        del connections["default"]
    yield
    connections["default"].close()
    del connections["default"]
    connections.databases["default"] = connections.configure_settings({})["default"]


def test_queries_are_noted_with_placeholders_where_a_site_asks_for_them(captured, connect, database):
    connect(queries=True)
    get("/queries/")
    [event] = captured()
    first, second = event.breadcrumbs
    assert (first.kind, first.logger, first.message) == ("query", "default", "SELECT %s || ? || ?")
    assert first.duration_ms is not None
    assert second.level == "error"
    assert second.message == "SELECT broken FROM nowhere WHERE id = %s (OperationalError)"
    assert "hunter" not in str(event.breadcrumbs)


def test_queries_are_not_noted_unasked(captured, connect, database):
    from django.db import connection

    connect()
    get("/queries/")
    [event] = captured()
    assert event.breadcrumbs == ()
    assert connection.execute_wrappers == []
