"""Events made for tests: complete, plausible, and different only where a test says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from capture.event import Event, ExceptionInfo, Fingerprint, Frame, Part, Request, new_event_id

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def make_event(**changes: Any) -> Event:
    """Return a KeyError behind a 500 of `/api/visits/<int:pk>/price/`, with `changes` applied to the event.

    `key` is a short-cut for the fingerprint's key.
    """
    key = changes.pop("key", "a1b2c3d4e5f60718")
    event = Event(
        id=new_event_id(),
        at=NOW,
        kind="exception",
        title="KeyError: 'rabbit' in price_of",
        fingerprint=Fingerprint(
            key=key,
            version="1",
            parts=(
                Part(name="exception", value="KeyError", why="the type that surfaced"),
                Part(name="frame", value="clinic.pricing:price_of", why="innermost frame of the application"),
            ),
        ),
        project="clinic",
        environment="production",
        release="4f2d1c0",
        server="web-1",
        status=500,
        message="'rabbit'",
        exceptions=(
            ExceptionInfo(
                type="KeyError",
                module="builtins",
                message="'rabbit'",
                frames=(
                    Frame(
                        module="django.core.handlers.base",
                        function="_get_response",
                        filename="/srv/venv/django/core/handlers/base.py",
                        lineno=197,
                        context_line="response = wrapped_callback(request, *callback_args, **callback_kwargs)",
                        in_app=False,
                    ),
                    Frame(
                        module="clinic.pricing",
                        function="price_of",
                        filename="/srv/clinic/clinic/pricing.py",
                        lineno=12,
                        pre_context=("def price_of(visit):",),
                        context_line="    return PRICES[visit.species]",
                        locals={"visit": "<Visit: Flopsy>"},
                    ),
                ),
            ),
        ),
        request=Request(
            method="GET",
            path="/api/visits/7/price/",
            route="/api/visits/<int:pk>/price/",
            host="clinic.example",
            headers={"User-Agent": "Mozilla/5.0"},
            view="clinic.views.visit_price",
        ),
        process=4242,
        thread="MainThread",
        python="3.11.7",
        django="5.2.19",
    )
    return msgspec.structs.replace(event, **changes)
