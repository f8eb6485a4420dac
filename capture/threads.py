"""What ends a thread, as an event. The hook that was there before runs as ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from capture.builder import Failure
from capture.conf import CaptureSettings
from capture.event import Job
from capture.pipeline import capture
from capture.scope import current, is_marked
from capture.scrub import scrub_text

_wanted = False
_installed = False


def connect(settings: CaptureSettings) -> None:
    """Capture what ends a thread from now on, as the settings say."""
    global _wanted, _installed
    _wanted = settings.threads and settings.enabled
    if _wanted and not _installed:
        _installed = True
        threading.excepthook = _capturing(threading.excepthook)


def _capturing(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def capture_and_go_on(args: Any) -> Any:
        try:
            if _wanted:
                _ended(args.exc_value, args.thread)
        except Exception:  # noqa: BLE001, S110  (never into the site)
            pass
        return hook(args)

    return capture_and_go_on


def _ended(error: BaseException | None, thread: threading.Thread | None) -> None:
    # SystemExit is how a thread is ended on purpose.
    if not isinstance(error, Exception):
        return
    noted = current.get()
    if is_marked(error) or (noted is not None and noted.was_told(error)):
        return
    name = thread.name if thread is not None else "unknown"
    capture(Failure(error=error, noted=noted, job=Job(kind="thread", name=scrub_text(name, limit=100))))
