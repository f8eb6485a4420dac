"""Fingerprints that were worked out before: a fault that comes again comes through the same lines of the same code.

They are known by what makes them, and only where no text that a client wrote is a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from capture.chains import Raised
from capture.event import Fingerprint
from capture.fault_parts import reads_message


class Known(msgspec.Struct, frozen=True, gc=False):
    """A fingerprint, and what goes into an event for it: the same, or its JSON where that is remembered."""

    fingerprint: Fingerprint
    shown: Any


# What makes a fingerprint, places in code by their ids → the fingerprint, and those places, so that ids stay their own.
_known: dict[tuple[Hashable, ...], tuple[Known, Any]] = {}
MAX_KNOWN = 512


def known_or(work_out: Callable[[], Fingerprint], chain: Sequence[Raised], *facts: Hashable) -> Known:
    """Return the fingerprint of a failed request on a route: as it was worked out before, or as `work_out` says.

    `facts` are all that it depends on beside the exceptions.
    """
    key: tuple[Hashable, ...] = facts
    for raised in chain:
        if raised.members:
            return just(work_out())
        # No two chains have one key: a link is no number, and the class of an exception stands before its own.
        key = (*key, id(raised.kind), raised.link, *map(id, raised.frames))
    if chain and reads_message(chain[-1].kind.type, chain[-1].frames):
        return just(work_out())
    found = _known.get(key)
    if found is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        found = _known[key] = (just(work_out()), [(raised.kind, raised.frames) for raised in chain])
    elif found[0].shown is found[0].fingerprint:  # it came again, and may come a thousand times
        fingerprint, kept = found[0].fingerprint, found[1]
        found = _known[key] = (Known(fingerprint, msgspec.Raw(msgspec.json.encode(fingerprint))), kept)
    return found[0]


def just(fingerprint: Fingerprint) -> Known:
    """Return a fingerprint that is not remembered."""
    return Known(fingerprint, fingerprint)
