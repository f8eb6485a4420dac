"""Fingerprints that were worked out before: a fault that comes again comes through the same lines of the same code.

They are known by what makes them, and only where no text that a client wrote is a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from capture.chains import Raised
from capture.event import Fingerprint
from capture.fault_parts import reads_message

# What makes a fingerprint, places in code by their ids → the fingerprint, and those places, so that ids stay their own.
_known: dict[tuple[Hashable, ...], tuple[Fingerprint, Any]] = {}
MAX_KNOWN = 512


def known_or(work_out: Callable[[], Fingerprint], chain: Sequence[Raised], *facts: Hashable) -> Fingerprint:
    """Return the fingerprint of a failed request on a route: as it was worked out before, or as `work_out` says.

    `facts` are all that it depends on beside the exceptions.
    """
    if chain and (reads_message(chain[-1].kind.type, chain[-1].frames) or any(raised.members for raised in chain)):
        return work_out()
    key = (*facts, *[(id(raised.kind), raised.link, *map(id, raised.frames)) for raised in chain])
    found = _known.get(key)
    if found is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        found = _known[key] = (work_out(), [(raised.kind, raised.frames) for raised in chain])
    return found[0]
