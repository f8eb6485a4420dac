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
import fcntl
import logging
import os
import re
import secrets
import socket
import threading
import time
from pathlib import Path
from zlib import crc32

import msgspec

SUFFIX = ".journal"
ROTATE_BYTES = 16 * 1024 * 1024
# Past the bound events are only counted, in small records; past this much more they are dropped.
HARD_BOUND = 1.05
LOCK_SECONDS = 2.0
# A file that was not written for as long, and is gone, was carried over long ago: its line of the ledger may have
# been folded into the sum of all old ones (capture.store.folding), and it must not be carried again.
PUT_BACK_SECONDS = 12 * 3600.0
# How long a file that was in its place, and was not deleted, is taken to be there still: a look by its path costs more.
# What a storm writes meanwhile to one that was just moved away is put back with it.
IN_PLACE_SECONDS = 0.02
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


def make_folder(folder: Path) -> None:
    """Make the journal folder, private and ignored by git. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")


def folder_bytes(folder: Path) -> int:
    """Return how much the journals of a folder hold; 0 where there is no folder."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                with contextlib.suppress(OSError):
                    total += entry.stat().st_size
    return total


class Journal:
    """The journal that this process writes. Thread-safe, fork-safe, and never raising.

    What cannot be written is dropped, counted by reason, and told in the next record that can be.
    """

    def __init__(self, folder: Path, *, max_bytes: int, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._rotate_bytes = min(rotate_bytes, max(max_bytes // 4, 4096))
        self._fd: int | None = None
        self._start_over()

    def _start_over(self) -> None:
        if self._fd is not None:
            # Only this process's copy of the descriptor: the parent keeps its file and its lock.
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._writer = 0  # the thread that holds the lock
        self._path: Path | None = None
        self._size = 0
        self._seen = 0
        self._drops: dict[str, int] = {}
        self._folder_bytes = 0
        self._until_measured = 0
        self._inode: tuple[int, int] = (0, 0)
        self._written_at = 0.0
        self._found_at = 0.0  # when the file was last seen in its place

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
                if self._fd is not None:
                    with contextlib.suppress(OSError):  # tried again with the next record
                        self._keep_in_place()
            finally:
                self._end_turn()

    def close(self) -> None:
        """Write what is still to be told, and give up the file: from now on it is a dead process's."""
        lost: str | None = None
        if self._take_turn():
            try:
                self._close_file()
            except OSError as error:
                lost = f"{self._path} is gone with up to {self._seen} failures and cannot be put back: {error}"
                self._forget_file()
            finally:
                self._end_turn()
        if lost:
            with contextlib.suppress(Exception):  # a logging handler of the site may raise
                logger.warning("%s", lost)

    @property
    def path(self) -> Path | None:
        """The file being written, if there is one yet."""
        return self._path

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
        assert self._fd is not None
        drops = _encode(self._drops) if self._drops else b"-"
        head = b"%b %d %b " % (kind, self._seen, drops)
        line = b"%08x %b%b\n" % (crc32(body, crc32(head)), head, body)
        try:
            written = os.write(self._fd, line)
            while written != len(line):  # tried again for the reason: no room on the disk, or none in this file
                more = os.write(self._fd, line[written:])
                if not more:
                    raise OSError(errno.ENOSPC, "only a part of the record was written")
                written += more
        except OSError:
            if kind != b"D":
                self._seen -= 1
            # A half-written record would spoil the next one's line.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._drops = {}
        self._written_at = time.monotonic()
        self._size += written
        self._folder_bytes += written
        self._until_measured -= written

    def _room_for(self, length: int, *, factor: float = 1.0) -> bool:
        bound = self._max_bytes * factor
        if self._until_measured <= 0 or self._folder_bytes + length > bound:
            self._folder_bytes = folder_bytes(self.folder)
            self._until_measured = min(1024 * 1024, self._max_bytes // 16)
            if self._folder_bytes + length > self._max_bytes and self._size * 16 > self._rotate_bytes:
                # So that it can be deleted once it is carried over. A small one would free nothing, and a folder
                # of thousands of them takes longer to measure than a request may wait.
                with contextlib.suppress(OSError):
                    self._close_file()
        return self._folder_bytes + length <= bound

    def _open_file(self, length: int) -> None:
        """Make sure that there is a file of our own to write to: it is rotated by size and replaced when deleted."""
        if self._fd is not None and self._size and self._size + length > self._rotate_bytes:
            self._close_file()
        if self._fd is not None and not self._was_just_there(self._fd):
            self._keep_in_place()
        if self._fd is not None:
            return
        host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname())[:40]
        name = f"{time.time_ns() // 1000:017d}-{host}-{self._pid}-{secrets.token_hex(4)}{SUFFIX}"
        self._take(self._put_in_place(name), self.folder / name, size=0)

    def _put_in_place(self, name: str, *, copy_of: int | None = None) -> int:
        """Make a file of the folder, locked, with the content of the descriptor `copy_of`; return its descriptor."""
        make_folder(self.folder)
        hidden = self.folder / f".{name}.{secrets.token_hex(4)}.new"
        fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Locked before anybody can see it, so that nobody takes it for a dead process's.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if copy_of is not None:
                _copy(copy_of, fd, self._size)
            hidden.rename(self.folder / name)
        except OSError:
            os.close(fd)
            hidden.unlink(missing_ok=True)
            raise
        return fd

    def _take(self, fd: int, path: Path, *, size: int) -> None:
        found = os.fstat(fd)
        self._fd, self._path, self._size, self._inode = fd, path, size, (found.st_dev, found.st_ino)
        self._written_at = self._found_at = time.monotonic()

    def _was_just_there(self, fd: int) -> bool:
        return time.monotonic() - self._found_at <= IN_PLACE_SECONDS and os.fstat(fd).st_nlink > 0

    def _keep_in_place(self) -> None:
        """Put our file back if it is not where it belongs. Raises OSError; then it is still ours, and tried again.

        Under its own name and as it was, so that whoever had carried a part of it goes on where that part ended.
        """
        assert self._fd is not None
        assert self._path is not None
        try:
            found = os.stat(self._path)  # noqa: PTH116  (half the time of Path.stat, before each record)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if found is not None and (found.st_dev, found.st_ino) == self._inode:
            self._found_at = time.monotonic()
            return
        if not self._size or time.monotonic() - self._written_at > PUT_BACK_SECONDS:
            self._forget_file()
            return
        old = self._fd
        self._take(self._put_in_place(self._path.name, copy_of=old), self._path, size=self._size)
        os.close(old)

    def _close_file(self) -> None:
        """Give up the file. Raises OSError where it was deleted and cannot be put back; then it is still ours."""
        if self._fd is None:
            return
        self._keep_in_place()
        if self._drops and self._fd is not None:
            with contextlib.suppress(OSError):
                self._put(b"D", b"{}")
        self._forget_file()

    def _forget_file(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._path, self._size = None, None, 0
        # Each file has a ledger of its own; drops that could not be told yet go to the next one.
        self._seen = sum(self._drops.values())


def _copy(source: int, target: int, size: int) -> None:
    """Copy the first `size` bytes of a file to the end of another. Raises OSError."""
    offset = 0
    while offset < size:
        data = os.pread(source, min(1024 * 1024, size - offset), offset)
        if not data or os.write(target, data) != len(data):
            raise OSError(errno.ENOSPC, "only a part of the journal was copied")
        offset += len(data)
