"""`workbench fix`: from the launch to the verdict with the real client and a scripted model, and the short ways out."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlmodel import Session

from capture.event import ExceptionInfo, Frame
from capture.store.tables import EvidenceRow, FixSession, SessionRequest
from capture.testing import NOW, make_event
from workbench import fixing
from workbench.bugs import queries
from workbench.cli import opening
from workbench.cli.given import Given
from workbench.errors import Exit
from workbench.fixing import following

PRICE = Path(__file__).parents[1] / "sessions" / "scenarios" / "price.toml"


@pytest.fixture
def clinic(repo, store, happened):
    """A repository whose `price_of` knows no rabbits, and the KeyError of production, B-001."""
    (repo / "tests").mkdir()
    (repo / "pricing.py").write_text(
        'PRICES = {"dog": 40, "cat": 30}\n\n\ndef price_of(species):\n    return PRICES[species]\n'
    )
    (repo / "tests" / "test_pricing.py").write_text(
        'from pricing import price_of\n\n\ndef test_a_dog_has_a_price():\n    assert price_of("dog") == 40\n'
    )
    # Our own plugins take most of the time of starting pytest, and the clinic needs none of them.
    (repo / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    (repo / ".gitignore").write_text("__pycache__/\n.pytest_cache/\nworkbench.db*\n")
    (repo / "workbench.toml").write_text(f'tests.command = "{sys.executable} -m pytest"\ntests.timeout = 60\n')
    subprocess.run(["git", "add", "."], cwd=repo, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "The clinic"], cwd=repo, check=True)
    frame = Frame(
        module="pricing",
        function="price_of",
        filename=str(repo / "pricing.py"),
        lineno=5,
        context_line="    return PRICES[species]",
        locals={"species": "'rabbit'"},
    )
    fault = ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(frame,))
    happened(make_event(release=None, exceptions=(fault,)))
    yield repo
    for row in queries.sessions(store):
        with suppress(psutil.NoSuchProcess):  # ended, or dead and not collected
            if row.pid is not None and row.id in psutil.Process(row.pid).cmdline():
                for process in [*psutil.Process(row.pid).children(recursive=True), psutil.Process(row.pid)]:
                    process.kill()


@pytest.mark.agent
def test_from_launch_to_sign_off_by_commands_alone(workbench, clinic):
    ran = workbench("fix", "B-001", "--rehearse", str(PRICE), "--wait", "--note", "Rabbits are new here.")
    assert ran.code == Exit.DONE, ran.out + ran.err
    for words in ("(rehearsal price)", "worktree", "branch", "▸ Write", "✓ done", "✓ demonstrated"):
        assert words in ran.out
    (session,) = workbench("sessions", "list", "--json").json
    assert (session["state"], session["rehearsal"]) == ("done", "price")
    assert session["worktree"] in ran.out
    assert workbench("evidence", "B-001").code == Exit.DONE
    assert workbench("worktrees", "list", "--json").json[0]["bug"] == "B-001"
    assert workbench("verify", "B-001", typed="B-001\n").code == Exit.DONE
    assert workbench("bugs", "list", "--json").json[0]["state"] == "closed"
    assert workbench("worker", "--once").code == Exit.DONE
    assert "closed" in (clinic / "bugs" / "B-001.md").read_text()


def test_an_unknown_bug_or_scenario_or_commit_launches_nothing(workbench, clinic):
    for words, code in (
        (["B-099"], Exit.NO),
        (["B-001", "--rehearse", "nosuch"], None),
        (["B-001", "--base", "nosuch"], None),
    ):
        ran = workbench("fix", *words)
        assert ran.code != Exit.DONE
        assert code in (None, ran.code)
        assert words[-1] in ran.err
    assert workbench("sessions", "list", "--json").json == []


def test_a_missing_or_broken_claude_launches_nothing(workbench, clinic, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_AGENT_CLI_PATH", str(tmp_path / "claude"))
    ran = workbench("fix", "B-001")
    assert ran.code == Exit.CONFIGURATION
    assert "agent.cli_path" in ran.err
    (tmp_path / "claude").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "claude").chmod(0o755)
    ran = workbench("fix", "B-001")
    assert ran.code == Exit.OUTSIDE
    assert "--version" in ran.err
    assert workbench("sessions", "list", "--json").json == []
    assert workbench("bugs", "list", "--json").json[0]["state"] == "open"


@pytest.fixture
def launched(monkeypatch, fixed):
    """Launching gives the seeded session; returns the options of each launch."""
    asked = []

    def launch(config, engine, number, *, by, options, now):
        asked.append(options)
        return queries.session(engine, fixed.session)

    monkeypatch.setattr(fixing, "launch", launch)
    return asked


def test_the_options_reach_the_launch(workbench, launched, fixed):
    ran = workbench(
        *("fix", "1", "--model", "opus", "--max-cost", "2.5", "--max-turns", "9", "--max-minutes", "5"),
        *("--note", "Be brief.", "--base", "main", "--rehearse", "happy", "--permission-mode", "dontAsk", "--json"),
    )
    assert ran.code == Exit.DONE
    assert ran.json["id"] == fixed.session
    assert launched == [
        fixing.LaunchOptions(
            rehearse="happy",
            model="opus",
            max_cost_usd=2.5,
            max_turns=9,
            max_minutes=5,
            note="Be brief.",
            base="main",
            permission_mode="dontAsk",
        )
    ]


def test_uncommitted_changes_are_pointed_out(workbench, launched, repo):
    (repo / "draft.py").write_text("mine")
    ran = workbench("fix", "B-001")
    assert ran.code == Exit.DONE
    assert "draft.py" in ran.err
    assert "not committed" in ran.err


def test_waiting_ends_with_the_verdict_as_json(workbench, launched, changed):
    assert workbench("fix", "B-001", "--wait", "--json").json["evidence"]["verdict"] == "demonstrated"
    changed(EvidenceRow, session_id=None)  # somebody else's proof is not this session's
    ran = workbench("fix", "B-001", "--wait", "--json")
    assert (ran.code, ran.json["evidence"]) == (Exit.NO, None)


def test_a_session_without_a_result_is_a_no(workbench, launched, store):
    with store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM evidence")
    ran = workbench("fix", "B-001", "--wait")
    assert ran.code == Exit.NO
    assert "✓ done" in ran.out
    assert workbench("fix", "B-001", "--wait", "--json").json["evidence"] is None


def test_a_question_is_shown_and_a_lost_runner_ends_the_watching(
    workbench, launched, store, fixed, changed, monkeypatch
):
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(following, "SWEEP_SECONDS", 0.05)
    changed(FixSession, state="needs_input")
    body = {"tool": "Bash", "title": "Bash: Push", "input": {"command": "git push \x1b[2J"}}
    with Session(store) as session:
        session.add(
            SessionRequest(session_id=fixed.session, kind="approval", body=body, asked_at=NOW, asked_by="agent")
        )
        session.commit()
    monkeypatch.setattr(fixing, "tend", lambda config, engine, now: changed(FixSession, state="interrupted"))
    with store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM evidence")
    ran = workbench("fix", "B-001", "--wait")
    assert ran.code == Exit.NO
    assert "git push ␛[2J" in ran.out
    assert ran.out.count("ASKS YOU") == 1
    assert "waits for your answer" in ran.err
    assert "interrupted" in ran.out


def test_without_a_terminal_a_question_that_nobody_answers_ends_the_watching(
    workbench, launched, store, fixed, changed, repo, monkeypatch
):
    monkeypatch.setattr(opening, "UNATTENDED_SECONDS", 0.1)
    changed(FixSession, state="needs_input")
    with Session(store) as session:
        body = {"tool": "Bash", "title": "Bash: Push", "input": {"command": "git push"}}
        session.add(
            SessionRequest(session_id=fixed.session, kind="approval", body=body, asked_at=NOW, asked_by="agent")
        )
        session.commit()
    url = f"sqlite:///{repo}/workbench.db"
    ran = workbench("--db", url, "fix", "B-001", "--wait")
    assert ran.code == Exit.OUTSIDE
    assert "ASKS YOU" in ran.out
    assert "nobody gave one within 0.1 seconds. The session goes on." in ran.err
    assert f"workbench --repo {repo} --db sqlite:///{repo}/workbench.db" in ran.err
    assert queries.session(store, fixed.session).is_live


def test_the_command_that_opens_the_screen_holds_no_password(repo):
    call = Given({"database_url": "postgresql://ada:hunter2@host/bugs", "repository": None})
    assert call.opening() == f"workbench --repo {repo} --db 'postgresql://ada:***@host/bugs'"


def test_ctrl_c_leaves_the_session_at_work(workbench, launched, fixed, changed, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    changed(FixSession, state="working")
    monkeypatch.setattr("time.sleep", interrupted)
    ran = workbench("fix", "B-001", "--wait")
    assert ran.code == Exit.INTERRUPTED
    assert "The session goes on" in ran.err
    assert "sessions show 74baef19" in ran.err


def test_the_brief_is_printed_and_nothing_is_launched(workbench, clinic):
    ran = workbench("bugs", "brief", "B-001")
    assert ran.code == Exit.DONE
    assert "failing test" in ran.out
    assert "attacker_writable" in ran.out
    assert workbench("sessions", "list", "--json").json == []
