"""How long to wait before an action that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

FIRST_SECONDS = 5
LONGEST_SECONDS = 3_600

# With the waits above, the last try comes some ten hours after the first: an outage of a night is survived.
MOST_ATTEMPTS = 20


def wait_after(attempts: int, *, spread: Callable[[], float] = random.random) -> timedelta:
    """Return the wait after the `attempts`-th failed try: doubling, capped, and jittered down to its half.

    The jitter keeps workers that failed together from coming back together. `spread` returns 0 to 1.
    """
    whole = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(attempts - 1, 20))
    return timedelta(seconds=whole * (0.5 + spread() / 2))
