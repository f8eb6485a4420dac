"""For tests: events made up, complete and plausible; and for a site's own tests, what was captured in a block."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
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


@contextlib.contextmanager
def capturing() -> Iterator[Callable[[], list[Event]]]:
    """Capture into a journal of this block's own, and give a function that returns its events so far.

    Nothing reaches the site's journal or database. Where CAPTURE_DISABLED is set, responses and reports by hand are
    captured in the block all the same; logs, tasks, commands and threads are not, since they are connected at start::

        with capturing() as captured:
            client.get("/visits/7/")
        assert [event.title for event in captured()] == ["KeyError: 'rabbit' in price_of"]
    """
    from capture import pipeline, spool
    from capture.conf import load

    found: list[Event] = []
    with tempfile.TemporaryDirectory(prefix="capture-") as folder:
        mine = pipeline.Pipeline(replace(load(), journal_dir=Path(folder), background=False, enabled=True))

        def captured() -> list[Event]:
            if not is_over:
                paths = spool.journals(Path(folder))
                chunks = [chunk for path in paths for chunk in spool.chunks(path, offset=0, seen=0)]
                records = [record for chunk in chunks for record in chunk.records]
                found[:] = [record.event for record in records if record.event is not None]
            return list(found)

        is_over = False
        before = pipeline.install(mine)
        try:
            yield captured
        finally:
            captured()
            is_over = True
            mine.journal.close()
            pipeline.install(before)
