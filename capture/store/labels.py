"""How a bug's number is shown. By itself, so that naming a bug does not wait for SQLModel (0.5 s)."""

from __future__ import annotations


def label(number: int) -> str:
    """Return how bug `number` is shown to people: 12 is B-012."""
    return f"B-{number:03d}"
