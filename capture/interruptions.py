"""Exceptions that strike from outside, between any two instructions: time limits, shutdowns, Ctrl-C.

Their lines say where the work happened to be at that moment, and every event has others.
"""

from __future__ import annotations

from collections.abc import Sequence

from capture.event import ExceptionInfo, Frame

# What a signal calls in the middle of other code, by modules. What these raise goes out through the lines struck.
HANDLERS = {
    "billiard.pool": frozenset({"soft_timeout_sighandler"}),  # the soft time limit of Celery's tasks
    "billiard.common": frozenset({"_shutdown_cleanup"}),  # a task that is revoked, or whose worker is told to end
    "gunicorn.workers.base": frozenset({"handle_abort", "handle_quit"}),  # its `timeout`; a worker that ends at once
    "rq.timeouts": frozenset({"handle_death_penalty"}),
}
# What is put into a running thread, or raised by the interpreter itself: these have no frame of their own.
INJECTED = frozenset(
    {
        ("builtins", "KeyboardInterrupt"),
        ("dramatiq.middleware.shutdown", "Shutdown"),
        ("dramatiq.middleware.time_limit", "TimeLimitExceeded"),
        ("rq.exceptions", "ShutDownImminentException"),
        ("rq.timeouts", "JobTimeoutException"),
    }
)


def struck(exception: ExceptionInfo) -> bool:
    """Return whether an exception came from outside, so that none of the application's lines raised it."""
    telling = telling_frames(exception)
    return len(telling) < len(exception.frames) and not any(frame.in_app for frame in telling)


def telling_frames(exception: ExceptionInfo) -> Sequence[Frame]:
    """Return the frames that say how an exception came about: of one that struck, what its handler itself called."""
    frames = exception.frames
    if (exception.module, exception.type) in INJECTED:
        return ()
    for index in range(len(frames) - 1, -1, -1):
        names = HANDLERS.get(frames[index].module)
        if names is not None and frames[index].plain_name in names:
            return frames[index + 1 :]
    return frames
