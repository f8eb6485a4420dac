"""A person's decision: who may make it, what is recorded, and what follows from it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psutil
import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.lifecycle import Actor, move
from capture.store.tables import Bug, EvidenceRow, FixSession, OutboxRow, SignOff, Transition
from capture.testing import NOW
from workbench import signoff
from workbench.bugs import queries, sections
from workbench.bugs.persons import Account
from workbench.bugs.rows import BugPage
from workbench.errors import NotFound, OutsideError, Refused
from workbench.signoff import Seen
from workbench.tui.documents.bug import View, page_lines

LATER = NOW + timedelta(hours=1)


NOTHING = Seen("", None)


def the(engine: Engine, model: type[Any]) -> Any:
    with Session(engine) as session:
        return session.exec(select(model)).one()


def test_a_proposal_shows_what_would_be_signed(engine: Engine, bug: Any, repository: Any) -> None:
    bug()
    shown = signoff.proposal(engine, 12, now=LATER)
    assert (shown.row.label, shown.session.id, shown.branch) == ("B-012", "5e55", "bugfix/B-012")
    assert shown.commit == repository[2]
    assert shown.evidence is not None
    assert shown.evidence.verdict == "demonstrated"
    assert "-price = 1\n+price = 2\n" in shown.diff


def test_evidence_of_an_earlier_result_is_not_shown(engine: Engine, bug: Any, repository: Any) -> None:
    bug()
    with Session(engine) as session:
        row = session.exec(select(EvidenceRow)).one()
        row.result_commit = repository[1]
        session.add(row)
        session.commit()
    assert signoff.proposal(engine, 12).evidence is None
    with pytest.raises(Refused, match="no evidence"):
        signoff.verify(engine, 12, Seen(repository[2], None), by="Ada", note="", now=LATER, environ={})


@pytest.mark.parametrize("state", ["open", "fixing", "closed", "muted"])
def test_only_a_bug_in_review_is_decided_on(engine: Engine, bug: Any, state: str) -> None:
    bug(state)
    with pytest.raises(Refused, match=f"B-012 is {state}, not in review"):
        signoff.proposal(engine, 12)
    with pytest.raises(Refused, match="not in review"):
        signoff.verify(engine, 12, NOTHING, by="Ada", note="", now=LATER, environ={})


def test_without_a_result_there_is_nothing_to_sign(engine: Engine, bug: Any) -> None:
    bug(has_result=False)
    with pytest.raises(Refused, match="No session has left a result"):
        signoff.proposal(engine, 12)
    with pytest.raises(Refused, match="No session has left a result"):
        signoff.verify(engine, 12, NOTHING, by="Ada", note="", now=LATER, environ={})


def test_the_fix_of_an_earlier_session_that_was_resumed_is_the_one_to_decide_on(
    engine: Engine, bug: Any, repository: Any
) -> None:
    bug()
    with Session(engine) as session:
        resumed = session.get_one(FixSession, "5e55")
        resumed.ended_at = NOW + timedelta(minutes=40)
        rejected = FixSession(
            id="6e66",
            bug_id=resumed.bug_id,
            state="interrupted",
            launched_by="Ada",
            repository=resumed.repository,
            branch="bugfix/B-012-2",
            worktree=resumed.worktree,
            base_commit=resumed.base_commit,
            result_commit=resumed.base_commit,
            started_at=NOW + timedelta(minutes=10),
            ended_at=NOW + timedelta(minutes=20),
        )
        session.add_all([resumed, rejected])
        session.commit()
    shown = signoff.proposal(engine, 12, now=LATER)
    assert (shown.session.id, shown.seen) == ("5e55", Seen(repository[2], 7))
    signoff.verify(engine, 12, shown.seen, by="Ada", note="", now=LATER, environ={})
    assert the(engine, SignOff).session_id == "5e55"


def test_an_unknown_bug_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound):
        signoff.verify(engine, 12, NOTHING, by="Ada", note="", now=LATER, environ={})


def test_signing_closes_the_bug_and_owes_what_follows(engine: Engine, bug: Any, repository: Any) -> None:
    bug()
    row = signoff.verify(
        engine, 12, Seen(repository[2], 7), by="Ada Tester <ada@example.com>", note=" well done ", now=LATER, environ={}
    )
    assert (row.by, row.decision, row.commit) == ("Ada Tester <ada@example.com>", "verified", repository[2])
    assert (row.at, row.evidence_id, row.note) == (LATER, 7, "well done")
    closed = the(engine, Bug)
    assert (closed.state, closed.fix_commit, closed.changed_at) == ("closed", repository[2], LATER)
    step = the(engine, Transition)
    assert (step.actor_kind, step.from_state, step.to_state) == ("person", "review", "closed")
    assert step.reason == f"verified {repository[2][:12]}, evidence 7: demonstrated: well done"
    stored = the(engine, SignOff)
    assert (stored.session_id, stored.evidence_id) == ("5e55", 7)
    with Session(engine) as session:
        owed = {row.kind: row for row in session.exec(select(OutboxRow))}
    assert set(owed) == {"comment_issue", "close_issue", "write_file"}
    assert owed["comment_issue"].body == {
        "sign_off": stored.id,
        "by": "Ada Tester <ada@example.com>",
        "at": LATER.isoformat(),
        "commit": repository[2],
        "branch": "bugfix/B-012",
        "note": "well done",
        "evidence": 7,
        "verdict": "demonstrated",
        "reason": "It fails and passes.",
    }


@pytest.mark.parametrize("what", ["commit", "evidence"])
def test_a_fix_that_changed_while_it_was_looked_at_is_not_signed(
    engine: Engine, bug: Any, repository: Any, what: str
) -> None:
    bug()
    seen = Seen(repository[1], 7) if what == "commit" else Seen(repository[2], 6)
    with pytest.raises(Refused, match="no longer the one that you looked at"):
        signoff.verify(engine, 12, seen, by="Ada", note="", now=LATER, environ={})
    assert the(engine, Bug).state == "review"


@pytest.mark.parametrize("name", ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AI_AGENT"])
def test_an_agent_signs_nothing(engine: Engine, bug: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug()
    with pytest.raises(Refused, match=f"an agent's environment \\({name} is set\\)"):
        signoff.verify(engine, 12, NOTHING, by="Ada", note="", now=LATER, environ={name: "1"})
    monkeypatch.setenv(name, "1")
    with pytest.raises(Refused, match="Only a person"):
        signoff.verify(engine, 12, NOTHING, by="Ada", note="", now=LATER)
    with pytest.raises(Refused, match="Only a person"):
        signoff.reject(None, engine, 12, by="Ada", reason="no", now=LATER)  # type: ignore[arg-type]
    assert the(engine, Bug).state == "review"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [(None, "There is no evidence"), ("partial", "says “partial”"), ("refuted", "says “refuted”")],
)
def test_what_is_not_demonstrated_is_signed_with_a_reason_only(
    engine: Engine, bug: Any, verdict: str | None, said: str
) -> None:
    bug(verdict=verdict)
    seen = signoff.proposal(engine, 12, now=LATER).seen
    with pytest.raises(Refused, match=said):
        signoff.verify(engine, 12, seen, by="Ada", note="  ", now=LATER, environ={})
    assert the(engine, Bug).state == "review"
    row = signoff.verify(engine, 12, seen, by="Ada", note="tried by hand", now=LATER, environ={})
    assert row.evidence_id == (None if verdict is None else 7)
    assert ("without evidence" in the(engine, Transition).reason) is (verdict is None)
    assert the(engine, Bug).state == "closed"


def test_a_rejection_goes_back_to_the_agent(engine: Engine, bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench import fixing

    bug()
    resumed: list[Any] = []

    def resume(*given: Any, **named: Any) -> str:
        resumed.append((given, named, the(engine, Bug).state))
        return "the session"

    monkeypatch.setattr(fixing, "resume", resume)
    config: Any = object()
    assert signoff.reject(config, engine, 12, by="Ada", reason="wrong default", now=LATER) == "the session"  # type: ignore[comparison-overlap]
    assert resumed == [((config, engine, "5e55"), {"by": "Ada", "message": "wrong default", "now": LATER}, "fixing")]
    stored = the(engine, SignOff)
    assert (stored.decision, stored.note, stored.by) == ("rejected", "wrong default", "Ada")
    assert the(engine, Transition).reason == "rejected: wrong default"
    assert the(engine, OutboxRow).kind == "write_file"


@pytest.mark.parametrize("left", ["fixing", "open"])
def test_an_agent_that_cannot_be_resumed_leaves_the_bug_in_review(
    engine: Engine, bug: Any, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    from workbench import fixing

    bug()

    def resume(*_: Any, **__: Any) -> None:
        with Session(engine) as session:
            row = session.exec(select(Bug)).one()
            row.state = left
            session.add(row)
            session.commit()
        raise OutsideError("there is no claude")

    monkeypatch.setattr(fixing, "resume", resume)
    with pytest.raises(OutsideError):
        signoff.reject(None, engine, 12, by="Ada", reason="wrong", now=LATER)  # type: ignore[arg-type]
    assert the(engine, SignOff).decision == "rejected"
    assert the(engine, Bug).state == ("review" if left == "fixing" else "open")


def test_a_session_that_was_launched_meanwhile_keeps_the_bug(
    engine: Engine, bug: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench import fixing

    bug()

    def resume(*_: Any, **__: Any) -> None:
        with Session(engine) as session:
            row = session.exec(select(Bug)).one()
            fields = {"repository": "", "branch": "", "worktree": "", "base_commit": "", "launched_by": "Bob"}
            session.add(FixSession(id="7e77", bug_id=row.id, state="working", started_at=LATER, **fields))
            session.commit()
        raise Refused("Bob was faster")

    monkeypatch.setattr(fixing, "resume", resume)
    with pytest.raises(Refused, match="Bob"):
        signoff.reject(None, engine, 12, by="Ada", reason="wrong", now=LATER)  # type: ignore[arg-type]
    assert the(engine, Bug).state == "fixing"


def test_a_rejection_needs_a_reason(engine: Engine, bug: Any) -> None:
    bug()
    with pytest.raises(Refused, match="needs a reason"):
        signoff.reject(None, engine, 12, by="Ada", reason=" ", now=LATER)  # type: ignore[arg-type]


def test_the_record_names_who_decided_to_the_system_and_to_github(engine: Engine, bug: Any, repository: Any) -> None:
    bug()
    with Session(engine) as session:
        session.exec(select(Bug)).one().count = 7
        session.commit()
    account = Account("ada", "octocat")
    signed = signoff.verify(
        engine, 12, Seen(repository[2], 7), by="Ada <a@b.c>", note="", now=LATER, account=account, environ={}
    )
    assert (signed.os_user, signed.github_login, signed.events) == ("ada", "octocat", 7)
    assert signed.who == "Ada <a@b.c> (GitHub: octocat)"
    page = queries.bug_page(engine, 12, now=LATER)
    assert page.sign_offs == (signed,)
    shown = page_lines(page, View(width=100, now=LATER, event=None))
    assert "verified by Ada <a@b.c> (GitHub: octocat)" in " ".join(line.text for line in shown)
    assert "user ada" in " ".join(line.text for line in shown)
    assert "GitHub: octocat" in sections.sections(page)["sign-off"]
    with Session(engine) as session:
        (comment,) = session.exec(select(OutboxRow).where(OutboxRow.kind == "comment_issue"))
    assert comment.body["by"] == "Ada <a@b.c> (GitHub: octocat)"


@pytest.mark.parametrize("name", ["Bug workbench <bug-workbench@localhost>", "Claude <NoReply@anthropic.com>"])
@pytest.mark.parametrize("decision", ["verify", "reject"])
def test_the_sessions_own_identity_decides_nothing(
    engine: Engine, bug: Any, repository: Any, name: str, decision: str
) -> None:
    bug()
    config: Any = None
    decide = {
        "verify": lambda: signoff.verify(engine, 12, Seen(repository[2], 7), by=name, note="", now=LATER, environ={}),
        "reject": lambda: signoff.reject(config, engine, 12, by=name, reason="no", now=LATER),
    }[decision]
    with pytest.raises(Refused, match="is what sessions go by"):
        decide()
    assert the(engine, Bug).state == "review"


@pytest.fixture
def leader(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that began the session we run in, although we are not below it.

    Ours in earnest may be outside of the container, where its number is 0 and nothing can be asked of it.
    """
    with subprocess.Popen(["sleep", "60"]) as process:
        monkeypatch.setattr(os, "getsid", lambda pid: process.pid)
        yield process.pid
        process.kill()


@pytest.mark.parametrize("who", ["parent", "leader", "another", "ended"])
def test_what_a_fix_session_has_begun_decides_nothing(
    engine: Engine, bug: Any, repository: Any, leader: int, who: str
) -> None:
    bug()
    pid = {"parent": os.getppid(), "leader": leader, "another": 1 << 22, "ended": os.getppid()}[who]
    started = psutil.Process(pid).create_time() if who in ("parent", "leader") else 12.0
    with Session(engine) as session:
        fix = session.exec(select(FixSession)).one()
        fix.pid, fix.pid_started = pid, started
        session.commit()
    if who in ("another", "ended"):
        signoff.verify(engine, 12, Seen(repository[2], 7), by="Ada", note="", now=LATER, environ={})
        assert the(engine, Bug).state == "closed"
        return
    with pytest.raises(Refused, match="runs inside a fix session"):
        signoff.verify(engine, 12, Seen(repository[2], 7), by="Ada", note="", now=LATER, environ={})
    assert the(engine, Bug).state == "review"


def test_events_of_an_old_release_are_counted_as_such_and_a_recurrence_shows_the_earlier_sign_off(
    engine: Engine, bug: Any, repository: Any
) -> None:
    bug()
    signoff.verify(engine, 12, Seen(repository[2], 7), by="Ada", note="", now=LATER, environ={})
    with Session(engine) as session:
        session.exec(select(Bug)).one().count = 3
        session.commit()
    page = queries.bug_page(engine, 12, now=LATER)
    assert page.on_old_release == 3
    view = View(width=100, now=LATER, event=None)
    assert "still on the old release: 3 events since the sign-off" in _text(page, view)
    with Session(engine) as session:
        row = session.exec(select(Bug)).one()
        move(session, row, "open", by=Actor("system", "capture"), reason="seen again in release 2", now=LATER)
        session.commit()
    page = queries.bug_page(engine, 12, now=LATER)
    assert page.on_old_release == 0
    assert "↻ it came back after the sign-off of just now by Ada" in _text(page, view)


def _text(page: BugPage, view: View) -> str:
    return " ".join(line.text for line in page_lines(page, view))
