"""Plays many web hosts that each bring a few events of known bugs, one after the other, as fast as they are taken.

python hosts.py DATABASE_URL NAME BUGS FIRST SECONDS
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from capture.event import Fingerprint
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.testing import make_event

EVENTS = 10  # of a batch: what a host gathers in a second, of 10,000 events a second at 1,000 hosts


def main() -> None:
    """Bring batches until the time is over, and say how many were brought."""
    url, name, bugs, first, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    engine = open_engine(url)
    keys = [Fingerprint(key=f"{first + number:016x}", version="1") for number in range(bugs)]
    brought = 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        now = datetime.now(UTC)
        events = [make_event(at=now, fingerprint=keys[(brought + n) % bugs]) for n in range(EVENTS)]
        take_in(engine, Batch(f"{name}-{brought}", 0, 1, EVENTS, events), now=now)
        brought += 1
    sys.stdout.write(f"{brought}\n")


if __name__ == "__main__":
    main()
