"""The pipes between a test run and us: orders in, sealed records out, read while they are written.

What has been told cannot be taken back or reworded, for it is no file: it is here already.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Count = Callable[[int, int], None]  # how many tests have ended, of how many; 0 where nobody knows

# A suite of 20,000 tests tells some 20 MB. More than this is no record, and would only fill our memory.
_MOST_BYTES = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
# How long we leave a run alone after we heard something: waking up for each record would cost the tests more than the
# recording does. Meanwhile the records lie in the pipe, which is wide enough for some 2,000 of them.
_PAUSE_SECONDS = 0.01
_AFTER_THE_END_SECONDS = 5
_COUNTED_EVERY_SECONDS = 0.5


@dataclass
class Channel:
    """The way between one run and us. `orders` and the writing end of the records are the run's."""

    orders: int
    count: Count
    _key: str
    _given: bytes
    _orders_in: int
    _records: int
    _writing: int
    _lines: bytearray = field(default_factory=bytearray)
    _reader: threading.Thread | None = None
    _overfull: bool = False

    @classmethod
    @contextmanager
    def open(cls, spec: Mapping[str, Any], count: Count) -> Iterator[Channel]:
        """Yield a channel for a run with the orders `spec`."""
        key = secrets.token_hex(32)
        orders, orders_in = os.pipe()
        records, writing = os.pipe()
        with contextlib.suppress(OSError, AttributeError):  # not on every system, and not beyond a limit of this one
            fcntl.fcntl(records, fcntl.F_SETPIPE_SZ, _CHUNK)
        given = json.dumps({**spec, "key": key, "results": writing}).encode()
        channel = cls(orders, count, key, given, orders_in, records, writing)
        try:
            yield channel
            channel._finish()
        finally:
            channel._close()

    @property
    def passed_on(self) -> tuple[int, int]:
        """The ends that the run inherits."""
        return self.orders, self._writing

    def started(self) -> None:
        """Hand the orders over and begin to listen: the run has its ends now."""
        self._close_one("orders")
        self._close_one("_writing")
        self._reader = threading.Thread(target=self._read, name="evidence", daemon=True)
        self._reader.start()
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._orders_in, "wb") as pipe:
            self._orders_in = -1
            pipe.write(self._given)

    def told(self) -> list[dict[str, Any]] | None:
        """Return the records, or None where a line was added or lost."""
        records, last = [], b""
        if self._overfull:
            return None
        try:
            for line in bytes(self._lines).decode().splitlines():
                sealed = json.loads(line)
                seal = hmac.new(self._key.encode(), last + sealed["body"].encode(), hashlib.sha256).hexdigest()
                if not hmac.compare_digest(seal, sealed["seal"]):
                    return None
                last = seal.encode()
                records.append(json.loads(sealed["body"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return records

    def _read(self) -> None:
        counter = _Counter(self.count)
        while True:
            ready, _, _ = select.select([self._records], [], [], _COUNTED_EVERY_SECONDS)
            chunk = os.read(self._records, _CHUNK) if ready else b""
            if ready and not chunk:
                return
            if len(self._lines) < _MOST_BYTES:
                self._lines += chunk
                counter.saw(chunk)
            else:
                self._overfull = True
            if ready:
                time.sleep(_PAUSE_SECONDS)

    def _finish(self) -> None:
        if self._reader is not None:
            self._reader.join(_AFTER_THE_END_SECONDS)

    def _close(self) -> None:
        for name in ("orders", "_writing", "_orders_in"):
            self._close_one(name)
        if self._reader is None or not self._reader.is_alive():
            self._close_one("_records")

    def _close_one(self, name: str) -> None:
        descriptor = getattr(self, name)
        if descriptor >= 0:
            setattr(self, name, -1)
            os.close(descriptor)


class _Counter:
    """Counts the tests that have ended, and tells at most twice a second."""

    def __init__(self, count: Count) -> None:
        self._count, self._rest = count, b""
        self._total, self._done, self._told = 0, 0, time.monotonic()

    def saw(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._done += rb"\"when\": \"teardown\"" in line and rb"\"kind\": \"phase\"" in line
            if rb"\"kind\": \"chosen\"" in line:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._total = int(json.loads(json.loads(line)["body"])["count"])
        now = time.monotonic()
        if now - self._told >= _COUNTED_EVERY_SECONDS:
            self._told = now
            # Whoever watches must not keep us from listening.
            with contextlib.suppress(Exception):
                self._count(self._done, self._total)
