"""What passes between an agent and its runner, as plain data of ours: what it says and does, and what it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Started:
    """The client is up: which model answers, and which version of Claude Code this is."""

    model: str
    version: str


@dataclass(frozen=True)
class Entry:
    """One entry of the transcript."""

    kind: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """The model has replied. Several messages may belong to one reply; `tokens` is what the reply used.

    `cost_usd` is about what it cost; the bill comes with the end of the turn.
    """

    id: str
    tokens: int
    cost_usd: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Waiting:
    """The API makes us wait."""

    why: str


@dataclass(frozen=True)
class TurnEnded:
    """The agent has ended its turn.

    `ok` is False where it could not finish; `cost_usd` is of the whole connection; `more`: it has prompts left that
    this turn did not take in, and answers them next.
    """

    ok: bool
    interrupted: bool
    reason: str
    cost_usd: float | None
    turns: int
    more: bool = False


Said = Started | Entry | Reply | Waiting | TurnEnded


@dataclass(frozen=True)
class Ask:
    """A question for a person: whether the agent may do this."""

    tool: str
    given: dict[str, Any]
    title: str
    reason: str
    shared: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the question as the words of a row."""
        return {
            "tool": self.tool,
            "title": self.title,
            "input": self.given,
            "reason": self.reason,
            "shared": self.shared,
        }
