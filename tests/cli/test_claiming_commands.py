"""`workbench bugs claim|unclaim|attach` and `evidence --collect`: a bug that is fixed outside of our sessions."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
import sqlalchemy as sa
from cli.conftest import git
from sqlmodel import Session

from capture.store.tables import Bug, FixSession, Transition
from capture.testing import NOW, make_event
from workbench.bugs import queries
from workbench.errors import Exit
from workbench.fixing import steering

FIX = {
    "pricing.py": "def price(pet):\n    return {'rabbit': 20}[pet]\n",
    "test_pricing.py": "from pricing import price\n\n\ndef test_rabbit():\n    assert price('rabbit') == 20\n",
}


@pytest.fixture
def branch(repo):
    """A branch with a broken price before it, and its fix with a test on it."""
    (repo / "pricing.py").write_text("def price(pet):\n    return {}[pet]\n")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=Sell pets")

    def made(name="bugfix/b-001", files=FIX):
        git(repo, "switch", "--quiet", "--create", name)
        for path, text in files.items():
            (repo / path).write_text(text)
        git(repo, "add", ".")
        git(repo, "commit", "--quiet", "--message=Know the rabbit")

    return made


@pytest.fixture
def state(store):
    """Return the state of a bug."""

    def state(number=1):
        with Session(store) as session:
            return session.exec(sa.select(Bug.state).where(Bug.number == number)).scalar_one()

    return state


@pytest.fixture
def elsewhere(changed):
    """Give the claim to another process that lives: that of the init system."""

    def move():
        changed(FixSession, pid=1, pid_started=psutil.Process(1).create_time())

    return move


def test_a_claim_keeps_others_away_and_is_let_go(workbench, bug, state):
    ran = workbench("bugs", "claim", bug)
    assert (ran.code, ran.out) == (Exit.DONE, "B-001 is claimed by Ada Tester <ada@example.com>.\n")
    assert "workbench bugs attach B-001" in ran.err
    assert state() == "fixing"
    again = workbench("bugs", "claim", bug, "--json").json
    assert (again["phase"], again["worktree"], again["state"]) == ("claim", "", "working")
    assert len(workbench("sessions", "list", "--json").json) == 1
    assert "is being worked on" in workbench("fix", bug, "--rehearse", "happy").err
    assert workbench("bugs", "unclaim", bug).code == Exit.DONE
    assert state() == "open"
    assert "Nobody holds a claim" in workbench("bugs", "unclaim", bug).err


def test_it_says_who_took_it_from_where(workbench, bug, store, monkeypatch):
    monkeypatch.setenv("CLAUDECODE", "1")
    assert workbench("bugs", "claim", bug).code == Exit.DONE
    with Session(store) as session:
        row = session.exec(sa.select(Transition).order_by(Transition.id.desc())).scalars().first()
        assert row.actor == "Ada Tester <ada@example.com> from a Claude Code session"
        assert "claimed it" in row.reason


def test_a_claim_ends_with_the_process_that_made_it(program, bug, store, state):
    """The shell of a person, or the agent: here a shell that runs one command and goes."""
    script = f"{sys.executable} -m workbench bugs claim 1; sleep 0"
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert "is claimed by" in shell.stdout, shell.stderr
    assert state() == "fixing"
    assert steering.sweep(store, now=NOW) != []
    assert state() == "open"
    assert queries.sessions(store)[0].activity == "whoever claimed it is gone"


def test_an_agent_ends_nobody_else_s_claim_and_a_person_does(workbench, bug, state, elsewhere, branch, monkeypatch):
    branch()
    workbench("bugs", "claim", bug)
    elsewhere()
    monkeypatch.setenv("CLAUDECODE", "1")
    for words in (["bugs", "unclaim", bug], ["bugs", "attach", bug], ["bugs", "claim", bug]):
        ran = workbench(*words)
        assert (ran.code, "Ada Tester" in ran.err) == (Exit.NO, True), words
    monkeypatch.delenv("CLAUDECODE")
    assert workbench("bugs", "unclaim", bug).code == Exit.DONE
    assert state() == "open"


def test_a_claim_takes_no_place_from_sessions(workbench, bug, store):
    from workbench import config as configuration
    from workbench.fixing import queue

    workbench("bugs", "claim", bug)
    with Session(store) as session:
        assert not queue.is_full(session, configuration.load(environ={"WORKBENCH_AGENT_PARALLEL": "1"}))


def test_a_branch_is_attached_from_the_commit_of_the_claim(workbench, bug, repo, branch, state):
    begun = git(repo, "rev-parse", "HEAD")
    workbench("bugs", "claim", bug)
    branch()
    attached = workbench("bugs", "attach", bug, "--json").json
    assert attached["branch"] == "bugfix/b-001"
    assert attached["base_commit"] == begun
    assert git(repo, "rev-parse", f"refs/workbench/{attached['id']}/result-1") == git(repo, "rev-parse", "HEAD")
    assert state() == "fixing"


def test_without_a_claim_it_begins_where_the_branch_left_the_main_one(workbench, bug, repo, branch):
    branch()
    (repo / "notes.txt").write_text("not committed")
    git(repo, "add", "notes.txt")
    ran = workbench("bugs", "attach", bug)
    assert ran.code == Exit.DONE
    assert "not committed" in ran.err
    assert git(repo, "rev-parse", "main")[:12] in ran.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["1", "--branch", "no-such"], Exit.NO, "no-such"),
        (["1", "--base", "HEAD"], Exit.NO, "changes nothing"),
        (["1", "--branch", "main", "--base", "bugfix/b-001"], Exit.NO, "does not come after"),
        (["1", "--branch", "main"], Exit.USAGE, "--base"),
        (["7"], Exit.NO, "no bug B-007"),
    ],
)
def test_what_is_no_candidate_is_refused_and_claims_nothing(workbench, bug, branch, state, words, code, said):
    branch()
    ran = workbench("bugs", "attach", *words)
    assert ran.code == code
    assert said in ran.err
    assert state() == "open"


def test_a_checkout_on_no_branch_has_to_name_one(workbench, bug, repo, branch):
    branch()
    git(repo, "switch", "--quiet", "--detach")
    assert workbench("bugs", "attach", bug).code == Exit.USAGE
    assert workbench("bugs", "attach", bug, "--branch", "bugfix/b-001").code == Exit.DONE


def test_evidence_is_collected_on_what_is_attached_only(workbench, bug):
    assert "No branch is attached" in workbench("evidence", bug, "--collect").err
    for words in (["evidence", "--collect"], ["evidence", bug, "--collect", "--base", "HEAD"]):
        assert workbench(*words).code == Exit.USAGE


def test_a_bug_fixed_outside_goes_the_same_way_to_a_person(workbench, happened, repo, branch, state, monkeypatch):
    """Claim, attach and evidence in an agent's environment; then a rejection, a second candidate and a sign-off."""
    happened(make_event(message="'rabbit'", title="KeyError: 'rabbit'"))
    with monkeypatch.context() as agent:
        agent.setenv("CLAUDECODE", "1")
        branch(files=FIX | {"test_pricing.py": "def test_nothing():\n    pass\n"})
        assert workbench("bugs", "claim", "1").code == Exit.DONE
        assert workbench("bugs", "attach", "1", "--base", "main").code == Exit.DONE
        ran = workbench("evidence", "1", "--collect")
        assert ran.code == Exit.NO, ran.err
        assert "workbench verify B-001" in ran.err
        assert state() == "review"
        assert "Only a person" in workbench("verify", "1", typed="B-001\n").err

    rejected = workbench("verify", "1", "--reject", "--reason", "it tests nothing", typed="B-001\n")
    assert (rejected.code, state()) == (Exit.DONE, "open")
    assert "B-001 is open again" in rejected.out
    assert "there is no agent of ours to tell" in rejected.err
    assert "has had its evidence" in workbench("evidence", "1", "--collect").err
    session = workbench("sessions", "list", "--json").json[0]["id"]
    assert "no agent of ours to resume" in workbench("sessions", "resume", session).err

    branch("bugfix/again")
    assert workbench("bugs", "attach", "1").code == Exit.DONE
    workbench("evidence", "1", "--collect")
    assert state() == "review"
    evidence = workbench("evidence", "1", "--json").json
    assert [run["name"] for run in evidence["runs"]]
    signed = workbench("verify", "1", "--note", "looked at it", typed="B-001\n")
    assert (signed.code, state()) == (Exit.DONE, "closed"), signed.err
    assert "worktree" not in signed.out
    assert repo.is_dir()


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "1"],
        ["verify", "1", "--reject", "--reason", "no"],
        ["bugs", "close", "1", "--fixed", "--reason", "it is"],
        ["bugs", "mute", "1"],
        ["bugs", "delete", "1"],
    ],
    ids=["sign off", "reject", "close", "mute", "delete"],
)
def test_what_only_a_person_may_do_is_refused_to_an_agent_and_without_a_terminal(
    workbench, fixed, state, words, monkeypatch
):
    without = workbench(*words, piped="B-001\ny\n")
    assert (without.code, "terminal" in without.err) == (Exit.USAGE, True)
    for variable in ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AI_AGENT"):
        with monkeypatch.context() as agent:
            agent.setenv(variable, "1")
            inside = workbench(*words, typed="B-001\ny\n")
        assert (inside.code, "Only a person" in inside.err) == (Exit.NO, True)
    assert state() == "review"
