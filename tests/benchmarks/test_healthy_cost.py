"""What a healthy response pays for the middleware, measured around a view that does nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from django.conf import settings

CALLS, ROUNDS = 20_000, 7


def _microseconds(call: Callable[[Any], Any], request: Any) -> float:
    began = time.process_time_ns()
    for _ in range(CALLS):
        request.__dict__.clear()
        call(request)
    return (time.process_time_ns() - began) / CALLS / 1_000


def test_a_healthy_response(report: Callable[..., None]) -> None:
    """CPU per call, median of rounds taken in turn."""
    if not settings.configured:
        settings.configure(CAPTURE={})
    from django.http import HttpResponse

    from capture.middleware import CaptureMiddleware

    class Request:
        pass

    response = HttpResponse("fine")

    def view(_request: Any) -> HttpResponse:
        return response

    middleware, request = CaptureMiddleware(view), Request()
    rounds = [(_microseconds(middleware, request), _microseconds(view, request)) for _ in range(ROUNDS)]
    with_capture, without = (median(column) for column in zip(*rounds, strict=True))

    added = with_capture - without
    report(
        "healthy response, middleware around a no-op: added",
        added,
        "the no-op",
        without,
        "µs",
        bar="< 20 µs",
        met=added < 20,
    )
