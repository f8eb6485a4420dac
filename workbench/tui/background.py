"""What goes on while the screen is open, in threads that end with it: watching, owed actions, lost sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from workbench.tui.desk import Desk

POLL_SECONDS = 0.25
SWEEP_SECONDS = 20.0


@dataclass(frozen=True)
class Tell:
    """Where the threads say what they saw. Each is called from a thread."""

    changed: Callable[[], None]
    swept: Callable[[list[str]], None]
    failed: Callable[[BaseException], None]


class Background:
    """The threads. They are daemons: a hanging network call never keeps the terminal from closing."""

    def __init__(self, desk: Desk, tell: Tell) -> None:
        self._desk = desk
        self._tell = tell
        self._stop = threading.Event()
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
        watcher = self._desk.watcher()

        def look() -> None:
            if watcher.changed():
                self._tell.changed()

        self._repeat(POLL_SECONDS, look)

    def _do_what_is_owed(self) -> None:
        from workbench.tracker.worker import Worker

        self._repeat(1.0, lambda: Worker(self._desk.config, self._desk.engine).run(self._stop))

    def _sweep(self) -> None:
        def sweep() -> None:
            lost = self._desk.sweep()
            if lost:
                self._tell.swept(lost)

        self._repeat(SWEEP_SECONDS, sweep)
