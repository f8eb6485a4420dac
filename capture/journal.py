"""The durable spool on local disk: one file a process, one `write` a record, on disk before the response leaves.

A record is one line, `CRC KIND SEEN DROPS BODY`: the checksum of what follows it, `E` (an event), `C` (an event
of a known fingerprint that is only counted) or `D` (nothing but drops), the number of failures that this journal
has met so far, what was dropped since the record before with its reasons, and the event or count as JSON.

The process that writes a file holds a lock on it for as long as it lives, so that whoever carries journals over
can tell the dead ones, and a record that was cut off by a crash can tell itself by its checksum. A file that was
deleted or moved away under a living process is put back, under its own name, from the descriptor that is still open.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from pathlib import Path
from zlib import crc32

import msgspec

from capture.journal_file import JournalFile, folder_bytes

ROTATE_BYTES = 16 * 1024 * 1024
# Past the bound events are only counted, in small records; past this much more they are dropped.
HARD_BOUND = 1.05
LOCK_SECONDS = 2.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

logger = logging.getLogger("capture")

_encode = msgspec.json.Encoder().encode


class Count(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event that is only counted: which fingerprint, when (seconds since the epoch), and from which version."""

    project: str
    key: str
    at: float
    release: str | None = None
    environment: str = ""


class Journal:
    """The journal that this process writes. Thread-safe, fork-safe, and never raising.

    What cannot be written is dropped, counted by reason, and told in the next record that can be.
    """

    def __init__(self, folder: Path, *, max_bytes: int, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._rotate_bytes = min(rotate_bytes, max(max_bytes // 4, 4096))
        self._file: JournalFile | None = None
        self._start_over()

    def _start_over(self) -> None:
        if self._file is not None:
            # Only this process's copy of the descriptor: the parent keeps its file and its lock.
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._writer = 0  # the thread that holds the lock
        self._seen = 0
        self._drops: dict[str, int] = {}
        self._folder_bytes = 0
        self._until_measured = 0

    def after_fork(self) -> None:
        """Begin a journal of the child's own. A lock held at the fork is replaced, not waited for."""
        self._start_over()

    def append_event(self, encoded: bytes, *, count: Count) -> bool:
        """Put an encoded event on disk, or only its `count` where the journal is full; tell whether the event is."""
        if not self._take_turn():
            return False
        try:
            if not self._room_for(len(encoded)):
                self._write(b"C", _encode(count), hard=True)
                return False
            return self._write(b"E", encoded)
        finally:
            self._end_turn()

    def append_count(self, count: Count) -> bool:
        """Put on disk that an event of a known fingerprint happened, without the event."""
        if not self._take_turn():
            return False
        try:
            return self._write(b"C", _encode(count), hard=True)
        finally:
            self._end_turn()

    def drop(self, reason: str) -> None:
        """Count a failure that is not kept, and why."""
        if self._take_turn():
            try:
                self._drop(reason)
            finally:
                self._end_turn()

    def look_after(self) -> None:
        """Put the file back where somebody deleted it or moved it away. For a moment when no request waits."""
        if self._take_turn(drop=False):
            try:
                with contextlib.suppress(OSError):  # tried again with the next record
                    self._keep_in_place()
            finally:
                self._end_turn()

    def close(self) -> None:
        """Write what is still to be told, and give up the file: from now on it is a dead process's."""
        lost: str | None = None
        if self._take_turn():
            try:
                if self._drops:  # of a process that kept nothing there is no file yet to tell them in
                    with contextlib.suppress(OSError):
                        self._open_file(0)
                self._close_file()
            except OSError as error:
                lost = f"{self.path} is gone with up to {self._seen} failures and cannot be put back: {error}"
                self._forget_file()
            finally:
                self._end_turn()
        if lost:
            with contextlib.suppress(Exception):  # a logging handler of the site may raise
                logger.warning("%s", lost)

    @property
    def path(self) -> Path | None:
        """The file being written, if there is one yet."""
        return None if self._file is None else self._file.path

    def _take_turn(self, *, drop: bool = True) -> bool:
        """Take the lock, and return whether we have it; a failure that cannot wait for it is dropped.

        No context manager: a record would pay for two calls more.
        """
        if self._pid != os.getpid():  # a fork that ran no hooks
            self._start_over()
        # Writing takes microseconds, or as long as a busy machine lets another thread wait in the middle of it. Only a
        # signal handler that interrupts us in here would wait for ever.
        me = threading.get_ident()
        if self._writer != me and self._lock.acquire(timeout=LOCK_SECONDS):
            self._writer = me
            return True
        if drop:
            self._drop("journal_busy")
        return False

    def _end_turn(self) -> None:
        self._writer = 0
        self._lock.release()

    def _drop(self, reason: str) -> None:
        self._seen += 1
        self._drops[reason] = self._drops.get(reason, 0) + 1

    def _write(self, kind: bytes, body: bytes, *, hard: bool = False) -> bool:
        try:
            if hard and not self._room_for(len(body), factor=HARD_BOUND):
                self._drop("journal_full")
                return False
            self._open_file(len(body))
            self._seen += 1
            self._put(kind, body)
        except OSError as error:
            self._drop("disk_full" if error.errno in _FULL else "journal_unwritable")
            if error.errno == errno.EFBIG:  # a limit on the size of each file: another one has room
                with contextlib.suppress(OSError):
                    self._close_file()
            return False
        return True

    def _put(self, kind: bytes, body: bytes) -> None:
        """Write one record with one system call. The caller has counted its failure in `seen` already."""
        assert self._file is not None
        drops = _encode(self._drops) if self._drops else b"-"
        head = b"%b %d %b " % (kind, self._seen, drops)
        line = b"".join((b"%08x " % crc32(body, crc32(head)), head, body, b"\n"))
        try:
            self._file.append(line)
        except OSError:
            if kind != b"D":
                self._seen -= 1
            raise
        self._drops = {}
        self._folder_bytes += len(line)
        self._until_measured -= len(line)

    def _room_for(self, length: int, *, factor: float = 1.0) -> bool:
        bound = self._max_bytes * factor
        if self._until_measured <= 0 or self._folder_bytes + length > bound:
            self._folder_bytes = folder_bytes(self.folder)
            self._until_measured = min(1024 * 1024, self._max_bytes // 16)
            size = 0 if self._file is None else self._file.size
            if self._folder_bytes + length > self._max_bytes and size * 16 > self._rotate_bytes:
                # So that it can be deleted once it is carried over. A small one would free nothing, and a folder
                # of thousands of them takes longer to measure than a request may wait.
                with contextlib.suppress(OSError):
                    self._close_file()
        return self._folder_bytes + length <= bound

    def _open_file(self, length: int) -> None:
        """Make sure that there is a file of our own to write to: it is rotated by size and replaced when deleted."""
        file = self._file
        if file is not None:
            if file.size and file.size + length > self._rotate_bytes:
                self._close_file()
            elif not file.was_just_there():
                self._keep_in_place()
        if self._file is None:
            self._file = JournalFile(self.folder)

    def _keep_in_place(self) -> None:
        if self._file is not None and not self._file.keep_in_place():
            self._forget_file()

    def _close_file(self) -> None:
        """Give up the file. Raises OSError where it was deleted and cannot be put back; then it is still ours."""
        self._keep_in_place()
        if self._file is None:
            return
        if self._drops:
            with contextlib.suppress(OSError):
                self._put(b"D", b"{}")
        self._forget_file()

    def _forget_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        # Each file has a ledger of its own; drops that could not be told yet go to the next one.
        self._seen = sum(self._drops.values())
