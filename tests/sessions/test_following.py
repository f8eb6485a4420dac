"""Following a session: everything that it says and asks, once, until it ends or a question waits for too long."""

from __future__ import annotations

import os
import socket
import threading

import psutil
import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.engine import writing
from capture.store.tables import Bug, FixSession, SessionRequest, TranscriptEntry
from capture.testing import NOW
from workbench import fixing
from workbench.bugs import queries
from workbench.bugs.rows import ApprovalRow
from workbench.errors import OutsideError
from workbench.fixing import following

SESSION = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def writer(engine: Engine, bug: int, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The engine to write with; there is a session at work, whose runner is this very process."""
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(following, "SWEEP_SECONDS", 0.0)
    me = psutil.Process()
    with Session(writing(engine)) as session:
        found = session.exec(select(Bug)).one()
        places = dict.fromkeys(("repository", "branch", "worktree", "base_commit"), "x")
        row = FixSession(
            id=SESSION,
            bug_id=found.id,
            state="working",
            activity="",
            launched_by="Ada",
            host=socket.gethostname(),
            pid=me.pid,
            pid_started=me.create_time(),
            started_at=NOW,
            **places,
        )
        session.add(row)
        session.commit()
    return writing(engine)


def say(writer: Engine, *texts: str) -> None:
    with Session(writer) as session:
        session.add_all(TranscriptEntry(session_id=SESSION, at=NOW, kind="text", body={"text": text}) for text in texts)
        session.commit()


def ask(writer: Engine) -> int:
    with Session(writer) as session:
        asked = SessionRequest(
            session_id=SESSION, kind="approval", body={"tool": "Bash"}, asked_at=NOW, asked_by="agent"
        )
        session.add(asked)
        session.commit()
        assert asked.id is not None
        return asked.id


def set_row(writer: Engine, **changes: object) -> None:
    with Session(writer) as session:
        row = session.get_one(FixSession, SESSION)
        for name, value in changes.items():
            setattr(row, name, value)
        session.commit()


def test_everything_is_told_once_and_nothing_of_the_end_is_missed(engine, writer, monkeypatch):
    monkeypatch.setattr(queries.transcript, "__kwdefaults__", {"after": 0, "limit": 2})
    say(writer, "1", "2", "3")
    heard = []
    for news in fixing.follow(engine, SESSION, patience=None, opening="workbench"):
        if isinstance(news, ApprovalRow):
            say(writer, "5")
            set_row(writer, state="done")
            heard.append("?")
            continue
        heard.append(news.body["text"])
        if heard == ["1", "2", "3"]:
            say(writer, "4")
            ask(writer)
    assert heard == ["1", "2", "3", "4", "?", "5"]


def test_a_session_whose_runner_is_gone_is_followed_to_its_end(engine, writer):
    set_row(writer, pid=os.getpid(), pid_started=1.0)
    (news,) = fixing.follow(engine, SESSION, patience=None, opening="workbench")
    assert "The runner of this session is gone." in news.body["text"]


def test_a_question_that_nobody_answers_in_time_is_an_error_with_what_to_do(engine, writer):
    ask(writer)
    news = fixing.follow(engine, SESSION, patience=0.05, opening="workbench --repo /srv/clinic")
    next(news)
    with pytest.raises(OutsideError, match=r"nobody gave one within 0\.05 seconds") as raised:
        next(news)
    assert raised.value.cure == "Open the workbench and answer there: workbench --repo /srv/clinic"
    assert queries.session(engine, SESSION).is_live


def test_a_question_that_is_answered_in_time_keeps_nobody(engine, writer, now):
    asked = ask(writer)
    ending = threading.Timer(0.5, lambda: set_row(writer, state="done"))
    for news in fixing.follow(engine, SESSION, patience=0.25, opening="workbench"):
        assert isinstance(news, ApprovalRow)
        fixing.answer(engine, asked, allow=True, by="Ada", now=now)
        ending.start()
    ending.join()
    assert not queries.session(engine, SESSION).is_live
