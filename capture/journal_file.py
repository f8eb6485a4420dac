"""The file that a process writes its journal to: locked for as long as we live, and put back where it vanished."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import socket
import time
from pathlib import Path

SUFFIX = ".journal"
# A file that was not written for as long, and is gone, was carried over long ago: its line of the ledger may have
# been folded into the sum of all old ones (capture.store.folding), and it must not be carried again.
PUT_BACK_SECONDS = 12 * 3600.0
# How long a file that was in its place is taken to be there still: to look costs half as much as to write, and lets
# another thread of a busy server go first. What is written meanwhile to one that just went away is put back with it.
IN_PLACE_SECONDS = 0.02


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


class JournalFile:
    """A file of the journal folder that only this process writes. What cannot be done raises OSError."""

    __slots__ = ("_found_at", "_inode", "_written_at", "fd", "path", "size")

    def __init__(self, folder: Path) -> None:
        host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname())[:40]
        name = f"{time.time_ns() // 1000:017d}-{host}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self.path = folder / name
        self._take(_put_in_place(self.path), size=0)

    def append(self, record: bytes) -> None:
        """Write a record with one system call; where that fails, nothing of it stays."""
        try:
            written = os.write(self.fd, record)
            while written != len(record):  # tried again for the reason: no room on the disk, or none in this file
                more = os.write(self.fd, record[written:])
                if not more:
                    raise OSError(errno.ENOSPC, "only a part of the record was written")
                written += more
        except OSError:
            # A half-written record would spoil the next one's line.
            with contextlib.suppress(OSError):
                os.ftruncate(self.fd, self.size)
            raise
        self._written_at = time.monotonic()
        self.size += written

    def was_just_there(self) -> bool:
        """Return whether the file was in its place a moment ago."""
        return time.monotonic() - self._found_at <= IN_PLACE_SECONDS

    def keep_in_place(self) -> bool:
        """Put the file back if it is not where it belongs; return False where it holds nothing that is still owed.

        Under its own name and as it was, so that whoever had carried a part of it goes on where that part ended.
        Where that fails, it is still ours, and may be tried again.
        """
        try:
            found = os.stat(self.path)  # noqa: PTH116  (half the time of Path.stat, before each record)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if found is not None and (found.st_dev, found.st_ino) == self._inode:
            self._found_at = time.monotonic()
            return True
        if not self.size or time.monotonic() - self._written_at > PUT_BACK_SECONDS:
            return False
        old = self.fd
        self._take(_put_in_place(self.path, copy_of=old, size=self.size), size=self.size)
        os.close(old)
        return True

    def close(self) -> None:
        """Give up the file: from now on it is a dead process's."""
        os.close(self.fd)

    def _take(self, fd: int, *, size: int) -> None:
        found = os.fstat(fd)
        self.fd, self.size, self._inode = fd, size, (found.st_dev, found.st_ino)
        self._written_at = self._found_at = time.monotonic()


def _put_in_place(path: Path, *, copy_of: int | None = None, size: int = 0) -> int:
    """Make a file, locked, with the first `size` bytes of the descriptor `copy_of`; return its descriptor."""
    make_folder(path.parent)
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # Locked before anybody can see it, so that nobody takes it for a dead process's.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if copy_of is not None:
            _copy(copy_of, fd, size)
        hidden.rename(path)
    except OSError:
        os.close(fd)
        hidden.unlink(missing_ok=True)
        raise
    return fd


def _copy(source: int, target: int, size: int) -> None:
    """Copy the first `size` bytes of a file to the end of another. Raises OSError."""
    offset = 0
    while offset < size:
        data = os.pread(source, min(1024 * 1024, size - offset), offset)
        if not data or os.write(target, data) != len(data):
            raise OSError(errno.ENOSPC, "only a part of the journal was copied")
        offset += len(data)
