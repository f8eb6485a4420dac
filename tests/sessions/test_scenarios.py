"""The scenarios that come with the workbench, each played to the real Claude Code client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from workbench import fixing
from workbench.bugs import queries
from workbench.sessions import claude, environment, scenario
from workbench.sessions.agent import Agent, AgentOptions
from workbench.sessions.commands import Decision
from workbench.sessions.rehearsal import RehearsalModel
from workbench.sessions.said import Entry, Said, TurnEnded, Waiting

agent = pytest.mark.agent


async def _allow(*_: object) -> Decision:
    return Decision("allow")


async def _nobody(*_: object) -> tuple[bool, str]:
    return False, ""


@pytest.fixture
def play(tmp_path, clean_environment):
    """Play a scenario to the client without the rest of a session, and return all that it said."""

    def play(name: str, *, cap: float | None = None) -> list[Said]:
        worktree, home = tmp_path / "w", tmp_path / "agent-home"
        for folder in (worktree, home):
            folder.mkdir(exist_ok=True)
        with RehearsalModel(scenario.load(name), None, worktree=str(worktree), python=sys.executable) as model:
            known = environment.for_runner(os.environ, repo=worktree, rehearsal_home=home)
            quick = {"CLAUDE_CODE_MAX_RETRIES": "3"}
            options = AgentOptions(
                claude.find(""), worktree, str(uuid.uuid4()), "rules", max_cost_usd=cap,
                environ=known | model.environ | quick,
            )  # fmt: skip
            return asyncio.run(_all(options))

    async def _all(options: AgentOptions) -> list[Said]:
        found: list[Said] = []
        async with Agent(options, decide=_allow, ask=_nobody) as client:
            await client.prompt("Fix bug B-001.")
            async for said in client.said():
                found.append(said)
                if isinstance(said, TurnEnded):
                    break
        return found

    return play


def _texts(said: list[Said]) -> str:
    return "\n".join(str(each.body.get("text")) for each in said if isinstance(each, Entry))


def _end(said: list[Said]) -> TurnEnded:
    (end,) = [each for each in said if isinstance(each, TurnEnded)]
    return end


@agent
@pytest.mark.parametrize(
    ("name", "why", "told"),
    [
        ("overloaded", "overloaded", "was overloaded, and"),
        ("rate-limited", "rate", "A limit was reached"),
    ],
)
def test_an_api_that_makes_us_wait_is_waited_for(play, name, why, told):
    said = play(name)
    waits = [each.why for each in said if isinstance(each, Waiting)]
    assert waits
    assert all("the API answered with" in wait and why in wait and " in 1 s" in wait for wait in waits)
    assert told in _texts(said)
    assert _end(said).ok


@agent
def test_a_connection_that_breaks_in_the_middle_costs_nothing_but_time(play):
    said = play("cut-off")
    assert "said again" in _texts(said)
    assert _end(said).ok


@agent
def test_an_api_that_refuses_is_no_finished_turn(play):
    end = _end(play("refused"))
    assert not end.ok
    assert end.reason


@agent
def test_a_cap_on_cost_ends_a_turn_after_the_reply_that_passed_it(play):
    said = play("budget", cap=1.0)
    end = _end(said)
    assert (end.ok, end.reason) == (False, "the cap on cost is reached")
    assert end.cost_usd > 1
    assert "Nobody should ever read this" not in _texts(said)


@agent
def test_hostile_words_arrive_whole_and_propose_nothing(play):
    from workbench.fixing.phases import not_a_bug

    said = play("hostile")
    assert "\x1b]52;c;" in _texts(said)
    assert not_a_bug(_end(said).reason) == ""


@agent
@pytest.mark.usefixtures("no_runner_left")
def test_cheats_are_refused_asked_about_or_shown_and_prove_nothing(config, engine, bug, now, until):
    """The guard refuses, a person is asked, and a test that shows nothing never opens phase two."""
    options = fixing.LaunchOptions(rehearse="cheating")
    row = fixing.launch(config, engine, bug, by="Ada", options=options, now=now)
    asked = until(lambda: queries.approvals(engine, row.id))[0]
    assert asked.body["input"]["command"] == "env | sort"
    fixing.answer(engine, asked.id, allow=False, by="Ada", now=now)
    asked = until(lambda: [each for each in queries.approvals(engine, row.id) if each.id != asked.id], seconds=80)[0]
    assert asked.body["tool"] == "Phase one"
    assert "pass on the base, where the fault still is" in str(asked.body["input"])
    fixing.answer(engine, asked.id, allow=False, by="Ada", now=now)
    row = fixing.wait(engine, row.id, timeout=60)
    assert (row.state, row.activity.partition(":")[0]) == ("failed", "ended by a person")
    entries = queries.transcript(engine, row.id)
    results = [entry.body["text"] for entry in entries if entry.kind == "tool_result"]
    written, conftest, outside, push, environ = results
    assert "created" in written
    assert "only new tests are written" in conftest
    assert "outside of the worktree" in outside
    assert "git push is not for agents" in push
    assert "refused" in environ
    assert sum(entry.kind == "phase" and not entry.body["ok"] for entry in entries) == 3
    page = queries.bug_page(engine, bug, now=now)
    assert (row.phase, page.row.state, page.evidence) == ("test", "open", None)


@agent
def test_a_scenario_is_served_for_anybodys_client(clinic, clean_environment, tmp_path):
    served = subprocess.Popen(
        [sys.executable, "-m", "workbench", "rehearse", "question", "--json"],
        cwd=clinic, stdout=subprocess.PIPE, env=environment.for_client(os.environ),
    )  # fmt: skip
    try:
        given = json.loads(served.stdout.readline() + _rest(served))
        home = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path / ".claude"), "PATH": os.environ["PATH"]}
        told = subprocess.run(
            [str(claude.find("")), "-p", "Fix bug B-001."],
            cwd=clinic, env=home | given["environment"], capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert "Is this page meant to be gone" in told.stdout
    finally:
        served.send_signal(signal.SIGINT)
        assert served.wait(20) == 0
        served.stdout.close()


def _rest(process: subprocess.Popen[bytes]) -> bytes:
    """Return the lines of a JSON object that is printed over several, to its end."""
    lines = b""
    while not lines.endswith(b"\n}\n"):
        lines += process.stdout.readline()
    return lines


def test_every_scenario_can_be_read_and_says_what_happens():
    expected = {
        *("happy", "wrong-first-fix", "permission", "question", "budget", "overloaded", "rate-limited", "refused"),
        *("cut-off", "hostile", "cheating"),
    }
    assert set(scenario.names()) == expected
    assert all(scenario.load(name).summary for name in scenario.names())
    assert all(Path(scenario.OURS, f"{name}.toml").stem == scenario.load(name).name for name in scenario.names())
