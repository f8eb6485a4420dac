"""An encoded event as the bytes of an occurrence's payload, and back.

PostgreSQL compresses by itself, with lz4 where it has that: twice the rows a second, and none of the site's time.
Elsewhere zlib does it here, at its lowest level: half the time of the usual one for an eighth more bytes. On SQLite
that is done for what stays (capture.store.packing), since it takes longer than all else that is done for an event.
Measured for 5 KB: lz4 of the server 5 µs of ours and 3.2 KB on disk, zlib 1 44 µs and 1.8 KB, zlib 6 82 µs and 1.6 KB.
"""

from __future__ import annotations

import zlib

import msgspec
import sqlalchemy as sa

from capture.errors import EventUnreadable
from capture.event import Event, decode

LEVEL = 1
PLAIN = b"{"  # what an encoded event begins with

_COMPRESSION = sa.text(
    "SELECT attcompression FROM pg_attribute WHERE attrelid = to_regclass('occurrence') AND attname = 'payload'"
)


def pack(encoded: bytes) -> bytes:
    """Return an encoded event in less room."""
    return zlib.compress(encoded, LEVEL)


def unpack(payload: bytes) -> Event:
    """Return the event of a payload, however it was packed. An encoded event is an object of JSON."""
    return decode(payload if payload[:1] == PLAIN else zlib.decompress(payload))


def open_event(payload: bytes) -> Event:
    """Return the event of an occurrence's payload. Raises `capture.errors.EventUnreadable`."""
    try:
        return unpack(payload)
    except msgspec.ValidationError as error:
        raise EventUnreadable(
            f"This event was stored by a later version of capture, and this one cannot read it: {error}.",
            cure="Upgrade this program: pip install --upgrade bug-workbench.",
        ) from error
    except (msgspec.DecodeError, zlib.error) as error:
        raise EventUnreadable(
            f"This stored event is damaged: {error}.", cure="Check the disk of the database, or restore a backup of it."
        ) from error


def come_plain(connection: sa.Connection) -> bool:
    """Return whether events go into this database as they are. Asked once a connection."""
    if connection.dialect.name != "postgresql":
        return True
    if "plain_payloads" not in connection.info:
        # Servers before 14 know nothing of it, and some are built without lz4: the migration says what it is.
        connection.info["plain_payloads"] = connection.scalar(_COMPRESSION) == "l"
    return bool(connection.info["plain_payloads"])
