"""Fix sessions through the real Claude Code, answered by the rehearsal model on loopback."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import Engine

from workbench import fixing, signoff
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.config import Value
from workbench.ended import still_running
from workbench.errors import Refused
from workbench.git import Repository
from workbench.sessions.order import Order

SCENARIOS = Path(__file__).parent / "scenarios"
pytestmark = [pytest.mark.agent, pytest.mark.usefixtures("no_runner_left")]


@pytest.fixture
def launch(config, engine, bug, now):
    """Launch a session on the bug, played from one of the scenarios beside this file."""

    def launch(scenario: str, **options) -> SessionRow:
        chosen = fixing.LaunchOptions(rehearse=str(SCENARIOS / f"{scenario}.toml"), **options)
        return fixing.launch(config, engine, bug, by="Ada", options=chosen, now=now)

    return launch


def said(engine: Engine, row: SessionRow) -> str:
    return "\n".join(str(entry.body.get("text")) for entry in queries.transcript(engine, row.id))


def test_a_failing_test_a_fix_evidence_and_a_second_round(launch, config, engine, bug, now, clinic, until):
    """From launch to review; a rejection continues the same conversation in the same worktree."""
    row = launch("price", note="Rabbits are new here.")
    assert row.state == "starting"
    assert row.rehearsal == "price"
    assert queries.bug_page(engine, bug, now=now).row.state == "fixing"

    row = fixing.wait(engine, row.id, timeout=100)
    assert (row.state, row.activity.partition(":")[0]) == ("done", "demonstrated")
    assert row.cost_usd > 0
    assert row.tokens > 1000
    assert row.turns == 6
    page = queries.bug_page(engine, bug, now=now)
    assert page.row.state == "review"
    assert page.evidence is not None
    assert (page.evidence.verdict, page.evidence.result_commit) == ("demonstrated", row.result_commit)
    assert page.history[-1].actor_kind == "agent"
    repository = Repository.open(clinic)
    assert {change.path for change in repository.changes(row.base_commit, row.result_commit)} == {
        "pricing.py",
        "tests/test_rabbits.py",
    }
    assert repository.head() == row.base_commit
    assert (clinic / "pricing.py").read_text().endswith("PRICES[species]\n")
    first_cost = row.cost_usd

    with pytest.raises(Refused, match="is review") as refused:
        fixing.resume(config, engine, row.id, by="Ada", message="And cats?", now=now)
    assert "reject it with a reason" in refused.value.cure
    row = signoff.reject(config, engine, bug, by="Ada", reason="And cats?", now=now)
    assert queries.bug_page(engine, bug, now=now).row.state == "fixing"
    until(lambda: "running the" in said(engine, row).partition("Cats are pinned now")[2])
    fixing.interrupt(engine, row.id, by="Ada", now=now)  # the evidence of the first round is enough for a test
    row = fixing.wait(engine, row.id, timeout=30)
    assert (row.state, row.activity) == ("interrupted", "interrupted while the evidence was made: by Ada")
    assert (Path(row.worktree) / "tests" / "test_cats.py").exists()
    assert row.cost_usd > first_cost
    until(lambda: len(repository.worktrees()) == 2)  # its runner takes the trees of the evidence away, and ends


def test_a_person_answers_what_it_asks_and_no_secret_reaches_its_commands(
    launch, config, engine, bug, now, until, monkeypatch
):
    """Questions are rows; a refusal and its reason reach the agent; the guard refuses the rest by itself."""
    for name in ("GITHUB_TOKEN", "DJANGO_SECRET_KEY", "WORKBENCH_DATABASE_URL", "SSH_AUTH_SOCK", "DATABASE_URL"):
        monkeypatch.setenv(name, "secret-of-the-parent")
    row = launch("asks")
    asked = until(lambda: queries.approvals(engine, row.id))[0]
    assert asked.body["tool"] == "Bash"
    assert asked.body["input"]["command"] == "env | sort"
    assert until(lambda: queries.session(engine, row.id).state == "needs_input")
    fixing.answer(engine, asked.id, allow=True, by="Ada", now=now)
    with pytest.raises(Refused, match="answered already by Ada"):
        fixing.answer(engine, asked.id, allow=False, by="Bob", now=now)
    second = until(lambda: [each for each in queries.approvals(engine, row.id) if each.id != asked.id])[0]
    assert second.body["input"]["command"] == "rm -rf tests"
    fixing.say(engine, row.id, "Are you there?", by="Ada", now=now)
    fixing.answer(engine, second.id, allow=False, note="Leave the tests alone.", by="Ada", now=now)

    row = fixing.wait(engine, row.id, timeout=50)
    assert row.state == "done"
    results = [entry.body["text"] for entry in queries.transcript(engine, row.id) if entry.kind == "tool_result"]
    environment, push, outside, refused = results
    assert "PATH=" in environment
    assert "secret-of-the-parent" not in environment
    assert "workbench.db" not in environment
    assert "MALLOC_ARENA_MAX" not in environment, "how the runner is held small is not for what the agent runs"
    assert "git push is not for agents" in push
    assert "outside of the worktree" in outside
    assert "Leave the tests alone." in refused
    assert not (Path(row.worktree).parent / "outside.txt").exists()
    prompts = [entry.body for entry in queries.transcript(engine, row.id) if entry.kind == "prompt"]
    assert {"text": "Are you there?", "by": "Ada"} in prompts
    page = queries.bug_page(engine, bug, now=now)
    assert page.row.state == "open"
    assert "the agent changed nothing" in page.history[-1].reason


LAUNCHER = """
import os, signal, sys
from datetime import UTC, datetime
from workbench import fixing, signoff
from workbench.bugs.store import open_engine
from workbench.sessions.order import Order
order = Order.decode(sys.stdin.buffer.read())
options = fixing.LaunchOptions(rehearse=sys.argv[1], test_first=False)
fixing.launch(order.config, open_engine(order.database_url), 1, by="Ada", options=options, now=datetime.now(UTC))
os.killpg(0, signal.SIGKILL)
"""


def test_an_interrupted_session_goes_on_where_it_stopped(launch, config, engine, bug, now, until):
    """The program that launches it is killed with its whole process group, which changes nothing."""
    terminal = [sys.executable, "-c", LAUNCHER, str(SCENARIOS / "slow.toml")]
    killed = subprocess.run(terminal, input=Order.of(config, engine).encode(), start_new_session=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    (row,) = queries.sessions(engine)
    notes = Path(row.worktree) / "notes.txt"
    until(notes.exists)
    with pytest.raises(Refused, match=r"is being worked on: session .* launched by Ada"):
        launch("slow")
    with pytest.raises(Refused, match="is at work"):
        fixing.resume(config, engine, row.id, by="Ada", now=now)
    fixing.interrupt(engine, row.id, by="Bob", now=now)
    row = fixing.wait(engine, row.id, timeout=30)
    assert (row.state, row.activity) == ("interrupted", "interrupted by Bob")
    assert notes.read_text() == "half done"
    assert queries.bug_page(engine, bug, now=now).row.state == "fixing"
    with pytest.raises(Refused, match="is not running"):
        fixing.say(engine, row.id, "hello", by="Ada", now=now)

    shutil.rmtree(row.worktree)  # it is made again, with the work that was kept of it
    fixing.resume(config, engine, row.id, by="Ada", now=now)
    until(lambda: "made again" in said(engine, row))
    assert notes.read_text() == "half done"
    until(lambda: notes.read_text() == "all done")
    until(lambda: "I am done." in said(engine, row))
    psutil.Process(queries.session(engine, row.id).pid).terminate()
    assert fixing.wait(engine, row.id, timeout=30).state in ("interrupted", "done")


def test_a_killed_runner_is_noticed_and_its_session_resumed(launch, config, engine, bug, now, until):
    row = launch("slow", test_first=False)
    until((Path(row.worktree) / "notes.txt").exists)
    runner = psutil.Process(row.pid)
    below = runner.children(recursive=True)
    assert below
    assert fixing.sweep(engine, now=now) == []
    runner.send_signal(signal.SIGKILL)
    assert still_running(below, 40) == []  # before any workbench looks: none goes on by itself
    assert until(lambda: fixing.sweep(engine, now=now)) == [row.id]
    row = queries.session(engine, row.id)
    assert (row.state, row.activity) == ("interrupted", "its runner is gone")
    assert (Path(row.worktree) / "notes.txt").read_text() == "half done"
    assert queries.bug_page(engine, bug, now=now).row.state == "fixing"

    row = fixing.resume(config, engine, row.id, by="Ada", now=now)
    until(lambda: (Path(row.worktree) / "notes.txt").read_text() == "all done")
    psutil.Process(row.pid).terminate()
    row = fixing.wait(engine, row.id, timeout=30)
    assert row.state in ("interrupted", "done")


def test_the_cap_on_time_ends_a_session(launch, engine, bug, now):
    row = fixing.wait(engine, launch("slow", max_minutes=0.03, test_first=False).id, timeout=40)
    assert (row.state, row.activity) == ("failed", "the cap on time is reached")
    page = queries.bug_page(engine, bug, now=now)
    assert page.row.state == "open"
    assert "the cap on time" in page.history[-1].reason


def test_the_cap_on_turns_ends_a_session(launch, engine, bug, now):
    row = fixing.wait(engine, launch("price", max_turns=1).id, timeout=40)
    assert (row.state, row.activity) == ("failed", "the cap on turns is reached")


def test_a_client_that_crashes_is_a_failed_session(launch, config, engine, bug, now, tmp_path, monkeypatch):
    broken = tmp_path / "claude"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "2.1.330 (Claude Code)" && exit\necho broken >&2\nexit 3\n'
    )
    broken.chmod(0o755)
    config.values["agent.cli_path"] = Value(str(broken), "test")
    row = fixing.wait(engine, launch("slow").id, timeout=40)
    assert row.state == "failed"
    assert "broken" in row.activity
    assert queries.bug_page(engine, bug, now=now).row.state == "open"
