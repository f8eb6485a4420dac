"""A SQLite file that is moved away, deleted or replaced while a program has it open.

SQLite goes on writing into the file that it opened, though nobody finds it there any more. Each time that a
connection is taken from the pool (once a batch) the file at the path and what lies beside it are looked at: that takes
some 5 µs.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError

from capture.errors import StoreUnreachable

_PATH, _REAL = "path of the file", "path without links"  # SQLite puts what is beside a file beside the real one
_FILE, _SHARED = "file that was opened", "shared memory beside it"
_File = tuple[int, int]  # its device and its inode


def watch(engine: Engine, path: Path, *, create: bool) -> None:
    """Have no connection of the engine used whose file is not the one at `path` any more.

    Another file in its place is opened instead. Where there is none, connecting raises `StoreUnreachable`; with
    `create`, only where this engine had it open.
    """

    def refuse(_dialect: Any, _record: Any, _args: Any, _kwargs: Any) -> None:
        if not path.exists():
            raise _gone(path)

    def note(_connection: Any, record: Any) -> None:
        record.info.update({_PATH: path, _REAL: os.path.realpath(path), _FILE: _file_at(path)})

    def look(_connection: Any, record: Any, _proxy: Any) -> None:
        if not is_there(record.info):
            raise DisconnectionError  # the pool connects anew

    if not create:
        sa.event.listen(engine, "do_connect", refuse)
    sa.event.listen(engine, "connect", note)
    sa.event.listen(engine, "checkout", look)


def begin_anew(path: Path) -> None:
    """Let a file that is about to be made share nothing with one that was at `path` and is still open somewhere."""
    # Looked at first: who makes the file has made it before its shared memory.
    real = os.path.realpath(path)
    shared = _file_at(f"{real}-shm")
    if shared is not None and not path.exists():
        _set_aside(real, shared)


def _set_aside(real: str, shared: _File | None) -> None:
    """Take away what SQLite held beside a file that is not at `real` any more: the next one would take it for its own.

    The shared memory says where the pages of the other file are; who has it open keeps it. The write-ahead log may
    hold what was written last to a file that was moved, and is kept. Nothing is done where the shared memory is not
    `shared`: then somebody else was first, and it is that of the new file.
    """
    if shared is None:
        return
    with suppress(OSError):
        folder = os.open(Path(real).parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if _file_at(f"{real}-shm") == shared:
                with suppress(FileNotFoundError):
                    Path(f"{real}-wal").rename(_free_name(f"{real}-wal.aside"))
                Path(f"{real}-shm").unlink()
        finally:
            os.close(folder)


def _free_name(name: str) -> str:
    """Return the name, or with the first number behind it that no file has."""
    names = chain([name], (f"{name}.{number}" for number in count(2)))
    return next(free for free in names if not os.path.lexists(free))


def is_there(info: dict[str, Any]) -> bool:
    """Return whether the file of a connection with this `info` is still the one at its path.

    True for a database that is no file. Where another is there, or may come since ours was deleted, nothing of the one
    that was opened is left beside it.
    Raises `StoreUnreachable` where nothing is there.
    """
    path = info.get(_PATH)
    if path is None:
        return True
    found = _file_at(path)
    if found is None:
        if _is_deleted(info[_FILE]):  # one that was moved may come back, and its log is what it is not yet in itself
            _set_aside(info[_REAL], info.get(_SHARED))
        raise _gone(path)
    if found != info[_FILE]:
        if _file_at(info[_REAL]) != info[_FILE]:  # else only a link leads elsewhere now
            _set_aside(info[_REAL], info.get(_SHARED))
        return False
    info[_SHARED] = _file_at(f"{info[_REAL]}-shm")
    return True


def _file_at(path: Path | str) -> _File | None:
    try:
        found = os.stat(path)  # noqa: PTH116  (to make a path takes longer than to look)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_deleted(file: _File) -> bool:
    """Return whether a file that this process has open has no name any more; False where the system does not tell.

    It is not opened for this: to close any descriptor of it would give up the locks that SQLite holds.
    """
    with suppress(OSError):
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # such as that of this very listing
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == file:
                    return found.st_nlink == 0
    return False


def _gone(path: Path) -> StoreUnreachable:
    return StoreUnreachable(
        f"The database {path} was moved away or deleted.",
        cure="Put it back, or name the file where it is now with --db.",
    )
