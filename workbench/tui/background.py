"""What goes on while the screen is open, in threads that end with it: watching, owed actions, lost sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.tui.desk import Desk

if TYPE_CHECKING:
    from workbench.bugs.needs import Needs
    from workbench.bugs.queries import Watcher
    from workbench.tracker.worker import Worker

POLL_SECONDS = 0.25
OWED_SECONDS = 5.0  # between looks for what is due by the clock; whatever is written is looked at as soon as it is
SWEEP_SECONDS = 20.0
NEEDS_SECONDS = 1.0
HEAR_SECONDS = 2.0
NUDGED_SECONDS = 1.0  # between two looks because something was written: a session at work writes all the time


class Tell(NamedTuple):
    """Where the threads say what they saw. Each is called from a thread."""

    changed: Callable[[], None]
    swept: Callable[[list[str]], None]
    trouble: Callable[[str], None]  # what keeps owed actions from being done; empty when nothing does
    failed: Callable[[BaseException], None]
    needed: Callable[[Sequence[str]], None] = lambda _told: None  # what has come to need a person


class Ending(threading.Event):
    """Set once all is to end. A wait for it also ends when it is nudged: something happened that may be work.

    The first nudge in a while ends it at once, and of many only so many as there may be looks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._nudged = threading.Event()
        self._waited_at = -NUDGED_SECONDS

    def nudge(self) -> None:
        """Let who waits look."""
        self._nudged.set()

    def set(self) -> None:
        """Let everybody end."""
        super().set()
        self._nudged.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, a nudge or the time; return whether it is the end."""
        self._nudged.wait(timeout)
        super().wait(max(self._waited_at + NUDGED_SECONDS - time.monotonic(), 0))
        self._waited_at = time.monotonic()
        if not self.is_set():
            self._nudged.clear()
        return self.is_set()


class Background:
    """The threads. They are daemons: a hanging network call never keeps the terminal from closing."""

    def __init__(self, desk: Desk, tell: Tell) -> None:
        self._desk = desk
        self._tell = tell
        self._stop = threading.Event()
        self._stop_owed = Ending()
        self._worker: Worker | None = None
        self._heard = ""
        self._needs: Needs | None = None  # as they were last seen
        self._needs_at = -NEEDS_SECONDS
        self._is_behind = False  # something changed since
        self._threads = [
            threading.Thread(target=work, name=f"workbench-{name}", daemon=True)
            for name, work in (("watch", self._watch), ("owed", self._do_what_is_owed), ("sweep", self._sweep))
        ]

    def start(self) -> None:
        """Start all threads; the store is open. Where nothing may be changed, only the one that watches."""
        for thread in self._threads[:1] if self._desk.read_only else self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all threads to end, and wait a moment for them."""
        self._stop.set()
        self._stop_owed.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=1.0)

    def _repeat(self, every: float, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001  (a thread that ends unseen would be worse than any message)
                self._tell.failed(error)
                self._stop.wait(1.0)
            self._stop.wait(every)

    def _watch(self) -> None:
        watcher: Watcher | None = None

        def look() -> None:
            nonlocal watcher
            if watcher is None:
                watcher = self._desk.watcher()
                self._tell.changed()  # whatever happened before there was a watcher
            elif watcher.changed():
                self._tell.changed()
                self._stop_owed.nudge()
            elif not self._is_behind:
                return
            self._look_for_needs()

        self._repeat(POLL_SECONDS, look)
        if watcher is not None:
            watcher.close()

    def _look_for_needs(self) -> None:
        """Tell what has come to need a person; at most once a second, so that a storm of events costs nothing."""
        from workbench.bugs.needs import needs, news

        if time.monotonic() < self._needs_at + NEEDS_SECONDS:
            self._is_behind = True
            return
        self._needs_at, self._is_behind = time.monotonic(), False
        found = needs(self._desk.engine)
        if self._needs is not None and (told := news(self._needs, found)):
            self._tell.needed(told)
        self._needs = found

    def _do_what_is_owed(self) -> None:
        while not self._has_work():
            if self._stop_owed.wait(OWED_SECONDS):
                return
        from workbench.tracker.worker import Worker

        self._worker = Worker(self._desk.config, self._desk.engine, poll_seconds=OWED_SECONDS)
        self._worker.run(self._stop_owed)

    def _has_work(self) -> bool:
        """Return whether a worker is to be loaded: also where that cannot be told, since it says why."""
        from workbench.tracker.idle import has_work

        try:
            return has_work(self._desk.config, self._desk.engine)
        except Exception:  # noqa: BLE001  (whatever a database does)
            return True

    def _hear_worker(self) -> None:
        """Pass on what keeps the worker from its work, once each time it changes."""
        status = self._worker.status if self._worker is not None else ""
        if status != self._heard:
            self._heard = status
            self._tell.trouble(status)

    def _sweep(self) -> None:
        waited = SWEEP_SECONDS

        def sweep() -> None:
            nonlocal waited
            self._hear_worker()
            waited += HEAR_SECONDS
            if waited < SWEEP_SECONDS:
                return
            waited = 0.0
            lost = self._desk.sessions.sweep()
            if lost:
                self._tell.swept(lost)

        self._repeat(HEAR_SECONDS, sweep)
