"""What goes on while the screen is open, in threads that end with it: watching, owed actions, lost sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.tui.desk import Desk

if TYPE_CHECKING:
    from workbench.bugs.queries import Watcher
    from workbench.tracker.worker import Worker

POLL_SECONDS = 0.25
SWEEP_SECONDS = 20.0
HEAR_SECONDS = 2.0


@dataclass(frozen=True)
class Tell:
    """Where the threads say what they saw. Each is called from a thread."""

    changed: Callable[[], None]
    swept: Callable[[list[str]], None]
    trouble: Callable[[str], None]  # what keeps owed actions from being done; empty when nothing does
    failed: Callable[[BaseException], None]


class Background:
    """The threads. They are daemons: a hanging network call never keeps the terminal from closing."""

    def __init__(self, desk: Desk, tell: Tell) -> None:
        self._desk = desk
        self._tell = tell
        self._stop = threading.Event()
        self._worker: Worker | None = None
        self._heard = ""
        self._threads = [
            threading.Thread(target=work, name=f"workbench-{name}", daemon=True)
            for name, work in (("watch", self._watch), ("owed", self._do_what_is_owed), ("sweep", self._sweep))
        ]

    def start(self) -> None:
        """Start all threads; the store is open."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all threads to end, and wait a moment for them."""
        self._stop.set()
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

        self._repeat(POLL_SECONDS, look)
        if watcher is not None:
            watcher.close()

    def _do_what_is_owed(self) -> None:
        from workbench.tracker.worker import Worker

        self._worker = Worker(self._desk.config, self._desk.engine)
        self._worker.run(self._stop)

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
            lost = self._desk.sweep()
            if lost:
                self._tell.swept(lost)

        self._repeat(HEAR_SECONDS, sweep)
