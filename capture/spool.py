"""The journal folder as its readers see it: which files there are, who is alive, and what each record says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import msgspec

from capture.event import Event, decode
from capture.journal import SUFFIX, Count

_decode_count = msgspec.json.Decoder(Count).decode
_decode_drops = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True)
class Record:
    """One record of a journal: where it ends, how many failures its journal had met, and what it holds."""

    end: int
    seen: int
    drops: dict[str, int] = field(default_factory=dict)
    event: Event | None = None
    count: Count | None = None


@dataclass(frozen=True)
class Chunk:
    """The records between two offsets of a journal. `seen` is the journal's running total at `end`."""

    start: int
    end: int
    seen: int
    records: tuple[Record, ...]
    dropped: dict[str, int]


def journals(folder: Path) -> list[Path]:
    """Return the journals of a folder, oldest first."""
    with contextlib.suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    return []


def place_of(folder: Path) -> str:
    """Return how a folder is named where journals of several hosts meet."""
    return f"{socket.gethostname()}:{folder.absolute()}"


def is_abandoned(path: Path) -> bool:
    """Return whether nobody writes this journal any more: its process is dead or has begun another."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(fd)


def chunks(path: Path, *, offset: int, seen: int, size: int = 1024 * 1024, limit: int = 200) -> Iterator[Chunk]:
    """Yield the whole records from `offset` on, in chunks of some `size` bytes and at most `limit` records.

    A last line without an end is left for later. Records that a crash or a bad disk spoiled are counted as dropped
    (`corrupt`) from the gap in the running total.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while lines := _whole_lines(file.readlines(size)):
                for index in range(0, len(lines), limit):
                    chunk = _chunk(lines[index : index + limit], offset, seen)
                    offset, seen = chunk.end, chunk.seen
                    yield chunk
                file.seek(offset)
    except FileNotFoundError:
        return  # carried over and deleted by somebody else in the meantime


def torn_tail(path: Path, *, offset: int) -> tuple[int, int] | None:
    """Return what lies behind the last whole record of a dead process's journal, from `offset` on.

    That is where the file ends, and how many failures were lost with it (none where it only told of drops). None
    where the file ends with a whole record.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            rest = file.read()
    except FileNotFoundError:
        return None
    if not rest:
        return None
    return offset + len(rest), 0 if rest[8:10] == b" D" else 1


def _whole_lines(lines: list[bytes]) -> list[bytes]:
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


def _chunk(lines: list[bytes], start: int, seen: int) -> Chunk:
    records: list[Record] = []
    dropped: dict[str, int] = {}
    end = start
    for line in lines:
        end += len(line)
        record = _record(line, end)
        if record is None:
            continue
        _add(dropped, record.drops)
        own = 0 if record.event is None and record.count is None else 1
        gap = record.seen - seen - own - sum(record.drops.values())
        if gap > 0:
            _add(dropped, {"corrupt": gap})
        seen = max(seen, record.seen)
        records.append(record)
    return Chunk(start=start, end=end, seen=seen, records=tuple(records), dropped=dropped)


def _add(totals: dict[str, int], more: dict[str, int]) -> None:
    for reason, number in more.items():
        totals[reason] = totals.get(reason, 0) + number


def _record(line: bytes, end: int) -> Record | None:
    """Return what a line says, or None where its checksum or its form is wrong."""
    try:
        checksum, rest = line[:8], line[9:-1]
        if int(checksum, 16) != crc32(rest):
            return None
        kind, seen, drops, body = rest.split(b" ", 3)
        return Record(
            end=end,
            seen=int(seen),
            drops={} if drops == b"-" else _decode_drops(drops),
            event=decode(body) if kind == b"E" else None,
            count=_decode_count(body) if kind == b"C" else None,
        )
    except (ValueError, msgspec.MsgspecError):
        return None
