"""Launching and steering without an agent: what is refused, what is written, and that failures leave nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from sqlmodel import Session

from capture.store.lifecycle import Actor
from capture.store.tables import Bug, FixSession, SessionRequest
from capture.testing import NOW
from workbench import evidence, fixing, signoff
from workbench.bugs import acts, queries
from workbench.config import Config, Value
from workbench.contained import RUNNER_MARK
from workbench.ended import still_running
from workbench.errors import ConfigurationError, DatabaseError, NotFound, OutsideError, Refused, UsageError
from workbench.fixing import alarm, launching, runners
from workbench.git import Repository
from workbench.runner import agent_part, beginning
from workbench.runner.agent_part import AgentPart
from workbench.runner.known import Known
from workbench.sessions import brief, claude, sandbox
from workbench.sessions import record as records
from workbench.sessions.options import AgentOptions
from workbench.sessions.order import First, Order
from workbench.sessions.process import Detached
from workbench.sessions.record import Record
from workbench.sessions.sandbox import NoSandbox
from workbench.sessions.spending import Spent
from workbench.sessions.turn import Outcome
from workbench.sessions.worktrees import create

REHEARSED = fixing.LaunchOptions(rehearse=str(Path(__file__).parent / "scenarios" / "price.toml"))


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def with_setting(config: Config, key: str, value: object) -> Config:
    return Config(config.repo, config.state_dir, {**config.values, key: Value(value, "test")})


@pytest.fixture
def make_session(engine, bug, clinic, config):
    """Write a session's row, with a real worktree, as if a runner were at work on it."""

    def make(state: str = "working", **changes) -> FixSession:
        place = create(Repository.open(clinic), config.state_dir, bug, base="HEAD", reason="r")
        me = psutil.Process()
        fields = {
            "id": str(uuid.uuid4()),
            "bug_id": bug,
            "state": state,
            "launched_by": "Ada",
            "repository": str(clinic),
            "branch": place.branch,
            "worktree": str(place.path),
            "base_commit": place.base,
            "host": socket.gethostname(),
            "pid": me.pid,
            "pid_started": me.create_time(),
            "started_at": NOW,
            "options": {"phase": "agent", "brief": "the brief", "prompt": "the brief", "max_cost_usd": 5.0},
        }
        with records.transaction(engine) as session:
            fix = FixSession(**(fields | changes))
            session.add(fix)
            session.get_one(Bug, bug).state = "fixing"
        return fix

    return make


def test_a_launch_claims_the_bug_and_writes_all_that_the_runner_needs(idle, config, engine, bug, now, clinic):
    (clinic / "pricing.py").write_text("changed")
    row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    assert (row.state, row.launched_by, row.rehearsal, row.pid) == ("starting", "Ada", "price", idle[0].pid)
    assert row.host == socket.gethostname()
    event_file = config.state_dir / "sessions" / row.id / "event.json"
    assert event_file.stat().st_mode & 0o777 == 0o600
    assert event_file.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(event_file.read_text())["bug"] == "B-001"
    notice, prompt = queries.transcript(engine, row.id)
    assert "not committed (pricing.py)" in notice.body["text"]
    assert prompt.body == {
        "text": fixing.brief(config, engine, bug, now=now).prompt.replace("SESSION", row.id),
        "by": "Ada",
    }
    page = queries.bug_page(engine, bug, now=now)
    assert page.row.state == "fixing"
    assert "write_file" in {owed.kind for owed in page.owed}


def test_the_base_is_the_release_that_the_bug_was_seen_in(idle, config, engine, bug, now, clinic):
    repository = Repository.open(clinic)
    first = repository.head()
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "later"], cwd=clinic, check=True)
    with records.transaction(engine) as session:
        session.get_one(Bug, bug).last_release = first[:10]
    row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    assert row.base_commit == first


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"base": "nowhere"}, NotFound, "has no commit 'nowhere'"),
        ({"rehearse": "sad"}, UsageError, "no rehearsal scenario 'sad'"),
    ],
)
def test_wrong_options_leave_nothing_behind(config, engine, bug, now, nothing_left, options, error, told):
    chosen = fixing.LaunchOptions(**{"rehearse": REHEARSED.rehearse, **options})
    with pytest.raises(error, match=told):
        fixing.launch(config, engine, bug, by="Ada", options=chosen, now=now)
    nothing_left()


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("agent.cli_path", "/nowhere/claude", ConfigurationError),
        ("agent.cli_path", "/bin/false", OutsideError),
        ("tests.command", "no-such-program -x", ConfigurationError),
    ],
)
def test_wrong_settings_leave_nothing_behind(config, engine, bug, now, nothing_left, key, value, error):
    with pytest.raises(error):
        fixing.launch(with_setting(config, key, value), engine, bug, by="Ada", options=REHEARSED, now=now)
    nothing_left()


def test_a_runner_that_does_not_start_leaves_nothing_behind(config, engine, bug, now, nothing_left, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OutsideError("no more processes")

    monkeypatch.setattr(runners, "Detached", refuse)
    with pytest.raises(OutsideError, match="no more processes"):
        fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    nothing_left()


@pytest.mark.usefixtures("idle")
def test_a_runner_that_dies_before_its_word_leaves_nothing_behind(config, engine, bug, now, nothing_left, monkeypatch):
    def gone(*_: object) -> None:
        raise OutsideError("The runner ended as it began.")

    monkeypatch.setattr(Detached, "begin", gone)
    with pytest.raises(OutsideError, match="ended as it began"):
        fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    nothing_left()


@pytest.mark.usefixtures("idle")
def test_a_locked_database_leaves_nothing_behind(config, engine, bug, now, nothing_left, monkeypatch):
    def locked(*_: object, **__: object) -> None:
        raise DatabaseError("locked")

    monkeypatch.setattr(launching, "claim", locked)
    with pytest.raises(DatabaseError):
        fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    nothing_left()


def test_outside_of_a_repository_nothing_is_launched(config, engine, bug, now, tmp_path):
    with pytest.raises(ConfigurationError, match="not in a git repository"):
        fixing.launch(
            Config(tmp_path, config.state_dir, config.values), engine, bug, by="Ada", options=REHEARSED, now=now
        )
    assert queries.sessions(engine) == []


@pytest.mark.usefixtures("idle")
def test_two_launches_at_once_make_one_session(config, engine, bug, now, make_session, monkeypatch):
    monkeypatch.setattr(launching, "check_free", lambda *_, **__: make_session())  # the other one, in between
    with pytest.raises(Refused, match=r"is being worked on by Ada on"):
        fixing.launch(config, engine, bug, by="Bob", options=REHEARSED, now=now)
    assert len(queries.sessions(engine)) == 1


@pytest.mark.parametrize(("state", "cure"), [("review", "reject it"), ("closed", "bugs new"), ("muted", "Unmute")])
def test_the_state_of_a_bug_may_refuse_a_session(config, engine, bug, now, state, cure):
    with records.transaction(engine) as session:
        session.get_one(Bug, bug).state = state
    with pytest.raises(Refused, match=f"B-001 is {state}") as caught:
        fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    assert cure in caught.value.cure


@pytest.mark.usefixtures("idle")
def test_a_bug_that_was_closed_meanwhile_is_refused(config, engine, bug, now, monkeypatch):
    acts.change_state(engine, bug, "closed", by=Actor("person", "Bob"), reason="r", now=now)
    monkeypatch.setattr(launching, "check_free", lambda *_, **__: None)
    with pytest.raises(Refused, match="closed"):
        fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)


def test_without_a_login_the_happy_rehearsal_answers(idle, config, engine, bug, now, monkeypatch):
    monkeypatch.setattr("workbench.sessions.claude.has_login", lambda *_: False)
    assert fixing.rehearsal_for(config) == "happy"
    row = fixing.launch(config, engine, bug, by="Ada", options=fixing.LaunchOptions(), now=now)
    assert row.rehearsal == "happy"


def test_with_a_login_it_is_a_real_session(idle, config, engine, bug, now, monkeypatch):
    monkeypatch.setattr("workbench.sessions.claude.has_login", lambda *_: True)
    assert fixing.rehearsal_for(config) is None
    row = fixing.launch(config, engine, bug, by="Ada", options=fixing.LaunchOptions(model="opus"), now=now)
    assert (row.rehearsal, row.model) == (None, "opus")


def test_the_setting_rehearses_unless_a_person_says_otherwise(config, monkeypatch):
    monkeypatch.setattr("workbench.sessions.claude.has_login", lambda *_: True)
    asking = replace(config, values={**config.values, "agent.rehearse": Value("price", "workbench.toml")})
    found = [fixing.rehearsal_for(asking, asked) for asked in (None, "happy", "")]
    assert found == ["price", "happy", None]
    monkeypatch.setattr("workbench.sessions.claude.has_login", lambda *_: False)
    assert fixing.rehearsal_for(asking, "") == "happy"


def test_submodules_that_nothing_fills_are_told_of(idle, config, engine, bug, now, clinic):
    (clinic / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ../x\n')
    git(clinic, "add", ".")
    git(clinic, "commit", "-q", "-m", "a submodule")
    row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    told = [entry.body["text"] for entry in queries.transcript(engine, row.id) if entry.kind == "notice"]
    assert any("git submodule update --init" in text for text in told)


def test_a_clean_checkout_has_no_notice(config, clinic):
    assert fixing.uncommitted_notice(config) is None
    (clinic / "bugs").mkdir()
    (clinic / "bugs" / "B-001.md").write_text("ours")
    assert fixing.uncommitted_notice(config) is None
    for number in range(7):
        (clinic / f"new{number}.py").write_text("")
    assert "(new0.py, new1.py, new2.py, new3.py, new4.py …)" in fixing.uncommitted_notice(config)


@pytest.mark.usefixtures("idle")
def test_resuming_continues_with_the_right_words(config, engine, now, make_session, bug):
    heard = {"phase": "agent", "brief": "the brief", "prompt": "the brief", "conversation": True}
    for state, options, message, told in [
        ("interrupted", heard, None, "You were interrupted."),
        ("interrupted", heard, "Mind the cats", "Mind the cats"),
        ("done", heard, "Mind the cats", "sends it back:\n\nMind the cats"),
        ("failed", heard | {"conversation": False}, None, "the brief"),
        ("failed", heard | {"conversation": False}, "Mind the cats", "the brief\n\nMind the cats"),
    ]:
        fix = make_session(state, options=options, started_at=now)
        row = fixing.resume(config, engine, fix.id, by="Ada", message=message, now=now)
        assert row.state == "starting"
        assert told in queries.transcript(engine, fix.id)[-1].body["text"]
        assert (config.state_dir / "sessions" / fix.id / "event.json").exists()
        with records.transaction(engine) as session:
            session.get_one(FixSession, fix.id).state = "done"


@pytest.mark.usefixtures("idle")
def test_a_session_that_stopped_in_its_evidence_resumes_there(config, engine, now, make_session):
    fix = make_session("interrupted", options={"phase": "evidence", "conversation": True, "brief": "b"})
    fixing.resume(config, engine, fix.id, by="Ada", now=now)
    assert Record(engine, fix.id).load().options["phase"] == "evidence"
    assert queries.transcript(engine, fix.id) == []


def test_a_session_of_another_machine_or_without_money_is_not_resumed(config, engine, now, make_session):
    with pytest.raises(Refused, match="ran on elsewhere"):
        fixing.resume(config, engine, make_session("done", host="elsewhere").id, by="Ada", now=now)
    with pytest.raises(Refused, match=r"has cost \$5\.00") as caught:
        fixing.resume(config, engine, make_session("done", cost_usd=5.0).id, by="Ada", now=now)
    assert "higher cap" in caught.value.cure


@pytest.mark.usefixtures("idle")
def test_a_resumed_runner_that_dies_before_its_word_leaves_it_interrupted(
    config, engine, now, make_session, monkeypatch
):
    def gone(*_: object) -> None:
        raise OutsideError("The runner ended as it began.")

    monkeypatch.setattr(Detached, "begin", gone)
    fix = make_session("interrupted")
    with pytest.raises(OutsideError):
        fixing.resume(config, engine, fix.id, by="Ada", now=now)
    assert queries.session(engine, fix.id).state == "interrupted"


def test_sweeping_finds_runners_that_are_gone_on_this_host_only(engine, now, make_session):
    alive, elsewhere = make_session(), make_session(host="elsewhere", pid=1, pid_started=1.0)
    reused, never = make_session(pid_started=1.0), make_session("starting", pid=None, pid_started=None)
    with records.transaction(engine) as session:
        session.add(SessionRequest(session_id=reused.id, kind="approval", body={}, asked_at=now, asked_by="agent"))
        session.add(SessionRequest(session_id=reused.id, kind="message", body={}, asked_at=now, asked_by="Ada"))
    assert sorted(fixing.sweep(engine, now=now)) == sorted([reused.id, never.id])
    states = {row.id: row.state for row in queries.sessions(engine)}
    assert states == {
        alive.id: "working",
        elsewhere.id: "working",
        reused.id: "interrupted",
        never.id: "interrupted",
    }
    assert queries.approvals(engine, reused.id) == []
    assert fixing.sweep(engine, now=now) == []


def test_a_session_that_ends_while_it_is_swept_stays_as_it_ended(engine, now, make_session, monkeypatch):
    from workbench.fixing import steering

    fix = make_session(pid_started=1.0)
    looks = iter([False, True])
    monkeypatch.setattr(steering, "_is_running", lambda _: next(looks))
    fixing.sweep(engine, now=now)
    assert queries.session(engine, fix.id).state == "working"


def test_waiting_ends_with_the_session_or_the_time(engine, make_session, monkeypatch):
    monkeypatch.setattr("workbench.fixing.steering.SWEEP_SECONDS", 0.0)
    fix = make_session()
    assert fixing.wait(engine, fix.id, timeout=0.3).is_live
    with records.transaction(engine) as session:
        session.get_one(FixSession, fix.id).pid_started = 1.0
    assert fixing.wait(engine, fix.id).state == "interrupted"


def test_only_questions_that_are_open_can_be_answered(engine, now, make_session):
    with pytest.raises(NotFound, match="no question 7"):
        fixing.answer(engine, 7, allow=True, by="Ada", now=now)
    fix = make_session()
    with pytest.raises(Refused, match="nothing to say"):
        fixing.say(engine, fix.id, "  ", by="Ada", now=now)
    asked = Record(engine, fix.id).ask({"tool": "Bash"})
    fixing.answer(engine, asked, allow=False, note="no", by="Ada", now=now)
    assert Record(engine, fix.id).answer(asked) == ("deny", "no")


def test_a_locked_database_is_waited_for(engine, make_session, monkeypatch):
    fix = make_session()
    record = Record(engine, fix.id, pause=0.0)
    real, failures = records.transaction, [DatabaseError("locked")] * 3

    def sometimes(engine):
        if failures:
            raise failures.pop()
        return real(engine)

    monkeypatch.setattr(records, "transaction", sometimes)
    record.entry("text", text="x" * 300_000, more={"a": "y" * 300_000, "b": 1})
    assert failures == []
    monkeypatch.setattr(records, "PATIENCE_SECONDS", -1.0)
    failures.append(DatabaseError("locked"))
    with pytest.raises(DatabaseError):
        record.load()
    body = queries.transcript(engine, fix.id)[0].body
    assert body["text"].endswith("(100000 more characters)")
    assert len(body["more"]["a"]) < 210_000


def test_a_request_is_settled_once(engine, now, make_session):
    fix = make_session()
    fixing.say(engine, fix.id, "hello", by="Ada", now=now)
    record = Record(engine, fix.id)
    (asked,) = record.asked()
    assert (asked.kind, asked.text, asked.by) == ("message", "hello", "Ada")
    assert record.settle(asked.id)
    assert not record.settle(asked.id)


def test_an_order_comes_back_as_it_was(config, engine, tmp_path):
    box = sandbox.Box(tmp_path, (tmp_path / "hidden",), (), (tmp_path / ".git",))
    agent = AgentOptions(tmp_path / "claude", tmp_path, "id", "rules", max_cost_usd=1.5, environ={"A": "b"}, box=box)
    config = replace(config, folder="services/clinic")
    order = Order.of(config, engine, First(agent, "prompt", "happy", "python"))
    assert Order.decode(order.encode()) == order
    assert Order.decode(Order.of(config, engine).encode()).first is None


def run_main(session_id: str, given: bytes, folder: Path = Path("/nowhere")) -> int:
    kept = dict(os.environ)
    try:
        return beginning.main([session_id, str(folder)], io.BytesIO(given))
    finally:  # a runner keeps to its own environment; other tests of this process measure theirs by it
        os.environ.clear()
        os.environ.update(kept)


def test_a_runner_without_an_order_does_nothing(tmp_path):
    assert run_main("x", b"", tmp_path / "gone") == 0


@pytest.fixture
def run(config, engine, make_session, monkeypatch, clinic):
    """Run a runner in this process, with a turn of the agent that ends as told and leaves `change` in the tree."""

    def run(outcome: Outcome | Exception | None, *, change: bool = True, **changes) -> tuple[int, FixSession]:
        def play(part: AgentPart) -> Outcome:
            if isinstance(outcome, Exception):
                raise outcome
            if change:
                Path(part._known.fix.worktree, "pricing.py").write_text("changed\n")
            return outcome

        monkeypatch.setattr(AgentPart, "play", play)
        fix = make_session(**changes)
        code = run_main(fix.id, Order.of(config, engine).encode())
        return code, Record(engine, fix.id).load()

    return run


def state_of(engine, bug) -> str:
    return queries.bug_page(engine, bug, now=NOW).row.state


def test_evidence_follows_a_finished_turn(run, engine, bug, monkeypatch):
    asked = []

    def collect(request, *, progress, **_):
        asked.append(request)
        progress("running the tests")
        at = datetime.now(UTC)
        return evidence.EvidenceReport("partial", "only half", (), (), request.base, request.result, at, at)

    monkeypatch.setattr(evidence, "collect", collect)
    code, fix = run(Outcome("finished", "fixed"))
    assert (code, fix.state, fix.activity) == (0, "done", "partial: only half")
    assert asked[0].fault.function == "price_of"
    assert asked[0].result == fix.result_commit
    assert state_of(engine, bug) == "review"
    assert [entry.kind for entry in queries.transcript(engine, fix.id)] == ["notice", "evidence"]


def test_the_verdict_stands_once_in_a_transcript(run, engine, monkeypatch):
    def collect(request, *, progress, **_):
        progress("running the tests")
        progress("refuted: it still fails")
        at = datetime.now(UTC)
        return evidence.EvidenceReport("refuted", "it still fails", (), (), request.base, request.result, at, at)

    monkeypatch.setattr(evidence, "collect", collect)
    _, fix = run(Outcome("finished", "fixed"))
    told = [str(entry.body.get("text")) for entry in queries.transcript(engine, fix.id)]
    assert sum("it still fails" in text for text in told) == 1


def test_a_bug_that_was_muted_meanwhile_comes_to_review_all_the_same(run, engine, bug, monkeypatch):
    def collect(request, *, progress, **_):
        with records.transaction(engine) as session:
            row = session.get_one(Bug, bug)
            records.move(session, row, "muted", by=Actor("person", "Bob"), reason="not now", now=NOW)
        at = datetime.now(UTC)
        return evidence.EvidenceReport("partial", "half", (), (), request.base, request.result, at, at)

    monkeypatch.setattr(evidence, "collect", collect)
    run(Outcome("finished", "fixed"))
    history = queries.bug_page(engine, bug, now=NOW).history
    assert [step.to_state for step in history[-3:]] == ["muted", "open", "review"]
    assert "a result waits for review" in history[-2].reason


def test_a_change_of_a_locked_test_is_a_flag_and_keeps_the_fix_from_being_demonstrated(
    run, engine, bug, monkeypatch, clinic
):
    repository = Repository.open(clinic)

    def collect(request, *, progress, **_):
        at = datetime.now(UTC)
        return evidence.EvidenceReport("demonstrated", "proven.", (), (), request.base, request.result, at, at)

    monkeypatch.setattr(evidence, "collect", collect)
    locked = {"locked_at": repository.head(), "locked": ["pricing.py"]}
    run(Outcome("finished", "fixed"), options=locked)
    view = queries.bug_page(engine, bug, now=NOW).evidence
    assert (view.verdict, view.reason) == ("partial", "proven; but look first at: locked test changed.")
    assert [(flag["kind"], flag["path"]) for flag in view.flags] == [("locked test changed", "pricing.py")]


def test_a_proposal_that_it_is_no_bug_comes_to_review_and_only_a_person_closes_it(run, engine, bug):
    said = "NOT A BUG\n\nThat page was taken away on purpose."
    code, fix = run(Outcome("finished", said))
    assert (code, fix.state, fix.result_commit) == (0, "done", None)
    assert fix.not_a_bug == "That page was taken away on purpose."
    assert state_of(engine, bug) == "review"
    offered = signoff.proposal(engine, bug)
    assert (offered.session.id, offered.diff, offered.evidence) == (fix.id, "", None)
    other = signoff.Seen("other", None)
    with pytest.raises(Refused, match="no longer the one"):
        signoff.verify(engine, bug, other, by="Ada", note="", now=NOW, environ={})
    signed = signoff.verify(engine, bug, offered.seen, by="Ada", note="", now=NOW, environ={})
    page = queries.bug_page(engine, bug, now=NOW)
    assert (signed.decision, page.row.state) == ("not a bug", "closed")
    assert page.history[-1].reason == "not a bug: That page was taken away on purpose."
    with Session(engine) as session:
        row = session.get_one(Bug, bug)
        assert (row.closed_as, row.fix_commit) == ("not a bug", None)


def test_a_conversation_that_the_client_has_and_nobody_wrote_down_is_taken_up(
    config, engine, make_session, monkeypatch, opening
):
    resumed = []

    def run_turn(turn, prompt):
        resumed.append(turn._options.resume)
        return Outcome("failed", "Session ID x is already in use.") if len(resumed) == 1 else Outcome("finished", "ok")

    def until_told(_loop, turn, prompt):
        return run_turn(turn, prompt)

    monkeypatch.setattr(agent_part, "until_told", until_told)
    fix = make_session(options={"prompt": "p", "program": "claude"})
    folder = config.state_dir / "sessions" / fix.id
    folder.mkdir(parents=True)
    (folder / "event.json").write_text('{"fields": []}')
    assert AgentPart(Known.of(config, Record(engine, fix.id)), opening).play() == Outcome("finished", "ok")
    assert resumed == [False, True]
    assert Record(engine, fix.id).load().options["conversation"]


@pytest.mark.parametrize(("asked", "told"), [(brief.CONTINUE, "the brief"), ("And cats?", "the brief\n\nAnd cats?")])
def test_a_conversation_that_the_client_lost_begins_anew_with_the_brief(
    config, engine, make_session, monkeypatch, opening, asked, told
):
    """An agent that is killed before it has written its first words down has no conversation to go on with."""
    turns = []

    def until_told(_loop, turn, prompt):
        turns.append((turn._options.resume, prompt))
        lost = "Claude Code ended: No conversation found with session ID: x"
        return Outcome("failed", lost) if len(turns) == 1 else Outcome("finished", "ok")

    monkeypatch.setattr(agent_part, "until_told", until_told)
    fix = make_session(options={"prompt": asked, "brief": "the brief", "program": "claude", "conversation": True})
    folder = config.state_dir / "sessions" / fix.id
    folder.mkdir(parents=True)
    (folder / "event.json").write_text('{"fields": []}')
    assert AgentPart(Known.of(config, Record(engine, fix.id)), opening).play() == Outcome("finished", "ok")
    assert turns == [(True, asked), (False, told)]
    assert "begins anew" in queries.transcript(engine, fix.id)[-1].body["text"]


def test_a_session_that_a_person_ends_in_its_first_phase_leaves_nothing_running(
    config, engine, make_session, monkeypatch, opening
):
    """Whatever its last test said: that may be anybody's words."""
    ended = []

    def until_told(_loop, turn, _prompt):
        assert not ended
        turn._steps.given_up = "ended by a person: the name is already in use"
        return Outcome("finished", "the test is there")

    monkeypatch.setattr(agent_part, "until_told", until_told)
    monkeypatch.setattr(agent_part, "end_ours", lambda **_: ended.append("all"))
    fix = make_session(options={"prompt": "p", "program": "claude"})
    folder = config.state_dir / "sessions" / fix.id
    folder.mkdir(parents=True)
    (folder / "event.json").write_text('{"fields": []}')
    outcome = AgentPart(Known.of(config, Record(engine, fix.id)), opening).play()
    assert (outcome.kind, ended) == ("failed", ["all"])


def test_what_an_agent_said_before_its_runner_attends_to_it_is_told_once(
    config, engine, make_session, monkeypatch, opening
):
    """It is in the client's file by then; its turn hears it as well."""
    monkeypatch.setattr(
        agent_part, "until_told", lambda _loop, turn, _prompt: Outcome("finished", str(turn._spending._spent))
    )
    monkeypatch.setattr(agent_part.recovering, "recover", lambda *_, **__: pytest.fail("it was read from the file"))
    fix = make_session(options={"prompt": "p", "program": "claude"})
    folder = config.state_dir / "sessions" / fix.id
    folder.mkdir(parents=True)
    (folder / "event.json").write_text('{"fields": []}')
    given = SimpleNamespace(environ={}, resume=False, max_turns=None, max_cost_usd=None)
    begun = SimpleNamespace(options=given)
    monkeypatch.setattr(opening, "take", lambda: (begun, None))
    played = AgentPart(Known.of(config, Record(engine, fix.id)), opening).play()
    assert played == Outcome("finished", str(Spent()))


def test_a_change_of_git_is_an_alarm_and_a_flag(config, engine, make_session, clinic):
    fix = make_session()
    record, repository = Record(engine, fix.id), Repository.open(clinic)
    alarm.watch(record, repository, Path(fix.worktree))
    assert alarm.check(record, repository, Path(fix.worktree)) == ""

    alarm.watch(record, repository, Path(fix.worktree))
    hook = clinic / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch /tmp/x\n")
    subprocess.run(["git", "config", "core.fsmonitor", "x"], cwd=clinic, check=True)
    subprocess.run(["git", "branch", "evil"], cwd=clinic, check=True)
    subprocess.run(["git", "branch", "workbench/B-009-1"], cwd=clinic, check=True)
    (clinic / ".git" / "config.worktree").touch()
    told = alarm.check(record, repository, Path(fix.worktree))
    assert "git's own files changed while this session ran: config, hooks/post-commit." in told
    assert "refs/heads/evil" in told
    assert "workbench/B-009" not in told
    assert queries.session(engine, fix.id).alarm == told
    assert queries.transcript(engine, fix.id)[-1].kind == "alarm"
    assert [flag.kind for flag in alarm.flags(told)] == ["git changed"]


def test_refs_that_move_beside_a_sandbox_are_told_and_are_no_alarm(config, engine, make_session, clinic):
    fix = make_session(is_sandboxed=True)
    record, repository = Record(engine, fix.id), Repository.open(clinic)
    alarm.watch(record, repository, Path(fix.worktree))
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "my own"], cwd=clinic, check=True)
    # The runner was killed: the next one compares with what this one wrote down.
    alarm.watch(record, repository, Path(fix.worktree))
    (entry,) = queries.transcript(engine, fix.id)
    assert (entry.kind, queries.session(engine, fix.id).alarm) == ("notice", "")
    assert "refs/heads/main" in entry.body["text"]


def test_evidence_that_cannot_be_made_is_a_failed_session(run, engine, bug, monkeypatch):
    def collect(*_: object, **__: object) -> None:
        raise OutsideError("the disk is full")

    monkeypatch.setattr(evidence, "collect", collect)
    _, fix = run(Outcome("finished", "fixed"))
    assert (fix.state, fix.activity) == ("failed", "no evidence could be made: the disk is full")
    assert state_of(engine, bug) == "open"


def test_evidence_can_be_interrupted_by_a_person_and_by_a_signal(run, engine, bug, monkeypatch, now):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as server:
        _interrupt_evidence(run, engine, bug, monkeypatch, now)
        assert server.poll() is None, "what was there before the runner is not the runner's to end"
        server.kill()


def _interrupt_evidence(run, engine, bug, monkeypatch, now):

    def by_person(*_: object, **__: object) -> None:
        row = queries.sessions(engine)[0]
        fixing.interrupt(engine, row.id, by="Bob", now=now)
        threading.Event().wait(20)

    def by_signal(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(20)

    for collect, told in ((by_person, "by Bob"), (by_signal, "the runner got SIGTERM")):
        monkeypatch.setattr(evidence, "collect", collect)
        _, fix = run(Outcome("finished", "fixed"))
        assert (fix.state, fix.activity) == ("interrupted", f"interrupted while the evidence was made: {told}")
        assert fix.options["phase"] == "evidence"
        assert state_of(engine, bug) == "fixing"


def test_only_the_evidence_is_made_where_only_that_is_missing(run, engine, clinic, monkeypatch):
    seen = []
    monkeypatch.setattr(evidence, "collect", lambda request, **_: seen.append(request.result))
    monkeypatch.setattr(evidence, "save", lambda *_: 1)
    head = Repository.open(clinic).head()
    run(None, options={"phase": "evidence"}, result_commit=head)
    assert seen == [head]


def running_tests_of(runner: int) -> list[psutil.Process]:
    """Return the processes of the tests that a runner has started."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if each.environ().get(RUNNER_MARK, "").startswith(f"{runner} ") and "pytest" in each.cmdline():
                found.append(each)
    return found


def test_a_runner_killed_while_it_makes_evidence_leaves_no_tests_running(
    config, engine, bug, clinic, make_session, now, until, no_runner_left
):
    (clinic / "tests" / "test_x.py").write_text("import time\n\n\ndef test_x():\n    time.sleep(60)\n")
    repository = Repository.open(clinic)
    result = repository.freeze(clinic, "refs/workbench/s/result-1", "m")
    fix = make_session(options={"phase": "evidence"}, result_commit=result, rehearsal="price")
    (config.state_dir / "sessions" / fix.id).mkdir(parents=True)
    with runners.runner_for(config, fix) as runner:
        with records.transaction(engine) as session:
            row = session.get_one(FixSession, fix.id)
            row.pid, row.pid_started = runner.identity.pid, runner.identity.started
        runner.begin(engine)
    tests = until(lambda: running_tests_of(runner.identity.pid))
    os.kill(runner.identity.pid, signal.SIGKILL)
    assert still_running(tests, 40) == []  # with no workbench that looks
    assert until(lambda: fixing.sweep(engine, now=now)) == [fix.id]
    assert queries.session(engine, fix.id).state == "interrupted"


def test_a_turn_that_changed_nothing_opens_the_bug_again(run, engine, bug):
    code, fix = run(Outcome("finished", "It is no bug\x1b."), change=False)
    assert (code, fix.state, fix.activity) == (0, "done", "the agent changed nothing: It is no bug⟦U+001B⟧.")
    assert state_of(engine, bug) == "open"
    assert fix.result_commit is None


def test_what_a_failed_or_interrupted_turn_left_is_kept(run, engine, bug, clinic):
    repository = Repository.open(clinic)
    for kind, state in (("interrupted", "fixing"), ("failed", "open")):
        _, fix = run(Outcome(kind, "why"))
        assert (fix.state, fix.activity, state_of(engine, bug)) == (kind, "why", state)
        assert repository.read(f"refs/workbench/{fix.id}/work", "pricing.py") == b"changed\n"


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("outcome", ["interrupted", "finished"])
def test_a_worktree_that_is_made_again_holds_what_was_left_last(run, engine, bug, config, now, outcome, monkeypatch):
    """Not what an earlier runner has left, nor the base."""
    monkeypatch.setattr(evidence, "collect", lambda *_, **__: (_ for _ in ()).throw(OutsideError("no evidence here")))
    _, fix = run(Outcome(outcome, "why"))
    repository, tree = Repository.open(Path(fix.repository)), Path(fix.worktree)
    assert fix.options["left_at"]
    older = repository.resolve(fix.base_commit)
    repository.keep(older, f"refs/workbench/{fix.id}/work")
    repository.remove_worktree(tree, discard=True)
    fixing.resume(config, engine, fix.id, by="Ada", now=now)
    assert (tree / "pricing.py").read_text() == "changed\n"


def test_a_runner_that_falls_over_says_so(run, engine, bug):
    code, fix = run(ValueError("boom"))
    assert (code, fix.state, fix.activity) == (1, "failed", "the runner failed: ValueError")
    assert state_of(engine, bug) == "open"


def test_a_bug_that_a_person_moved_meanwhile_stays_where_it_is(run, engine, bug, make_session, now):
    fix = make_session()
    acts.change_state(engine, bug, "muted", by=Actor("person", "Bob"), reason="later", now=now)
    Record(engine, fix.id).end("done", "x", to="open", reason="r")
    assert state_of(engine, bug) == "muted"


def test_without_a_sandbox_a_launch_needs_a_yes_and_a_rehearsal_only_says_so(
    idle, config, engine, bug, now, monkeypatch, nothing_left
):
    monkeypatch.setattr(sandbox, "trouble", lambda *_: NoSandbox("socat is missing", "Install socat."))
    monkeypatch.setattr(claude, "has_login", lambda program, environ=None: True)
    with pytest.raises(ConfigurationError, match="without a sandbox: socat is missing") as refused:
        fixing.launch(config, engine, bug, by="Ada", options=fixing.LaunchOptions(), now=now)
    assert "--no-sandbox" in refused.value.cure
    assert "Install socat." in refused.value.cure
    nothing_left()
    agreed = fixing.launch(config, engine, bug, by="Ada", options=fixing.LaunchOptions(unsandboxed=True), now=now)
    assert agreed.is_sandboxed is False
    assert "No sandbox: socat is missing" in queries.transcript(engine, agreed.id)[0].body["text"]


def test_a_rehearsal_without_a_sandbox_says_so(idle, config, engine, bug, now, monkeypatch):
    monkeypatch.setattr(sandbox, "trouble", lambda *_: NoSandbox("socat is missing", "Install socat."))
    row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now)
    assert row.is_sandboxed is False
    assert "No sandbox" in queries.transcript(engine, row.id)[0].body["text"]


def test_a_session_needs_no_import_of_the_sdk_before_its_runner():
    code = "import sys, workbench.fixing; print('claude_agent_sdk' in sys.modules, 'git' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False False\n"


def test_rows_of_a_session_are_a_real_transaction(engine, make_session):
    fix = make_session()

    def fail() -> None:
        with records.transaction(engine) as session:
            session.get_one(FixSession, fix.id).state = "failed"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with Session(engine) as session:
        assert session.get_one(FixSession, fix.id).state == "working"
