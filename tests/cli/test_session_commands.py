"""`workbench sessions`: what agents did, in a table, as a transcript and as JSON."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from capture.store.tables import FixSession, SessionRequest
from capture.testing import NOW
from workbench import fixing
from workbench.bugs import queries
from workbench.errors import Exit

# "Interfaces that stay": others build on these keys.
STAYS = {
    "id", "bug", "state", "rehearsal", "model", "cost_usd", "tokens", "turns", "branch", "worktree", "started_at",
    "ended_at",
}  # fmt: skip


def test_the_list_as_json_has_the_keys_that_stay(workbench, fixed):
    (found,) = workbench("sessions", "list", "--json").json
    assert set(found) >= STAYS
    assert (found["bug"], found["state"], found["rehearsal"], found["cost_usd"]) == ("B-001", "done", "happy", 0.25)
    assert found["worktree"] == str(fixed.worktree)


def test_people_get_a_table(workbench, fixed):
    out = workbench("sessions", "list").out
    assert out.splitlines()[0].split() == ["SESSION", "BUG", "STATE", "COST", "STARTED", "MODEL", "ACTIVITY"]
    assert "74baef19" in out
    assert "rehearsal happy" in out


def test_only_those_of_one_bug(workbench, fixed):
    assert len(workbench("sessions", "list", "--bug", "B-001", "--json").json) == 1
    ran = workbench("sessions", "list", "--bug", "B-002")
    assert (ran.code, ran.out) == (Exit.DONE, "")
    assert "workbench fix" in ran.err


def test_only_those_in_some_states_and_no_more_than_wanted(workbench, fixed, store):
    with Session(store) as session:
        first = session.exec(select(FixSession)).one()
        for number, state in enumerate(("working", "waiting", "failed")):
            later = first.model_dump() | {"id": f"later{number}", "state": state, "ended_at": None}
            session.add(FixSession(**later | {"started_at": NOW + timedelta(hours=number)}))
        session.commit()

    def listed(*words: str) -> list[str]:
        return [row["state"] for row in workbench("sessions", "list", *words, "--json").json]

    assert listed() == ["failed", "waiting", "working", "done"]
    assert listed("--limit", "2") == ["failed", "waiting"]
    assert listed("--state", "waiting,done") == ["waiting", "done"]
    assert listed("--state", "done", "--state", "failed", "--limit", "1") == ["failed"]


def test_a_state_that_there_is_not_is_named_with_those_there_are(workbench, fixed):
    ran = workbench("sessions", "list", "--state", "wating")
    assert ran.code == Exit.USAGE
    assert "'wating'" in ran.err
    assert "waiting, quiet" in ran.err


def test_a_session_that_waits_says_until_when(workbench, fixed, store):
    told = "until 12 Sep 14:11 UTC: the limit five_hour is reached"
    with Session(store) as session:
        row = session.exec(select(FixSession)).one()
        row.state, row.activity, row.ended_at = "waiting", told, None
        session.add(row)
        session.commit()
    assert told in workbench("sessions", "show", "74ba").out
    assert "until 12 Sep 14:11" in workbench("sessions", "list").out


def test_one_session_with_its_transcript(workbench, fixed):
    ran = workbench("sessions", "show", "74ba")
    assert ran.code == Exit.DONE
    for words in (fixed.session, "workbench/B-001-1", str(fixed.worktree), "done", "I wrote ␛[31ma test."):
        assert words in ran.out
    found = workbench("sessions", "show", fixed.session, "--json").json
    assert found["transcript"][0]["kind"] == "text"


@pytest.mark.parametrize("words", [["show", "ffff"], ["interrupt", "ffff"], ["resume", "ffff"]])
def test_an_unknown_session_is_a_no(workbench, fixed, words):
    ran = workbench("sessions", *words)
    assert ran.code == Exit.NO
    assert "sessions list" in ran.err


def test_a_session_that_ended_cannot_be_interrupted(workbench, fixed):
    ran = workbench("sessions", "interrupt", "74ba")
    assert ran.code == Exit.NO
    assert "not running" in ran.err


def test_a_running_one_is_asked_to_stop(workbench, fixed, changed, store):
    changed(FixSession, state="working")
    ran = workbench("sessions", "interrupt", "74ba")
    assert (ran.code, ran.out) == (Exit.DONE, "Asked 74baef19 to stop.\n")
    assert workbench("sessions", "interrupt", "74ba", "--json").json["id"] == fixed.session


def test_resuming_hands_the_message_on(workbench, fixed, monkeypatch):
    told = []

    def resumed(config, engine, session_id, *, by, message, now):
        told.append((session_id, message))
        return queries.session(engine, session_id)

    monkeypatch.setattr(fixing, "resume", resumed)
    ran = workbench("sessions", "resume", "74ba", "--message", "And hares?")
    assert ran.code == Exit.DONE
    assert told == [(fixed.session, "And hares?")]
    assert fixed.session in ran.out


def test_watching_a_session_that_has_ended_gives_its_verdict(workbench, fixed, monkeypatch):
    monkeypatch.setattr(fixing, "resume", lambda config, engine, session_id, **_: queries.session(engine, session_id))
    ran = workbench("sessions", "resume", "74ba", "--wait")
    assert ran.code == Exit.DONE
    assert "✓ demonstrated" in ran.out
    found = workbench("sessions", "resume", "74ba", "--wait", "--json").json
    assert found["evidence"]["verdict"] == "demonstrated"


@pytest.fixture
def asks(store, fixed, changed):
    """The session is at work in its first phase, and asks for something."""
    changed(FixSession, state="needs_input", phase="test", ended_at=None)
    body = {"tool": "Bash", "title": "Bash: make lint", "input": {"command": "make lint"}}
    with Session(store) as session:
        session.add(
            SessionRequest(session_id=fixed.session, kind="approval", body=body, asked_at=NOW, asked_by="agent")
        )
        session.commit()


def requests(store) -> list[tuple[str, str | None, str]]:
    with Session(store) as session:
        rows = session.exec(select(SessionRequest)).all()
        return [(row.kind, row.answer, row.answer_note or str(row.body.get("text", ""))) for row in rows]


def test_a_question_is_answered_from_the_command_line(workbench, store, fixed, asks):
    assert workbench("sessions", "answer", "74ba", "perhaps").code == Exit.USAGE
    ran = workbench("sessions", "answer", "74ba", "no", "--note", "use ruff")
    assert (ran.code, ran.out) == (Exit.DONE, "74baef19 was told no: Bash: make lint\n")
    assert requests(store) == [("approval", "deny", "use ruff")]
    ran = workbench("sessions", "answer", "74ba", "yes")
    assert (ran.code, "asks for nothing now" in ran.err) == (Exit.NO, True)


def test_an_agent_answers_no_question_and_steers_nothing(workbench, store, fixed, asks, monkeypatch):
    monkeypatch.setenv("CLAUDECODE", "1")
    for words in (("answer", "74ba", "yes"), ("unlock", "74ba"), ("send-back", "74ba", "no")):
        assert workbench("sessions", *words).code == Exit.NO
    assert requests(store) == [("approval", None, "")]


def test_a_session_is_unlocked_and_sent_back(workbench, store, fixed, asks, changed):
    assert workbench("sessions", "unlock", "74ba").code == Exit.DONE
    assert workbench("sessions", "send-back", "74ba", "use the API", "--json").json["phase"] == "test"
    assert requests(store)[1:] == [("unlock", None, ""), ("send_back", None, "use the API")]
    assert workbench("sessions", "send-back", "74ba", " ").code == Exit.NO
    changed(FixSession, phase="evidence")
    ran = workbench("sessions", "unlock", "74ba")
    assert (ran.code, "is making its evidence" in ran.err) == (Exit.NO, True)


def test_what_is_asked_between_the_phases_is_answered_by_unlocking_or_sending_back(
    workbench, store, fixed, asks, changed
):
    changed(SessionRequest, body={"tool": "Phase one", "title": "Go on?", "input": {}})
    assert workbench("sessions", "send-back", "74ba", "use the API").code == Exit.DONE
    assert requests(store) == [("approval", "deny", "use the API")]
