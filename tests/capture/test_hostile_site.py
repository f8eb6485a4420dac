"""Exceptions, answers and calls by hand that fight back: the site answers as it would without us, and each is told."""

from __future__ import annotations

import http.client
import logging
from http import HTTPStatus
from typing import ClassVar

import pytest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory, override_settings
from django.utils.functional import lazy

import capture
from capture import logs, values
from capture.middleware import CaptureMiddleware


class NoAttributes(Exception):
    """Its `__dict__` cannot be asked."""

    @property
    def __dict__(self):
        raise RuntimeError


def _refuses(_self):
    raise RuntimeError


class Lies(Exception):
    """What it was raised with cannot be asked."""

    __notes__ = args = property(_refuses)


class EndsTheProcess(Exception):
    """Its text wants to end the process."""

    def __str__(self):
        raise SystemExit(3)


class Interrupts(Exception):
    """Its text pretends that somebody pressed Ctrl-C."""

    def __str__(self):
        raise KeyboardInterrupt


class NamelessKind(type):
    """A class that will not tell its name."""

    __name__ = __module__ = __mro__ = property(_refuses)

    def __instancecheck__(cls, instance):
        raise RuntimeError


class Nameless(Exception, metaclass=NamelessKind):
    """An exception of such a class."""


class WatchedKind(type):
    """A class that tells when somebody asks it for anything: it may wait there for ever."""

    asked: ClassVar[list] = []

    def __getattribute__(cls, name):
        WatchedKind.asked.append(name)
        return super().__getattribute__(name)


class Watched(Exception, metaclass=WatchedKind):
    """An exception of such a class."""


HOSTILE = [NoAttributes, Lies, EndsTheProcess, Interrupts, Nameless, Watched, MemoryError, RecursionError]
hostile = pytest.mark.parametrize("kind", HOSTILE, ids=lambda kind: type.__dict__["__name__"].__get__(kind))
broken_text = lazy(lambda: 1 / 0, str)


@pytest.fixture
def answer(django_site, monkeypatch):
    """Return a function that serves a view behind our middleware as Django would."""
    # pytest's own log handlers cannot stand these exceptions.
    monkeypatch.setattr(logging.getLogger("django.request"), "propagate", False)

    def respond(view):
        return CaptureMiddleware(convert_exception_to_response(view))(RequestFactory().get("/hostile/"))

    return respond


def raising(kind):
    def view(request):
        raise kind("rabbit")

    return view


def name_of(kind):
    return type.__dict__["__name__"].__get__(kind)


@hostile
def test_an_exception_that_fights_back_is_an_event_with_its_type(answer, captured, kind):
    assert answer(raising(kind)).status_code == 500
    assert [(event.status, event.surfaced.type) for event in captured()] == [(500, name_of(kind))]


def test_the_class_of_an_exception_is_asked_for_nothing(captured):
    error = Watched("rabbit")
    WatchedKind.asked.clear()
    capture.capture_exception(error)
    asked = list(WatchedKind.asked)
    assert [event.surfaced.message for event in captured()] == ["rabbit"]
    assert asked == []


@hostile
def test_it_is_reported_by_hand_as_well(answer, captured, kind):
    def view(request):
        try:
            raise kind("rabbit")
        except Exception:  # noqa: BLE001
            capture.capture_exception()
        return HttpResponse()

    assert answer(view).status_code == 200
    assert [event.surfaced.type for event in captured()] == [name_of(kind)]
    try:
        raise kind("rabbit")
    except Exception:  # noqa: BLE001
        assert capture.capture_exception()
    assert len(captured()) == 2


@hostile
def test_it_is_logged_as_well(answer, captured, kind):
    logger = logging.Logger("hostile")
    logger.addHandler(logs.CaptureHandler())

    def view(request):
        try:
            raise kind("rabbit")
        except Exception:
            logger.exception("no price")
        return HttpResponse()

    assert answer(view).status_code == 200
    assert [event.surfaced.type for event in captured()] == [name_of(kind)]


@hostile
def test_it_is_let_through_as_it_is(answer, captured, kind):
    raised = None
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
        try:
            answer(raising(kind))
        except Exception as error:  # noqa: BLE001  (pytest itself asks too much of these)
            raised = type(error)
    assert raised is kind
    assert [event.surfaced.type for event in captured()] == [name_of(kind)]


@pytest.mark.parametrize("error", [ValueError, 7, (), {"a": 1}])
def test_what_is_no_exception_is_reported_as_what_it_is(captured, django_site, error):
    assert capture.capture_exception(error)
    assert values.describe(error) in captured()[0].message


def test_the_three_values_of_exc_info_are_an_exception(captured, django_site):
    assert capture.capture_exception((ValueError, ValueError("rabbit"), None))
    assert captured()[0].surfaced.message == "rabbit"


class Unreadable(dict):
    """A mapping that cannot be read."""

    def items(self):
        raise RuntimeError


def test_calls_by_hand_never_raise(captured, django_site):
    capture.capture_message(broken_text())
    capture.tag(broken_text(), broken_text())
    capture.context(broken_text(), Unreadable(a=1))
    with capture.context("order", Unreadable(a=1)):
        capture.context("order", {"text": broken_text()})
    assert len(captured()) == 1


def test_a_logged_text_that_cannot_be_read_costs_its_text_and_nothing_else(answer, captured):
    logger = logging.Logger("hostile")
    logger.addHandler(logs.CaptureHandler())

    def view(request):
        logger.error(broken_text())
        logger.error("no price for %s", broken_text())
        return HttpResponse()

    assert answer(view).status_code == 200
    assert len(captured()) == 2


class Number(int):
    """A number of somebody's own."""


@pytest.mark.parametrize("status", [Number(500), 500.0, HTTPStatus.GONE, 600, 999])
def test_a_status_of_any_kind_of_number_is_that_number(answer, captured, status):
    def view(request):
        response = HttpResponse()
        response.status_code = status
        return response

    assert answer(view).status_code == status
    assert [(event.status, type(event.status)) for event in captured()] == [(int(status), int)]


def test_a_backend_that_hangs_up_on_a_streaming_body_is_an_error(answer, captured):
    """A client's own connection breaks in the server, never in the body: this is one that the site had opened."""

    def body():
        yield b"one"
        raise http.client.RemoteDisconnected("the backend went away")

    response = answer(lambda request: StreamingHttpResponse(body()))
    with pytest.raises(http.client.RemoteDisconnected):
        list(response)
    assert [event.surfaced.type for event in captured()] == ["RemoteDisconnected"]
