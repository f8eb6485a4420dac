"""Local variables as short descriptions: so many, so long, within a time, and each object once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from time import perf_counter
from typing import Any

from capture.scrub import REDACTED
from capture.value_keys import PLAIN_KEYS
from capture.values import describe, names_secret, tells_nothing

MAX_LOCALS = 40
_TOO_LONG = "the rest is left out: the locals of this event are too long"


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
        kind = type(value)
        if left <= 0:
            described["…"] = _TOO_LONG
            break
        if type(name) is not str:  # of code that somebody executes in a dict of their own
            continue
        is_hidden = hidden and (hidden == "__ALL__" or name in hidden)
        if is_hidden or (name not in PLAIN_KEYS and names_secret(name) and not tells_nothing(value)):
            text = REDACTED
        elif kind is str or value is None or kind is bool or kind is float:  # takes no time
            text = describe(value)
        else:
            known = read.get(id(value))
            if known is None:
                if perf_counter() > until:
                    described["…"] = _TOO_LONG
                    break
                known = read[id(value)] = (value, describe(value))
            text = known[1]
        described[name] = text
        left -= len(text) + len(name)
    budget.left = left
    return described
