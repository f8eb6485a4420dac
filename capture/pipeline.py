"""From a failure to the journal, inside the process that failed. Nothing of ours propagates into the site."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time

import msgspec

from capture import in_app
from capture.builder import Draft, Failure
from capture.conf import CaptureSettings, load
from capture.event import encode
from capture.frames import forget_places
from capture.journal import Count, Journal
from capture.values import describe

logger = logging.getLogger("capture")

MAX_FINGERPRINTS = 10_000
EXIT_SECONDS = 2.0


class Pipeline:
    """Takes failures, keeps them on disk, and wakes whoever carries them over."""

    def __init__(self, settings: CaptureSettings, *, journal: Journal | None = None) -> None:
        self.settings = settings
        self.journal = journal or Journal(settings.journal_dir, max_bytes=settings.journal_max_bytes)
        self._kept: dict[str, tuple[int, int]] = {}  # fingerprint → (hour, full events kept in it)
        self._complained = False
        self.recorder = None
        if settings.background:
            from capture.recorder import Recorder

            self.recorder = Recorder(settings, each_look=self.journal.look_after)

    def capture(self, failure: Failure) -> str | None:
        """Put a failure on disk and return its event's id, or None where it is only counted or dropped."""
        if not self.settings.enabled:
            return None
        try:
            event_id = self._keep(failure)
        except Exception:  # noqa: BLE001  (the site comes first: whatever fails here is ours to swallow)
            self._complain()
            event_id = self._keep_bare(failure)
        if self.recorder is not None:
            self.recorder.wake()
        return event_id

    def _keep_bare(self, failure: Failure) -> str | None:
        """Keep a failure without its exception, which could not be described: that something failed is known."""
        try:
            said = failure.message or f"{describe(type(failure.error))}, which could not be described"
            return self._keep(msgspec.structs.replace(failure, error=None, noted=None, message=said))
        except Exception:  # noqa: BLE001  (the request cannot be described either)
            self.journal.drop("internal_error")
            return None

    def after_fork(self) -> None:
        """Let go of what belongs to the parent process."""
        self.journal.after_fork()
        if self.recorder is not None:
            self.recorder.after_fork()

    def close(self) -> None:
        """Write what is left, and give the recorder a moment to carry it over."""
        self.journal.close()
        if self.recorder is not None:
            self.recorder.stop(EXIT_SECONDS)

    def _keep(self, failure: Failure) -> str | None:
        settings = self.settings
        draft = Draft(failure, settings)
        if draft.is_ignored:
            self.journal.drop("ignored")
            return None
        key = draft.fingerprint.key
        count = Count(settings.project, key, draft.at.timestamp(), settings.release, settings.environment)
        if self._is_past_cap(key):
            self.journal.append_count(count)
            return None
        event = draft.event()
        encoded = encode(event)
        if len(encoded) > settings.event_max_bytes:
            event = draft.event(lean=True)
            encoded = encode(event)
        if len(encoded) > settings.event_max_bytes:
            self.journal.drop("too_large")
            return None
        return event.id if self.journal.append_event(encoded, count=count) else None

    def _is_past_cap(self, key: str) -> bool:
        """Return whether enough full events of this fingerprint were kept in this hour, counting this one."""
        hour = int(time.time() // 3600)
        then, kept = self._kept.get(key, (hour, 0))
        kept = kept + 1 if then == hour else 1
        if kept > self.settings.payloads_per_hour:
            return True
        if len(self._kept) >= MAX_FINGERPRINTS:
            self._kept.clear()
        self._kept[key] = (hour, kept)
        return False

    def _complain(self) -> None:
        if not self._complained:
            self._complained = True
            with contextlib.suppress(Exception):  # a logging handler of the site may raise
                logger.exception("An error could not be captured; this is said once a process.")


_lock = threading.Lock()
_pipeline: Pipeline | None = None
_broken = False


def pipeline() -> Pipeline | None:
    """Return this process's pipeline, made at its first failure; None where the settings cannot work."""
    global _broken
    if _pipeline is not None or _broken:
        return _pipeline
    with _lock:
        if _pipeline is None:
            try:
                install(Pipeline(load()))
            except Exception:
                _broken = True
                with contextlib.suppress(Exception):
                    logger.exception("Errors are not captured: the CAPTURE setting cannot work. See `manage.py check`.")
    return _pipeline


def install(new: Pipeline | None) -> Pipeline | None:
    """Put another pipeline in place (None: to be made anew) and return the one that was there."""
    global _pipeline, _broken
    if new is not None and in_app.choose(new.settings.in_app, new.settings.not_in_app):
        forget_places()
    old, _pipeline, _broken = _pipeline, new, False
    return old


def capture(failure: Failure) -> str | None:
    """Capture one failure of this process."""
    found = pipeline()
    return found.capture(failure) if found is not None else None


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    if _pipeline is not None:
        _pipeline.after_fork()


def close() -> None:
    """Close this process's pipeline, if it has one: at exit, and where a process ends without what is due then."""
    if _pipeline is not None:
        _pipeline.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close)
