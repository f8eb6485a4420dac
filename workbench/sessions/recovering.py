"""What the client kept of a conversation and a killed runner had not written: it is brought to the rows of its session.

The client writes what it says to a file of its own before it goes on. A runner that is killed leaves lines there that
it never read, and so does a client whose last words nobody heard.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.tables import FixSession, TranscriptEntry
from workbench.sessions import client_store, prices
from workbench.sessions.client_store import ClientStore
from workbench.sessions.record import entry as as_row
from workbench.sessions.record import transaction
from workbench.sessions.said import Entry, Reply, entries, tokens

# How the client writes down its own commands, such as /exit, and what they print.
_OWN_COMMANDS = ("<command-name>", "<command-message>", "<local-command-")


def client_home(environ: Mapping[str, str]) -> Path:
    """Return the folder that a client with this environment keeps its conversations below."""
    named = environ.get("CLAUDE_CONFIG_DIR")
    return Path(named) if named else Path(environ.get("HOME", "~")).expanduser() / ".claude"


def recover(engine: Engine, session_id: str, *, now: datetime) -> int:
    """Add to a session what its client kept and no row tells, and return how many entries of the transcript that is.

    Tokens, turns and an estimate of the money of replies that nobody counted are added with them. What is there
    already is not added again, however often this is done.
    """
    with transaction(engine) as session:
        fix = session.get_one(FixSession, session_id, with_for_update=True)
        home = fix.options.get("client_home")
        file = _file(Path(home), session_id) if home else None
        if file is None:
            return 0
        lines = list(_lines(file))
        client_store.add(session, {"project_key": file.parent.name, "session_id": session_id}, _named(lines))
        known = _Known.of(session, session_id)
        added = 0
        for at, each in _told(lines, fix.options.get("taken_over") or {}):
            if not known.has(each):
                session.add(as_row(session_id, at or now, each.kind, each.row))
                added += 1
            if each.reply is not None:
                known.replied(each.reply)
        _count(fix, known.uncounted.values())
        session.add(fix)
        return added


def restore(engine: Engine, session_id: str, home: Path) -> bool:
    """Write the file of a conversation again that the client has lost, and return whether that was done."""
    store = ClientStore(engine)
    project = store.project_of(session_id)
    if project is None or "/" in project or project.startswith(".") or _file(home, session_id) is not None:
        return False
    lines = store.lines({"project_key": project, "session_id": session_id})
    if not any(line.get("type") == "user" for line in lines):
        return False
    path = home / "projects" / project / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.writelines(f"{json.dumps(line)}\n" for line in lines)
    return True


@dataclass
class _Known:
    """What the rows of a session tell already."""

    keys: set[str] = field(default_factory=set)
    replies: set[str] = field(default_factory=set)
    unnamed: Counter[tuple[str, str]] = field(default_factory=Counter)  # rows of earlier versions
    uncounted: dict[str, Reply] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, session_id: str) -> _Known:
        known = cls()
        rows = select(TranscriptEntry.kind, TranscriptEntry.body).where(TranscriptEntry.session_id == session_id)
        for kind, body in session.exec(rows.order_by(col(TranscriptEntry.id))):
            if "said" in body:
                known.keys.add(body["said"])
                known.replies.add(body.get("reply", ""))
            else:
                known.unnamed[kind, _content(body)] += 1
        return known

    def has(self, entry: Entry) -> bool:
        """Say whether there is a row of this entry."""
        if entry.key in self.keys:
            return True
        alike = entry.kind, _content(entry.body)
        if self.unnamed[alike]:
            self.unnamed[alike] -= 1
            self.replies.add(entry.reply.id if entry.reply else "")
            return True
        return False

    def replied(self, reply: Reply) -> None:
        """Take in a reply that the client knows of."""
        before = self.uncounted.get(reply.id)
        if reply.id not in self.replies and (before is None or before.tokens < reply.tokens):
            self.uncounted[reply.id] = reply


def _content(body: Mapping[str, Any]) -> str:
    return str(body.get("id") or body.get("text"))[:1000]  # a row may hold less of a long text


def _count(fix: FixSession, replies: Any) -> None:
    for reply in replies:
        fix.tokens += reply.tokens
        fix.turns += 1
        fix.cost_usd += reply.cost_usd
        fix.is_cost_estimated = True


def _file(home: Path, session_id: str) -> Path | None:
    return next(iter(sorted((home / "projects").glob(f"*/{session_id}.jsonl"))), None)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as opened:
        for line in opened:
            try:
                found = json.loads(line)
            except ValueError:  # the client was killed while it wrote this one
                continue
            if isinstance(found, dict):
                yield found


def _named(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Others would be added once more each time.
    return [line for line in lines if line.get("uuid")]


def _told(lines: list[dict[str, Any]], taken_over: Mapping[str, str]) -> Iterator[tuple[datetime | None, Entry]]:
    for line in lines:
        message = line.get("message")
        if line.get("isSidechain") or not isinstance(message, dict) or line.get("type") not in ("assistant", "user"):
            continue
        reply = None
        blocks = message.get("content")
        if line["type"] == "assistant":
            usage = message.get("usage")
            if message.get("id"):
                cost = prices.estimate(str(message.get("model") or ""), usage)
                reply = Reply(str(message["id"]), tokens(usage), cost)
        else:  # a prompt is a row before the client hears it, unless a person typed it there
            if prompt := _typed(line, blocks, taken_over):
                yield _time(line.get("timestamp")), prompt
            blocks = _results(blocks)
        for each in entries(str(line.get("uuid") or ""), blocks, reply):
            yield _time(line.get("timestamp")), each


def _typed(line: Mapping[str, Any], content: Any, taken_over: Mapping[str, str]) -> Entry | None:
    """Return what whoever had taken the session over has typed, if this line is that."""
    at = _time(line.get("timestamp"))
    since, until = _time(taken_over.get("since")), _time(taken_over.get("until"))
    if line.get("isMeta") or at is None or since is None or at < since or (until is not None and at > until):
        return None
    given = content if isinstance(content, list) else [{"type": "text", "text": content}]
    text = "\n".join(str(one.get("text")) for one in given if isinstance(one, dict) and one.get("type") == "text")
    if not text.strip() or text.startswith(_OWN_COMMANDS):
        return None
    return Entry("prompt", {"text": text, "by": taken_over["by"]}, key=f"{line.get('uuid')}/prompt")


def _results(blocks: Any) -> list[Any]:
    given = blocks if isinstance(blocks, list) else []
    return [block for block in given if isinstance(block, dict) and block.get("type") == "tool_result"]


def _time(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
