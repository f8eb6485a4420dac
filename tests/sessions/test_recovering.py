"""What a killed runner or client leaves behind is brought to the rows: lines, tokens and money, each once."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk.testing import run_session_store_conformance

from capture.store.engine import open_engine
from capture.store.migrate import upgrade
from capture.store.tables import FixSession
from capture.testing import NOW
from workbench.bugs import queries
from workbench.fixing import steering
from workbench.sessions import record, recovering
from workbench.sessions.client_store import ClientStore
from workbench.sessions.record import Record
from workbench.sessions.said import Entry, Reply, entries

USAGE = {"input_tokens": 100, "output_tokens": 20}
# What the client keeps of a conversation of two replies, as it writes it.
LINES: list[dict[str, Any]] = [
    {"type": "queue-operation", "operation": "enqueue"},
    {"type": "user", "uuid": "u0", "message": {"role": "user", "content": "Fix bug B-001."}},
    {"type": "assistant", "uuid": "a1", "timestamp": "2026-03-01T10:00:00.000Z", "message": {
        "id": "m1", "model": "opus", "usage": USAGE, "content": [{"type": "text", "text": "I look."}]}},
    {"type": "assistant", "uuid": "a2", "message": {"id": "m1", "model": "opus", "usage": USAGE, "content": [
        {"type": "tool_use", "id": "t1", "name": "Write", "input": {"file_path": "a.txt"}}]}},
    {"type": "user", "uuid": "u3", "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t1", "content": "written"}]}},
    {"type": "assistant", "uuid": "a4", "message": {"id": "m2", "model": "opus", "usage": USAGE, "content": [
        {"type": "text", "text": "I look."}]}},
]  # fmt: skip
DOLLARS = (100 * 5 + 20 * 25) / 1_000_000  # of one reply


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "client"


@pytest.fixture
def fix(engine, bug, home) -> str:
    """A session of a runner that is gone."""
    made = FixSession(
        id=str(uuid.uuid4()), bug_id=bug, state="working", launched_by="Ada", repository="r", branch="b",
        worktree="w", base_commit="c", host=socket.gethostname(), pid=2**22 + 1, pid_started=1.0, started_at=NOW,
        options={"client_home": str(home)},
    )  # fmt: skip
    with record.transaction(engine) as session:
        session.add(made)
    return made.id


def write(home: Path, fix: str, lines: list[dict[str, Any]], *, torn: str = "") -> Path:
    path = home / "projects" / "-w" / f"{fix}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + torn)
    return path


def heard() -> list[Entry]:
    """What the runner makes of the same conversation, in the order that it writes it."""
    found: list[Entry] = []
    for line in LINES[2:]:
        message = line["message"]
        reply = Reply(message["id"], 120, DOLLARS) if "id" in message else None
        found += entries(line["uuid"], message["content"], reply)
    return found


def told(engine, fix: str) -> list[tuple[str, str]]:
    return [(row.kind, str(row.body.get("said"))) for row in queries.transcript(engine, fix)]


WHOLE = [("text", "a1/0"), ("tool_use", "a2/0"), ("tool_result", "u3/0"), ("text", "a4/0")]


@pytest.mark.parametrize("written", range(len(WHOLE) + 1))
def test_wherever_a_runner_was_killed_its_transcript_and_its_money_are_completed_once(engine, fix, home, written):
    write(home, fix, LINES, torn='{"type": "assistant", "uu')
    runner, replies = Record(engine, fix), {}
    for entry in heard()[:written]:
        if entry.reply:
            replies[entry.reply.id] = entry.reply
        used = len(replies)
        runner.heard(entry.kind, entry.row, tokens=120 * used, turns=used, cost_usd=DOLLARS * used)
    assert recovering.recover(engine, fix, now=NOW) == len(WHOLE) - written
    assert recovering.recover(engine, fix, now=NOW) == 0
    row = queries.session(engine, fix)
    assert told(engine, fix) == WHOLE
    assert (row.tokens, row.turns, round(row.cost_usd, 9)) == (240, 2, round(2 * DOLLARS, 9))
    assert row.is_cost_estimated is (written < len(WHOLE))


def test_rows_of_an_earlier_version_are_known_by_their_words(engine, fix, home):
    write(home, fix, LINES)
    for entry in heard()[:2]:
        Record(engine, fix).entry(entry.kind, **entry.body)
    assert recovering.recover(engine, fix, now=NOW) == 2
    assert [kind for kind, _ in told(engine, fix)] == ["text", "tool_use", "tool_result", "text"]
    assert queries.session(engine, fix).turns == 1  # the first reply was counted when its lines were written


def test_sweeping_brings_what_was_said_to_the_transcript_of_a_lost_runner(engine, fix, home):
    write(home, fix, LINES)
    assert steering.sweep(engine, now=NOW) == [fix]
    assert [each for each in told(engine, fix) if each[0] != "notice"] == WHOLE


def test_without_anything_kept_nothing_is_added(engine, fix):
    assert recovering.recover(engine, fix, now=NOW) == 0


def test_a_conversation_that_the_client_lost_is_written_again_from_what_was_kept_here(engine, fix, home):
    path = write(home, fix, LINES)
    assert not recovering.restore(engine, fix, home)  # it is there
    recovering.recover(engine, fix, now=NOW)
    path.unlink()
    assert recovering.restore(engine, fix, home)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [line for line in LINES if "uuid" in line]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_conversation_that_nobody_kept_is_not_made_up(engine, fix, home):
    assert not recovering.restore(engine, fix, home)


def test_the_store_of_conversations_is_what_the_sdk_asks_for(tmp_path):
    made: list[Any] = []

    def fresh() -> ClientStore:
        made.append(open_engine(f"sqlite:///{tmp_path / f'{len(made)}.db'}", create=True))
        upgrade(made[-1])
        return ClientStore(made[-1])

    asyncio.run(run_session_store_conformance(fresh))
    assert len(made) > 10  # nothing was left out
    for engine in made:
        engine.dispose()


def test_a_line_that_comes_again_is_kept_once(engine):
    store, key = ClientStore(engine), {"project_key": "p", "session_id": "s"}
    line, mark = {"type": "user", "uuid": "u", "text": "\0"}, {"type": "mark"}
    asyncio.run(store.append(key, [line, line, mark]))
    asyncio.run(store.append(key, [line, mark]))
    assert asyncio.run(store.load(key)) == [line, mark, mark]
