"""The words that a verdict's reason is put together from."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.evidence.report import TestResult

_PLURAL = {"fails": "fail", "passes": "pass", "is": "are"}


def ids(tests: Sequence[TestResult]) -> list[str]:
    """Return the ids of tests."""
    return [test.id for test in tests]


def listed(subjects: Sequence[str]) -> str:
    """Return the first three, and how many more there are."""
    shown = ", ".join(subjects[:3])
    return f"{shown} and {len(subjects) - 3} more" if len(subjects) > 3 else shown


def verb(singular: str, subjects: Sequence[object] | frozenset[str]) -> str:
    """Return the verb in the number of its subjects: fails, fail."""
    return singular if len(subjects) == 1 else _PLURAL[singular]
