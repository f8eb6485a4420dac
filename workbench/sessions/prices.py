"""What a reply costs, computed from its tokens: for the money of a turn that has not got its bill yet, or never will.

The client bills a turn when it ends. Until then, and for a turn that was killed, this is what a screen can say; it is
always marked as an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# US dollars for a million tokens that go in and come out, by what is in a model's name; the last is for all others.
_PRICES = (("haiku", 1.0, 5.0), ("opus", 5.0, 25.0), ("", 3.0, 15.0))
_CACHE_WRITTEN, _CACHE_READ = 1.25, 0.1  # of the price of what goes in


def estimate(model: str, usage: Mapping[str, Any] | None) -> float:
    """Return the dollars that a reply of `model` has cost, about."""
    given = {name: int((usage or {}).get(name) or 0) for name in _NAMES}
    into, out = next((into, out) for name, into, out in _PRICES if name in model)
    weighed = (
        given["input_tokens"]
        + given["cache_creation_input_tokens"] * _CACHE_WRITTEN
        + given["cache_read_input_tokens"] * _CACHE_READ
    )
    return (weighed * into + given["output_tokens"] * out) / 1_000_000


_NAMES = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
