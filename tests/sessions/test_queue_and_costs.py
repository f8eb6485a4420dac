"""Places for sessions, and the cap of a day: who waits, who begins them, and what stops a launch."""

from __future__ import annotations

import socket
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from capture.store.tables import Bug, FixSession
from capture.testing import NOW
from workbench import fixing
from workbench.bugs import queries
from workbench.config import Config, Value
from workbench.errors import Refused
from workbench.fixing import costs, launching
from workbench.sessions import claude, sandbox
from workbench.sessions import record as records
from workbench.sessions.process import Detached, Identity

REHEARSED = fixing.LaunchOptions(rehearse=str(Path(__file__).parent / "scenarios" / "price.toml"))


@pytest.fixture
def settings(config):
    """The configuration with other values."""

    def settings(**values: object) -> Config:
        changed = {f"agent.{name}": Value(value, "test") for name, value in values.items()}
        return Config(config.repo, config.state_dir, {**config.values, **changed})

    return settings


@pytest.fixture
def idle(monkeypatch):
    """Runners that wait for their word and then end; the words that they got."""
    words: list[bytes] = []

    class Idle(Detached):
        def __init__(self, argv, *, environ, log):
            super().__init__([sys.executable, "-c", "import sys; sys.stdin.read()"], environ=environ, log=log)

        def begin(self, word):
            words.append(word)
            super().begin(word)

    monkeypatch.setattr(launching, "Detached", Idle)
    monkeypatch.setattr(Identity, "is_alive", True)
    return words


@pytest.fixture
def other_bug(engine, bug):
    """A second bug."""
    with Session(engine) as session:
        first = session.get_one(Bug, bug)
        fields = first.model_dump(exclude={"id", "number"}) | {"number": 2}
        session.add(Bug(**fields))
        session.commit()
    return 2


def test_what_finds_no_place_waits_and_begins_when_there_is_one(settings, engine, bug, other_bug, now, idle):
    config = settings(parallel=1)
    first = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    second = fixing.launch(config, engine, other_bug, by="Ada", options=REHEARSED, now=now + timedelta(seconds=1))
    assert (first.state, second.state, second.pid) == ("starting", "queued", None)
    assert second.is_live
    assert len(idle) == 1
    assert queries.bug_page(engine, other_bug, now=now).row.state == "fixing"
    with pytest.raises(Refused, match="is being worked on"):
        fixing.launch(config, engine, other_bug, by="Bob", options=REHEARSED, now=now)
    assert fixing.tend(config, engine, now=now) == []
    assert queries.session(engine, second.id).state == "queued"

    with records.transaction(engine) as session:
        records.end(session, first.id, "done", "done", to="review", reason="", now=now)
    assert fixing.tend(config, engine, now=now) == []
    begun = queries.session(engine, second.id)
    assert (begun.state, begun.pid is not None) == ("starting", True)
    assert len(idle) == 2
    fixing.tend(config, engine, now=now)
    assert len(idle) == 2


def test_whoever_waits_can_be_taken_out_of_the_queue(settings, engine, bug, other_bug, now, idle):
    config = settings(parallel=1)
    fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    waiting = fixing.launch(config, engine, other_bug, by="Ada", options=REHEARSED, now=now)
    fixing.interrupt(engine, waiting.id, by="Bob", now=now)
    row = queries.session(engine, waiting.id)
    assert (row.state, row.activity) == ("interrupted", "Bob took it out of the queue")
    assert queries.bug_page(engine, other_bug, now=now).row.state == "open"


def test_the_cap_of_a_day_stops_launches_and_rehearsals_cost_nothing(
    settings, engine, bug, other_bug, now, idle, monkeypatch
):
    monkeypatch.setattr(sandbox, "trouble", lambda *_: None)
    monkeypatch.setattr(claude, "has_login", lambda program, environ=None: True)
    config = settings(daily_usd=2.0)
    cost = {"bug_id": bug, "launched_by": "Ada", "repository": "r", "branch": "b", "worktree": "w", "base_commit": "c"}
    cost |= {"host": socket.gethostname(), "started_at": now - timedelta(days=3), "state": "done"}
    with records.transaction(engine) as session:
        for ended, dollars, rehearsal in ((now, 1.5, None), (now - timedelta(days=2), 9, None), (now, 9, "happy")):
            row = FixSession(id=str(uuid.uuid4()), ended_at=ended, cost_usd=dollars, rehearsal=rehearsal, **cost)
            session.add(row)
    assert costs.of_day(engine, now=now) == 1.5
    real = fixing.LaunchOptions()
    first = fixing.launch(config, engine, bug, by="Ada", options=real, now=now)
    with records.transaction(engine) as session:
        session.get_one(FixSession, first.id).cost_usd = 0.5
    with pytest.raises(Refused, match=r"Today's sessions have cost \$2.00, and the cap of a day is \$2.00") as refused:
        fixing.launch(config, engine, other_bug, by="Ada", options=real, now=now)
    assert "agent.daily_usd" in refused.value.cure
    assert fixing.launch(config, engine, other_bug, by="Ada", options=REHEARSED, now=now).state == "starting"


def test_what_a_bug_has_cost_is_told_over_all_attempts(engine, bug):
    page = queries.bug_page(engine, bug, now=NOW)
    assert costs.of_bug(page) == fixing.Spent()
