"""What a session uses up, from the replies of its agent and the bills of its turns, and whether its caps leave more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.sessions.said import Reply


@dataclass(frozen=True)
class Spent:
    """What a session has used before this runner began."""

    cost_usd: float = 0.0
    tokens: int = 0
    turns: int = 0
    is_estimated: bool = False


class Spending:
    """What a session uses while this runner lasts, on top of what was spent before.

    The caps are those of this runner; None is no cap. Each figure comes as columns of the session's row.
    """

    def __init__(self, spent: Spent, *, max_turns: int | None, max_cost_usd: float | None) -> None:
        self._spent = spent
        self._max_turns, self._max_cost_usd = max_turns, max_cost_usd
        self._replies: dict[str, int] = {}  # and their tokens: a reply comes in parts, each with all that it counts
        self._billed = spent.cost_usd
        self._unbilled: dict[str, float] = {}  # the replies of the turn that has not ended yet

    def replied(self, reply: Reply) -> dict[str, Any]:
        """Return what the session has used with this reply. Its money is an estimate until the turn has a bill."""
        self._replies[reply.id] = max(reply.tokens, self._replies.get(reply.id, 0))
        self._unbilled[reply.id] = max(reply.cost_usd, self._unbilled.get(reply.id, 0.0))
        return {
            "tokens": self._spent.tokens + sum(self._replies.values()),
            "turns": self._spent.turns + len(self._replies),
            "cost_usd": self._billed + sum(self._unbilled.values()),
            "is_cost_estimated": True,
        }

    def billed(self, cost_usd: float | None) -> dict[str, Any]:
        """Return what the session has cost with a turn that has ended with this bill; nothing without one."""
        if cost_usd is None:
            return {}
        # A resumed client goes on from what its conversation had cost, if it still knows that.
        self._billed = cost_usd if cost_usd >= self._spent.cost_usd else self._spent.cost_usd + cost_usd
        self._unbilled.clear()
        return {"cost_usd": self._billed, "is_cost_estimated": self._spent.is_estimated}

    def turns_left(self) -> int:
        """Return how many turns the cap leaves, over all prompts of this runner: the client counts anew with each."""
        return 1 if self._max_turns is None else self._max_turns - len(self._replies)

    def cap_reached(self) -> str:
        """Return which cap allows no further prompt, or an empty string."""
        if self.turns_left() <= 0:
            return "the cap on turns is reached"
        if self._max_cost_usd is not None and self._billed - self._spent.cost_usd >= self._max_cost_usd:
            return "the cap on cost is reached"
        return ""
