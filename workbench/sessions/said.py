"""What passes between an agent and its runner, as plain data of ours: what it says and does, and what it asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Started:
    """The client is up: which model answers, and which version of Claude Code this is."""

    model: str
    version: str


@dataclass(frozen=True)
class Reply:
    """The model has replied. Several messages may belong to one reply; `tokens` is what the reply used.

    `cost_usd` is about what it cost; the bill comes with the end of the turn.
    """

    id: str
    tokens: int
    cost_usd: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Entry:
    """One entry of the transcript.

    `key` names it among all that the client said and keeps of its conversation; empty where that cannot be told.
    `reply` is the reply of the model that it is part of.
    """

    kind: str
    body: dict[str, Any]
    key: str = field(default="", compare=False)
    reply: Reply | None = None

    @property
    def row(self) -> dict[str, Any]:
        """The words of its row: those that tell it from others are what a dead runner's work is completed by."""
        names = {"said": self.key, "reply": self.reply.id if self.reply else ""}
        return self.body | {name: value for name, value in names.items() if value}


@dataclass(frozen=True)
class Waiting:
    """The API makes us wait; `why` says until when, where the API does."""

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


def until(seconds: float | None) -> str:
    """Return "until …: " with a moment that is told in seconds since 1970; nothing where none is told.

    It is what a sentence begins with, since a narrow list shows no more of it.
    """
    try:
        return f"until {datetime.fromtimestamp(seconds, UTC):%d %b %H:%M} UTC: " if seconds else ""
    except (OverflowError, OSError, ValueError):  # no moment of this calendar
        return ""


def entries(uuid: str, blocks: Any, reply: Reply | None = None) -> Iterator[Entry]:
    """Yield what the blocks of one message are in the transcript. `uuid` is the client's own for the message."""
    for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
        found = _entry(block) if isinstance(block, Mapping) else None
        if found is not None:
            yield Entry(*found, key=f"{uuid}/{number}" if uuid else "", reply=reply)


def tokens(usage: Mapping[str, Any] | None) -> int:
    """Return how many tokens a reply has used, of all kinds."""
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(int((usage or {}).get(name) or 0) for name in names)


def _entry(block: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    match block:
        case {"type": "text", "text": str(text)} if text.strip():
            return "text", {"text": text}
        case {"type": "thinking", "thinking": str(text)} if text.strip():
            return "thinking", {"text": text}
        case {"type": "tool_use", "id": call, "name": str(tool), "input": dict(given)}:
            return "tool_use", {"id": call, "tool": tool, "input": given, "text": _gist(tool, given)}
        case {"type": "tool_result", "tool_use_id": call}:
            text = _text(block.get("content"))
            return "tool_result", {"id": call, "text": text, "is_error": bool(block.get("is_error"))}
    return None


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in content)
    return str(content or "")


def _gist(tool: str, given: Mapping[str, Any]) -> str:
    """Return a call of a tool as one line."""
    names = ("command", "file_path", "pattern", "path")
    return f"{tool} {next((given[name] for name in names if given.get(name)), '')}".strip()


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
