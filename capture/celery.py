"""Celery's tasks that failed for good, in whichever process that shows. A retry that is still to come is no failure.

Nothing here imports Celery where the site has not.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any

from capture import arrival, pipeline, tasks
from capture.conf import CaptureSettings

_CONTROL_FLOW = frozenset(("Ignore", "Reject", "Retry"))
# A hard time limit is told twice within milliseconds, by the pool and by the worker, each with its own exception.
TOLD_TWICE_SECONDS = 5.0
_timed_out: deque[tuple[str, float]] = deque(maxlen=100)

_connected = False
_wanted = False


def connect(settings: CaptureSettings) -> None:
    """Capture failed tasks from now on, as the settings say, once the site has loaded Celery."""
    global _connected, _wanted
    _wanted = settings.tasks and settings.enabled
    if _wanted and not _connected:
        _connected = True
        arrival.when_imported("celery.signals", _listen)


def _listen(signals: Any) -> None:
    signals.task_prerun.connect(_begins, dispatch_uid="capture")
    signals.task_failure.connect(_failed, dispatch_uid="capture")
    signals.task_postrun.connect(_ends, dispatch_uid="capture")
    # The children of a prefork pool end without running what Python runs at exit.
    signals.worker_process_shutdown.connect(_goes, dispatch_uid="capture")


def _begins(sender: Any = None, **_: Any) -> None:
    if _wanted:
        tasks.begin(str(sender.name))


def _ends(sender: Any = None, **_: Any) -> None:
    tasks.end(str(sender.name))


def _failed(
    sender: Any = None,
    task_id: Any = None,
    exception: Any = None,
    args: Any = None,
    kwargs: Any = None,
    **_: Any,
) -> None:
    if not _wanted:
        return
    error = _raised(exception)
    if isinstance(error, tuple(getattr(sender, "throws", None) or ())) or type(error).__name__ in _CONTROL_FLOW:
        return  # the task says itself that this is how it ends
    if type(error).__name__ == "TimeLimitExceeded" and _is_known(str(task_id)):
        return
    facts = {"id": str(task_id or "")[:100], **_delivery(sender)}
    facts["arguments"] = tasks.shown_arguments(sender.run, args, kwargs)
    tasks.failed(str(sender.name), error, facts)


def _is_known(task_id: str) -> bool:
    """Return whether it was told just now that this task ran out of time, and remember that it was."""
    now = time.monotonic()
    known = any(other == task_id and now - at < TOLD_TWICE_SECONDS for other, at in list(_timed_out))
    _timed_out.append((task_id, now))
    return known


def _raised(exception: Any) -> BaseException | None:
    """Return what was raised: Celery hands on a stand-in where that cannot be pickled."""
    if type(exception).__name__ == "UnpickleableExceptionWrapper":
        return sys.exc_info()[1] or exception
    return exception if isinstance(exception, BaseException) else None


def _delivery(task: Any) -> dict[str, str]:
    request = getattr(task, "request", None)
    delivery = getattr(request, "delivery_info", None) or {}
    worker = str(getattr(request, "hostname", None) or "")
    return {
        "queue": str(delivery.get("routing_key") or "")[:200],
        "retries": str(getattr(request, "retries", None) or 0),
        "worker": worker[:200],
        "eager": "yes" if getattr(request, "is_eager", False) else "",
    }


def _goes(**_: Any) -> None:
    pipeline.close()
