"""What evidence will cost, said before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from workbench.evidence.cache import Past

_NEW_RUNS = 4
_SUITE_RUNS = 2
_BASE_RUNS = 1


@dataclass(frozen=True)
class Estimate:
    """How many runs there will be, and how long they take; `seconds` is None before the first evidence."""

    runs: int
    seconds: float | None
    tests: int
    is_base_known: bool

    @classmethod
    def of(cls, past: Past | None, *, is_base_known: bool, at_once: int = 1, replays: int = 0) -> Self:
        """Return the estimate from what the last evidence took, where so many runs are made `at_once`."""
        base = 0 if is_base_known else _BASE_RUNS
        runs = _NEW_RUNS + _SUITE_RUNS + base + replays
        if past is None:
            return cls(runs, None, 0, is_base_known)
        # New tests are run twice each, and the recorded request is no longer than they are.
        suite, short = past.suite_seconds + past.tree_seconds, past.new_seconds + past.tree_seconds
        first = _NEW_RUNS // 2
        beside = [base * suite, *[short] * (first + replays)]
        seconds = first * short / at_once + max(max(beside), sum(beside) / at_once) + _SUITE_RUNS * suite / at_once
        return cls(runs, round(seconds, 1), past.tests, is_base_known)

    @property
    def words(self) -> str:
        """It in one line."""
        base = "; the base's results are remembered" if self.is_base_known else ""
        if self.seconds is None:
            return f"{self.runs} runs to make{base}; how long they take is not known before the first time"
        minutes, seconds = divmod(round(self.seconds), 60)
        time = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        return f"{self.runs} runs to make, the suite has {self.tests:,} tests: about {time}, as the last time{base}"
