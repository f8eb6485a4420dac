"""The journal folder as its readers see it: which files there are, who is alive, and what each record says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import msgspec

from capture.event import EncodedEvent, Event, peek
from capture.journal import Count
from capture.journal_file import SUFFIX

READ_BYTES = 128 * 1024  # what a processor's cache holds: with 1 MB it takes three times as long
# A chunk is one transaction, and each bug of it is written once: with 50 of them that costs as much as 200 events do.
# This much is in memory for a moment, and holds SQLite's only write lock for some 100 ms.
CHUNK_RECORDS = 2_000
CHUNK_BYTES = 8 * 1024 * 1024

_decode_count = msgspec.json.Decoder(Count).decode
_NONE: Mapping[str, int] = MappingProxyType({})
_decode_drops = msgspec.json.Decoder(dict[str, int]).decode


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a journal: where it ends, how many failures its journal had met, and what it holds."""

    end: int
    seen: int
    drops: Mapping[str, int] = _NONE
    encoded: EncodedEvent | None = None
    count: Count | None = None

    @property
    def event(self) -> Event | None:
        """The whole event, if it holds one."""
        return None if self.encoded is None else self.encoded.decoded()


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


def chunks(path: Path, *, offset: int, seen: int, limit: int = CHUNK_RECORDS) -> Iterator[Chunk]:
    """Yield the whole records from `offset` on, in chunks of some `CHUNK_BYTES` and at most `limit` records.

    Records that a crash or a bad disk spoiled are counted as dropped (`corrupt`) from the gap in the running total
    before the next whole one. What lies behind the last whole record is left for later, see `tail`.
    """
    start = end = position = offset
    records: list[Record] = []
    dropped: dict[str, int] = {}
    for line in _lines(path, offset):
        position += len(line) + 1
        record = _record(line, position)
        if record is None:
            continue
        if record.drops:
            _add(dropped, record.drops)
        own = 0 if record.encoded is None and record.count is None else 1
        gap = record.seen - seen - own - sum(record.drops.values())
        if gap > 0:
            _add(dropped, {"corrupt": gap})
        seen, end = max(seen, record.seen), position
        records.append(record)
        if len(records) == limit or end - start >= CHUNK_BYTES:
            yield Chunk(start, end, seen, tuple(records), dropped)
            start, records, dropped = end, [], {}
    if records:
        yield Chunk(start, end, seen, tuple(records), dropped)


def tail(path: Path, *, offset: int, seen: int) -> Chunk | None:
    """Return what lies behind the last whole record of a dead process's journal, from `offset` on: all of it is lost.

    Each spoiled line is a failure (`corrupt`), and so is a last one without an end (`torn`), unless it only told of
    drops. None where the file ends with a whole record.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            rest = file.read()
    except FileNotFoundError:
        return None
    if not rest:
        return None
    *spoiled, torn = rest.split(b"\n")
    dropped: dict[str, int] = {}
    for reason, lines in (("corrupt", spoiled), ("torn", [torn])):
        if lost := sum(1 for line in lines if line and line[8:10] != b" D"):
            dropped[reason] = lost
    return Chunk(offset, offset + len(rest), seen + sum(dropped.values()), (), dropped)


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    """Yield the whole lines from `offset` on, without their ends.

    While we read, others write. A line without an end is never put together from two readings: it may be the half of
    a record that a full disk takes back, and another stands in its place by then.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as file:  # or carried by somebody else
        wanted = READ_BYTES
        while True:
            file.seek(offset)
            piece = file.read(wanted)
            *lines, rest = piece.split(b"\n")
            if lines:
                yield from lines
                offset, wanted = offset + len(piece) - len(rest), READ_BYTES
            elif len(piece) < wanted:
                return
            else:
                wanted *= 2


def _add(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for reason, number in more.items():
        totals[reason] = totals.get(reason, 0) + number


def _record(line: bytes, end: int) -> Record | None:
    """Return what a line says, or None where its checksum or its form is wrong."""
    try:
        checksum, kind, seen, drops, body = line.split(b" ", 4)
        if int(checksum, 16) != crc32(memoryview(line)[len(checksum) + 1 :]):
            return None
        return Record(
            end=end,
            seen=int(seen),
            drops=_NONE if drops == b"-" else _decode_drops(drops),
            encoded=peek(body) if kind == b"E" else None,
            count=_decode_count(body) if kind == b"C" else None,
        )
    except (ValueError, msgspec.MsgspecError):
        return None
