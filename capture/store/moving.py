"""A SQLite file that is moved away, deleted or replaced while a program has it open.

SQLite goes on writing into the file that it opened, though nobody finds it there any more. Each time that a
connection is taken from the pool (once a batch) the file at the path is looked at: that takes some 2 µs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError

from capture.errors import StoreUnreachable

_PATH, _FILE = "path of the file", "file that was opened"


def watch(engine: Engine, path: Path, *, create: bool) -> None:
    """Have no connection of the engine used whose file is not the one at `path` any more.

    Another file in its place is opened instead. Where there is none, connecting raises `StoreUnreachable`; with
    `create`, only where this engine had it open.
    """

    def refuse(_dialect: Any, _record: Any, _args: Any, _kwargs: Any) -> None:
        if not path.exists():
            raise _gone(path)

    def note(_connection: Any, record: Any) -> None:
        record.info[_PATH], record.info[_FILE] = path, _file_at(path)

    def look(_connection: Any, record: Any, _proxy: Any) -> None:
        if not is_there(record.info):
            raise DisconnectionError  # the pool connects anew

    if not create:
        sa.event.listen(engine, "do_connect", refuse)
    sa.event.listen(engine, "connect", note)
    sa.event.listen(engine, "checkout", look)


def begin_anew(path: Path) -> None:
    """Let a file that is about to be made at `path` share nothing with one that was there and is still open somewhere.

    SQLite's shared memory says where the pages of the other file are. Who has it open keeps it.
    """
    if not path.exists():
        with suppress(OSError):
            Path(f"{path}-shm").unlink()


def is_there(info: dict[str, Any]) -> bool:
    """Return whether the file of a connection with this `info` is still the one at its path.

    True for a database that is no file. Raises `StoreUnreachable` where nothing is there.
    """
    path = info.get(_PATH)
    if path is None:
        return True
    found = _file_at(path)
    if found is None:
        raise _gone(path)
    return bool(found == info[_FILE])


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _gone(path: Path) -> StoreUnreachable:
    return StoreUnreachable(
        f"The database {path} was moved away or deleted.",
        cure="Put it back, or name the file where it is now with --db.",
    )
