"""Writes events of known bugs into a store, at a rate, in a process of its own.

python storm.py DATABASE_URL EVENTS_A_SECOND SECONDS
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from capture.event import Fingerprint
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.testing import make_event

BATCHES_A_SECOND = 5


def main() -> None:
    """Write, and say how many were written."""
    url, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    engine = open_engine(url)
    size, written, began = rate // BATCHES_A_SECOND, 0, time.monotonic()
    for turn in range(int(seconds * BATCHES_A_SECOND)):
        now = datetime.now(UTC)
        events = [
            make_event(
                at=now, project="shop", fingerprint=Fingerprint(key=f"{1 + (written + index) % 500:016x}", version="1")
            )
            for index in range(size)
        ]
        take_in(engine, Batch("storm", turn, turn + 1, written + size, events), now=now)
        written += size
        time.sleep(max(began + (turn + 1) / BATCHES_A_SECOND - time.monotonic(), 0))
    sys.stdout.write(f"{written / (time.monotonic() - began):.0f}\n")


if __name__ == "__main__":
    main()
