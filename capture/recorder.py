"""Carries the journal into the database, in the background: one process of a host at a time, and only that one pays.

The thread starts with the first event of a process and sleeps between them. A lock on a file decides which process
does the work; only that one imports the database packages. The others look now and then whether it is still there.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from capture.conf import CaptureSettings
from capture.errors import StoreError
from capture.journal_file import make_folder

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from capture.carrier import Carrier, Drained
    from capture.upkeep import Upkeep

logger = logging.getLogger("capture")

LOCK_NAME = "recorder.lock"
# Events of other processes are found by looking: some 30 µs each time, and well within the second that they have.
LOOK_SECONDS = 0.3
# Errors come in company. A transaction costs as much as some fifty events do, so each waits this long for others.
GATHER_SECONDS = 0.2
# Where many came the last time, a larger batch costs less each; they have a second.
GATHER_MANY_SECONDS = 0.4
MANY = 50
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0
# How long a drain by hand goes on pruning at most.
UPKEEP_SECONDS = 2.0

# What a forked child inherited and must never close: it would say goodbye on its parent's connections.
_inherited: list[object] = []


def drain(settings: CaptureSettings, *, engine: Engine | None = None) -> Drained:
    """Carry over all that lies in the journals, now and in this thread. Raises `StoreError`."""
    from capture.carrier import Carrier, open_store
    from capture.upkeep import Upkeep

    own = engine is None
    opened = open_store(settings) if engine is None else engine
    try:
        done = Carrier(settings.journal_dir, opened).carry()
        # Where nothing runs in the background, this is the only one who does it.
        Upkeep(settings, opened).round(seconds=UPKEEP_SECONDS)
        return done
    finally:
        if own:
            opened.dispose()


class Recorder:
    """The background thread of one process, and its turn at the lock."""

    def __init__(self, settings: CaptureSettings, *, each_look: Callable[[], None] = lambda: None) -> None:
        self._settings = settings
        self._each_look = each_look
        self._start_over()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._carrier: Carrier | None = None
        self._upkeep: Upkeep | None = None
        self._lock_fd: int | None = None
        self._retry_at = 0.0
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._complained = False
        self._arrived = 0  # with the last pass

    def wake(self) -> None:
        """Have the journals carried over soon. Returns at once."""
        if self._pid != os.getpid():
            self.after_fork()
        if self._thread is None or not self._thread.is_alive():
            self._start()
        if not self._wanted.is_set():
            self._wanted.set()

    def stop(self, timeout: float) -> None:
        """Carry over what is there, give up the lock and end the thread, waiting at most `timeout` seconds."""
        thread = self._thread
        if thread is None or self._pid != os.getpid():
            return
        self._stopping.set()
        self._wanted.set()
        thread.join(timeout)

    def after_fork(self) -> None:
        """Forget the parent's thread, lock and connections."""
        if self._carrier is not None:
            _inherited.append(self._carrier)
        if self._lock_fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._lock_fd)
        self._start_over()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread is just doing it
        try:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="capture-recorder", daemon=True)
                with contextlib.suppress(RuntimeError):  # the interpreter is about to end
                    thread.start()
                    self._thread = thread
        finally:
            self._starting.release()

    def _run(self) -> None:
        while True:
            if self._wanted.wait(LOOK_SECONDS):
                self._stopping.wait(GATHER_MANY_SECONDS if self._arrived >= MANY else GATHER_SECONDS)
            self._wanted.clear()
            last = self._stopping.is_set()
            self._look(last=last)
            if last:
                self._give_up()
                return

    def _look(self, *, last: bool) -> None:
        """Carry over what there is, if it is our turn and the database may be there again."""
        try:
            self._each_look()
            if (last or time.monotonic() >= self._retry_at) and self._leads():
                self._carry()
        except StoreError as error:
            self._back_off()
            self._complain(f"The database cannot be written; events stay in the journal. {error} {error.cure}")
        except OSError as error:
            self._back_off()
            self._complain(f"The journal folder cannot be used; see `manage.py check`. {error}")
        except Exception:  # noqa: BLE001  (a daemon must not die of one bad moment)
            self._back_off()
            self._complain("Journals cannot be carried over; events stay in them.", with_traceback=True)

    def _carry(self) -> None:
        if self._carrier is None:
            from capture.carrier import Carrier, open_store
            from capture.upkeep import Upkeep

            engine = open_store(self._settings)
            self._upkeep = Upkeep(self._settings, engine)
            self._carrier = Carrier(self._settings.journal_dir, engine)
        self._arrived = self._carrier.carry().stored
        if self._upkeep is not None and not self._stopping.is_set():
            self._upkeep.look(arrived=self._arrived)
        self._retry_seconds = FIRST_RETRY_SECONDS
        if self._complained:
            self._complained = False
            logger.warning("The database can be written again; the journal is carried over.")

    def _back_off(self) -> None:
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            with contextlib.suppress(Exception):
                carrier.engine.dispose()
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, LAST_RETRY_SECONDS)

    def _complain(self, message: str, *, with_traceback: bool = False) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("%s", message, exc_info=with_traceback)

    def _leads(self) -> bool:
        """Return whether this process is the one of this host that carries; take the turn if it is free."""
        folder = self._settings.journal_dir
        if self._lock_fd is not None:
            if _is_at(self._lock_fd, folder / LOCK_NAME):
                return True
            os.close(self._lock_fd)  # deleted with its folder: another process may hold the new one
            self._lock_fd = None
        make_folder(folder)
        fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._lock_fd = fd
        return True

    def _give_up(self) -> None:
        if self._carrier is not None:
            with contextlib.suppress(Exception):
                self._carrier.engine.dispose()
            self._carrier = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False
