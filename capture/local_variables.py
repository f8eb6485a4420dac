"""Local variables as short descriptions: so many, so long, within a time, and each object once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from time import perf_counter
from typing import Any

from capture.scrub import REDACTED
from capture.values import KEYS, describe, learn_key, tells_nothing

MAX_LOCALS = 40


class Budget:
    """How many characters the locals of an event may still take, until when they are read, and what was read."""

    __slots__ = ("described", "left", "until")

    def __init__(self, characters: int = 16_000, seconds: float = 0.05) -> None:
        self.left = characters
        self.until = perf_counter() + seconds
        # An object is handed from call to call, and looked at once. It is kept, so that its id stays its own.
        self.described: dict[int, tuple[Any, str]] = {}


def describe_locals(
    variables: Mapping[str, Any], *, budget: Budget, hidden: Iterable[str] | str = ()
) -> dict[str, str]:
    """Return each local variable by a short description; secrets and those of `hidden` ("__ALL__") are redacted."""
    described: dict[str, str] = {}
    read, left, until = budget.described, budget.left, budget.until
    for name, value in islice(variables.items(), MAX_LOCALS):
        known = read.get(id(value))
        if left <= 0 or (known is None and perf_counter() > until):
            described["…"] = "the rest is left out: the locals of this event are too long"
            break
        is_secret = (KEYS.get(name) or learn_key(name, 0))[1]
        if (is_secret and not tells_nothing(value)) or (hidden and (hidden == "__ALL__" or name in hidden)):
            described[name] = REDACTED
            continue
        if known is None:
            known = read[id(value)] = (value, describe(value))
        described[name] = text = known[1]
        left -= len(text) + len(name)
    budget.left = left
    return described
