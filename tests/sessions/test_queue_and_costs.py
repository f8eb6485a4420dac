"""Places for sessions, and the cap of a day: who waits, who begins them, and what stops a launch."""

from __future__ import annotations

import socket
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from capture.store.tables import Bug, FixSession
from capture.testing import NOW
from workbench import fixing
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.config import Config, Value
from workbench.errors import OutsideError, Refused
from workbench.fixing import costs, queue, runners
from workbench.sessions import claude, environment, sandbox
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
def idle(idle, monkeypatch):
    """Runners that wait for their word and then end; the words that they got."""
    words: list[bytes] = []
    begin = Detached.begin

    def hear(process: Detached, word: bytes) -> None:
        words.append(word)
        begin(process, word)

    monkeypatch.setattr(runners.Detached, "begin", hear)
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


@pytest.fixture
def waiting(settings, engine, bug, other_bug, now, idle, monkeypatch):
    """A session of the real model that Ada queued, and what became of its runner's environment."""
    monkeypatch.setattr(sandbox, "trouble", lambda *_: None)
    monkeypatch.setattr(claude, "has_login", lambda program, environ=None: True)
    for name in (*environment.SENSITIVE, "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    seen: list[dict[str, str]] = []
    made = runners.Detached

    class Seen(made):
        def __init__(self, argv, *, environ, log):
            seen.append(dict(environ))
            super().__init__(argv, environ=environ, log=log)

    monkeypatch.setattr(runners, "Detached", Seen)
    config = settings(parallel=1)
    first = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    for name, value in (("ANTHROPIC_API_KEY", "key-of-ada"), ("LANG", "of-ada"), ("GITHUB_TOKEN", "token-of-ada")):
        monkeypatch.setenv(name, value)
    row = fixing.launch(config, engine, other_bug, by="Ada", options=fixing.LaunchOptions(), now=now)
    with records.transaction(engine) as session:
        records.end(session, first.id, "done", "done", to="review", reason="", now=now)
        assert "key-of-ada" not in str(session.get_one(FixSession, row.id).model_dump())
        assert "token-of-ada" not in str(session.get_one(FixSession, row.id).model_dump())
    monkeypatch.setenv("LANG", "of-bob")
    seen.clear()

    def begin() -> tuple[SessionRow, dict[str, str] | None]:
        fixing.tend(config, engine, now=now)
        return queries.session(engine, row.id), seen[-1] if seen else None

    return begin


def test_a_queued_session_begins_in_the_environment_of_who_queued_it(waiting, engine):
    row, environ = waiting()
    assert row.state == "starting"
    assert (environ["LANG"], environ["ANTHROPIC_API_KEY"]) == ("of-ada", "key-of-ada")
    assert "GITHUB_TOKEN" not in environ
    assert "another" not in str([entry.body for entry in queries.transcript(engine, row.id)])


def test_a_queued_session_waits_for_the_key_that_it_was_queued_with(waiting, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    row, environ = waiting()
    assert (row.state, environ) == ("queued", None)
    assert row.activity == "waits for a workbench that has ANTHROPIC_API_KEY, as Ada had"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key-of-ada")
    assert waiting()[0].state == "starting"


def test_a_queued_session_that_begins_with_another_key_says_so(waiting, engine, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key-of-bob")
    row, environ = waiting()
    assert (row.state, environ["ANTHROPIC_API_KEY"]) == ("starting", "key-of-bob")
    assert "another ANTHROPIC_API_KEY than it was queued with" in queries.transcript(engine, row.id)[-1].body["text"]


def test_the_cap_of_a_day_holds_for_what_waits_and_for_what_is_resumed(
    settings, engine, bug, other_bug, now, idle, monkeypatch
):
    monkeypatch.setattr(sandbox, "trouble", lambda *_: None)
    monkeypatch.setattr(claude, "has_login", lambda program, environ=None: True)
    config = settings(parallel=1, daily_usd=1.0)
    first = fixing.launch(config, engine, bug, by="Ada", options=fixing.LaunchOptions(), now=now)
    second = fixing.launch(config, engine, other_bug, by="Ada", options=fixing.LaunchOptions(), now=now)
    with records.transaction(engine) as session:
        session.get_one(FixSession, first.id).cost_usd = 1.0
        records.end(session, first.id, "interrupted", "x", to=None, reason="", now=now)
    fixing.tend(config, engine, now=now)
    row = queries.session(engine, second.id)
    assert row.state == "queued"
    assert row.activity == "waits: today's sessions have cost $1.00, and the cap of a day is $1.00"
    with pytest.raises(Refused, match=r"the cap of a day is \$1.00"):
        fixing.resume(config, engine, first.id, by="Ada", now=now)
    fixing.tend(config, engine, now=now + timedelta(days=1))
    assert queries.session(engine, second.id).state == "starting"


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


def test_what_cannot_begin_fails_and_lets_go_of_its_bug_and_the_next_in_line_begins(
    settings, engine, bug, other_bug, now, idle
):
    config = settings(parallel=1)
    first = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    second = fixing.launch(config, engine, other_bug, by="Ada", options=REHEARSED, now=now)
    with records.transaction(engine) as session:
        records.end(session, first.id, "done", "done", to="review", reason="", now=now)

    def begin(*_given):
        raise OutsideError("no room on the disk")

    assert queue.advance(config, engine, begin, now=now) == [second.id]
    row = queries.session(engine, second.id)
    assert (row.state, row.activity) == ("failed", "it could not begin: no room on the disk")
    assert queries.bug_page(engine, other_bug, now=now).row.state == "open"


def test_whoever_cannot_get_at_the_places_is_told_who_has_them(config, monkeypatch):
    monkeypatch.setattr(queue, "LOCK_SECONDS", 0)
    told = pytest.raises(OutsideError, match="Another workbench has been launching sessions")
    with queue.places(config), told, queue.places(config):
        raise AssertionError("nobody has two hands on the places")
