"""What the site logs as an error is one event: the response's where that is a 5xx, else one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

import pytest

import capture
from capture import pipeline as pipelines
from capture import scope, spool, surroundings
from capture.logs import CaptureHandler

# path, then of each event its status and the type of its exception, in the order in which they are captured
ONCE = [
    ("/logs/200/", [(None, "KeyError")]),
    ("/async-logs/200/", [(None, "KeyError")]),
    ("/logs/404/", [(404, None), (None, "KeyError")]),
    ("/logs/500/", [(500, "KeyError")]),
    ("/logs/503/", [(503, "KeyError")]),
    ("/async-logs/503/", [(503, "KeyError")]),
    ("/logs-and-raises/", [(500, "KeyError")]),
    ("/logs-one-raises-another/", [(500, "ZeroDivisionError")]),
    ("/logs-and-refuses/", [(404, "Http404"), (None, "KeyError")]),
    ("/reports/200/", [(None, "KeyError")]),
    ("/reports/400/", [(None, "KeyError"), (400, None)]),
    ("/reports/503/", [(None, "KeyError")]),
    ("/reports-and-raises-another/", [(None, "KeyError"), (500, "ZeroDivisionError")]),
    ("/says/200/", [(None, None)]),
    ("/says/409/", [(409, None), (None, None)]),
    ("/says/500/", [(500, None)]),
    ("/streams/", [(None, "KeyError")]),
]


def get(path, *, as_async=False):
    """Answer a request of the site, its body included, and return the response."""
    from django.test import AsyncClient, Client, override_settings

    with override_settings(ROOT_URLCONF="around_urls"):
        if as_async:
            return asyncio.run(AsyncClient(raise_request_exception=False).get(path))
        response = Client(raise_request_exception=False).get(path)
        if response.streaming:
            with contextlib.suppress(KeyError):
                list(response.streaming_content)
        return response


@pytest.fixture
def logs_on(captured, capture_settings):
    surroundings.connect(replace(capture_settings, logs=True))
    yield
    surroundings.connect(capture_settings)


@pytest.mark.parametrize(
    ("path", "expected", "as_async"),
    # A synchronous body is not taken apart by the asynchronous client.
    [(*case, as_async) for case in ONCE for as_async in (False, True) if not (as_async and case[0] == "/streams/")],
)
def test_a_logged_error_is_one_event(logs_on, captured, path, expected, as_async):
    get(path, as_async=as_async)
    events = captured()
    assert [(event.status, event.surfaced.type if event.surfaced else None) for event in events] == expected


def test_without_the_setting_nothing_that_is_logged_is_an_event(captured):
    assert get("/logs/200/").status_code == 200
    assert get("/says/200/").status_code == 200
    assert captured() == []


def test_the_id_of_a_report_by_hand_stays_valid(logs_on, captured):
    told = get("/reports/503/").json()["told"]
    assert [event.id for event in captured()] == [told]


def test_a_logged_message_is_known_by_its_format_and_its_logger(logs_on, captured):
    scope.current.set(None)
    logger = logging.getLogger("clinic.visits")
    logger.error("visit %d of %s is gone", 17, "Flopsy")
    logger.error("visit %d of %s is gone", 18, "an owner who is called otherwise")
    logger.error("another %s", "thing")
    logging.getLogger("clinic.other").error("visit %d of %s is gone", 17, "Flopsy")
    first, again, another, elsewhere = captured()
    assert (first.kind, first.title) == ("message", "visit 17 of Flopsy is gone")
    assert first.contexts["log"] == {"logger": "clinic.visits", "level": "error"}
    assert first.fingerprint.key == again.fingerprint.key
    assert len({first.fingerprint.key, another.fingerprint.key, elsewhere.fingerprint.key}) == 3


@pytest.mark.parametrize("as_async", [False, True])
@pytest.mark.parametrize("then", ["raises", "refuses", "reports", "logs"])
@pytest.mark.parametrize("how", ["reports", "logs"])
def test_what_a_thread_told_and_the_request_tells_again_is_one_event(logs_on, captured, how, then, as_async):
    """The thread knows no request, and its event is on disk: the request's is the one that is left out."""
    get(f"/pool/{how}/{then}/", as_async=as_async)
    [event] = captured()
    assert (event.status, event.surfaced.type, event.request) == (None, "KeyError", None)


def test_what_was_told_outside_stands_for_one_request_only(captured):
    """The site may keep an exception and raise it again: each request that it fails is a failure of its own."""
    from around_urls import KEPT

    scope.current.set(None)
    assert capture.capture_exception(KEPT)
    for _ in range(3):
        assert get("/kept/").status_code == 500
    assert [event.status for event in captured()] == [None, 500, 500]


def test_an_event_of_a_logged_exception_has_what_was_logged(logs_on, captured):
    get("/logs/200/")
    [event] = captured()
    assert event.message == "no price for rabbit"
    assert event.request is not None
    assert event.request.route == "/logs/<int:status>/"
    assert event.surfaced.frames[-1].function == "price_of"


def test_past_a_bound_the_logged_errors_of_one_request_are_counted_only(logs_on, captured):
    get("/logs-many/25/")
    assert len(captured()) == 10
    pipeline = pipelines.pipeline()
    pipeline.journal.close()
    [path] = spool.journals(pipeline.settings.journal_dir)
    chunks = list(spool.chunks(path, offset=0, seen=0))
    assert sum(chunk.dropped.get("logged_too_often", 0) for chunk in chunks) == 15
    assert chunks[-1].seen == 25


def test_a_worker_that_is_told_to_end_in_mid_request_loses_nothing_that_was_logged(logs_on, captured):
    with pytest.raises(SystemExit):
        get("/exits/")
    ended, logged = captured()
    assert (ended.status, ended.surfaced.type, ended.request.path) == (500, "SystemExit", "/exits/")
    assert (logged.status, logged.surfaced.type) == (None, "KeyError"), "which may be no reason for it"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ends/fails/", [(500, "SystemExit")]),
        ("/ends/says/", [(500, "SystemExit")]),
        ("/ends/timed-out/", [(500, "Timeout")]),
        ("/reports-and-ends/", [(None, "SystemExit")]),
        ("/logs-and-ends/", [(500, "SystemExit")]),
        ("/ends-and-logs/", [(500, "SystemExit")]),
        *((f"/ends/{how}/", []) for how in ("exits", "leaves", "interrupted", "closed", "cancelled", "killed")),
    ],
)
def test_what_ends_a_worker_in_a_request_is_an_event_unless_it_is_no_failure(logs_on, captured, path, expected):
    from around_urls import GreenletExit, Timeout

    with pytest.raises((SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Timeout, GreenletExit)):
        get(path)
    assert [(event.status, event.surfaced.type) for event in captured()] == expected


@pytest.mark.parametrize(("how", "expected"), [("fails", ["SystemExit"]), ("exits", []), ("cancelled", [])])
@pytest.mark.parametrize("view", ["ends", "async-ends"])
def test_under_asgi_what_ends_a_worker_is_an_event_and_a_cancellation_none(captured, view, how, expected):
    with pytest.raises((SystemExit, asyncio.CancelledError)):
        get(f"/{view}/{how}/", as_async=True)
    assert [event.surfaced.type for event in captured()] == expected


def test_a_record_of_a_logger_that_does_not_propagate_is_seen(logs_on, captured, monkeypatch):
    scope.current.set(None)
    logger = logging.getLogger("clinic.alone")
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(logging.NullHandler())
    logger.error("alone")
    assert [event.title for event in captured()] == ["alone"]


@pytest.mark.parametrize(
    "name", ["django.request", "django.security.csrf", "capture", "gunicorn.error", "uvicorn.error"]
)
def test_loggers_that_tell_of_what_is_captured_already_are_left_out(logs_on, captured, name):
    scope.current.set(None)
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger(name).exception("Internal Server Error: /")
    assert captured() == []


def test_an_exception_that_is_logged_twice_is_one_event_also_outside_of_a_request(logs_on, captured):
    scope.current.set(None)
    try:
        raise KeyError("x")
    except KeyError as error:
        logging.getLogger("clinic").exception("once")
        logging.getLogger("clinic").exception("twice")
        by_hand = capture.capture_exception(error)
    assert by_hand is None
    assert [event.message for event in captured()] == ["once"]


@pytest.fixture
def with_handler(captured):
    """A logger that has our handler, as LOGGING would put it there."""
    scope.current.set(None)
    logger = logging.getLogger("clinic.handled")
    handler = CaptureHandler(level="WARNING")
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_the_handler_captures_from_its_own_level(with_handler, captured):
    with_handler.info("not this")
    with_handler.warning("but this %s", "one")
    with_handler.error("and this")
    assert [event.title for event in captured()] == ["but this one", "and this"]


def test_handler_and_setting_together_make_one_event(with_handler, logs_on, captured):
    with_handler.warning("a warning")
    with_handler.error("an error")
    assert [event.title for event in captured()] == ["a warning", "an error"]


def test_a_record_that_passes_two_handlers_is_one_event(with_handler, captured):
    """A handler of the root and one of the child: what propagates comes to both."""
    root, again = logging.getLogger(), CaptureHandler()
    root.addHandler(again)
    try:
        with_handler.error("no exception")
        with_handler.error("no exception")
        get("/says/200/")
        logging.getLogger("clinic.prices").addHandler(again)
        get("/says/200/")
    finally:
        root.removeHandler(again)
        logging.getLogger("clinic.prices").removeHandler(again)
    assert [event.title for event in captured()] == ["no exception"] * 2 + ["visit 17 of Flopsy is gone"] * 2


def test_the_handler_in_the_setting_of_django(captured):
    from logging.config import dictConfig

    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"bugs": {"class": "capture.logs.CaptureHandler", "level": "ERROR"}},
            "loggers": {"clinic.configured": {"handlers": ["bugs"]}},
        }
    )
    scope.current.set(None)
    logging.getLogger("clinic.configured").warning("not this")
    logging.getLogger("clinic.configured").error("but this")
    logging.getLogger("clinic.configured").handlers.clear()
    assert [event.title for event in captured()] == ["but this"]


class Hostile:
    """An object that is dangerous to look at."""

    def __str__(self):
        raise AssertionError("touched")

    __repr__ = __format__ = __getattr__ = __len__ = __str__


def test_nothing_that_is_logged_can_hurt_the_site(logs_on, captured):
    scope.current.set(None)
    logger = logging.getLogger("clinic.hostile")
    logger.propagate = False  # what the handlers of a site do with it is their business
    logger.addHandler(logging.NullHandler())
    try:
        logger.error("%s and %r", Hostile(), Hostile())
        logger.error("%999999999d", 1)
        logger.error("%d", "no number")
        logger.error("%(user)s and %(password)s", {"user": "ada", "password": "hunter2"})
        logger.error("x" * 10_000_000)
        logger.error(Hostile())
        logger.error("%s", "y" * 10_000_000)
        logger.error("token=%s", "abcdefghijklmnop")
    finally:
        logger.propagate = True
    events = captured()
    assert len(events) == 8
    texts = [event.message for event in events]
    assert texts[0].startswith("<Hostile")
    assert "no number" in texts[2]
    assert texts[3].startswith("ada and [redacted]")
    assert "hunter2" not in str(events)
    assert "abcdefghijklmnop" not in str(events)
    assert max(map(len, texts)) < 3_000
