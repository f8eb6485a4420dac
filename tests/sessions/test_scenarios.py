"""The scenarios that come with the workbench, each played to the real Claude Code client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from workbench import fixing
from workbench.bugs import queries
from workbench.fixing.phases import not_a_bug
from workbench.sessions import brief, claude, environment, scenario
from workbench.sessions.agent import Agent
from workbench.sessions.commands import Decision
from workbench.sessions.options import AgentOptions
from workbench.sessions.rehearsal import RehearsalModel
from workbench.sessions.said import Ask, Entry, Said, TurnEnded, Waiting
from workbench.sessions.scenario import Scenario, Script

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


# --- several scenarios, one after the other, through one client ------------------------------------------------------

FIRST = "Fix bug B-001."
RABBITS = "def handling_fee(species):\n    return HANDLING_FEES[species]\n"
# Each prompt, and the scenario whose next turn answers it.
PROMPTS = (
    ("overloaded", FIRST),
    ("rate-limited", FIRST),
    ("cut-off", FIRST),
    ("hostile", FIRST),
    ("permission", FIRST),
    ("question", FIRST),
    ("question", "It was taken away on purpose."),
    ("wrong-first-fix", FIRST),
    ("wrong-first-fix", brief.now_fix(["tests/test_rabbits_pay.py::test_x"])),
    ("wrong-first-fix", brief.rejection("They pay the standard fee.")),
)


@dataclass
class Played:
    """What the client said to each prompt, what a person was asked, and the file that was to be fixed after each."""

    said: list[list[Said]] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    source: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[list[Said]]:
        return [said for (played, _), said in zip(PROMPTS, self.said, strict=True) if played == name]


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Played:
    """Starting the client takes most of the time of a test, so that these share one start."""
    folder = tmp_path_factory.mktemp("together")
    worktree, home = folder / "w", folder / "agent-home"
    for each in (worktree / "pets", worktree / "tests", home):
        each.mkdir(parents=True)
    source = worktree / "pets" / "billing.py"
    source.write_text(RABBITS)
    names = list(dict.fromkeys(name for name, _ in PROMPTS))
    turns = [turn for name in names for turn in scenario.load(name).scripts[0].turns]
    played = Played()

    async def decide(tool: str, given: Mapping[str, object], _: object) -> Decision:
        return Decision("ask" if tool == "Bash" else "allow")

    async def ask(question: Ask) -> tuple[bool, str]:
        played.asked.append(question)
        return True, ""

    async def play(options: AgentOptions) -> None:
        async with Agent(options, decide=decide, ask=ask) as client:
            for _, prompt in PROMPTS:
                await client.prompt(prompt)
                said: list[Said] = []
                async for each in client.said():
                    said.append(each)
                    if isinstance(each, TurnEnded):
                        break
                played.said.append(said)
                played.source.append(source.read_text())

    scenarios = Scenario("together", "", (Script({}, tuple(turns)),))
    with RehearsalModel(scenarios, None, worktree=str(worktree), python=sys.executable) as model:
        known = environment.for_runner(os.environ, repo=worktree, rehearsal_home=home)
        quick = {"CLAUDE_CODE_MAX_RETRIES": "3"}
        known = known | model.environ | quick
        asyncio.run(play(AgentOptions(claude.find(""), worktree, str(uuid.uuid4()), "rules", environ=known)))
    return played


shared = pytest.mark.xdist_group("scenarios")


@agent
@shared
@pytest.mark.parametrize(
    ("name", "why", "told"),
    [
        ("overloaded", "overloaded", "was overloaded, and"),
        ("rate-limited", "rate", "A limit was reached"),
    ],
)
def test_an_api_that_makes_us_wait_is_waited_for(together, name, why, told):
    (said,) = together.of(name)
    waits = [each.why for each in said if isinstance(each, Waiting)]
    assert waits
    assert all("the API answered with" in wait and why in wait and " in 1 s" in wait for wait in waits)
    assert told in _texts(said)
    assert _end(said).ok


@agent
@shared
def test_a_connection_that_breaks_in_the_middle_costs_nothing_but_time(together):
    (said,) = together.of("cut-off")
    assert "said again" in _texts(said)
    assert _end(said).ok


@agent
@shared
def test_hostile_words_arrive_whole_and_propose_nothing(together):
    (said,) = together.of("hostile")
    assert "\x1b]52;c;" in _texts(said)
    assert not_a_bug(_end(said).reason) == ""


@agent
@shared
def test_a_command_that_was_allowed_runs_and_its_result_is_heard(together):
    (said,) = together.of("permission")
    (asked,) = together.asked
    assert asked.tool == "Bash"
    assert "import sys; print(sys.version)" in asked.given["command"]
    assert sys.version.split()[0] in _texts(said)
    assert "Thank you." in _end(said).reason


@agent
@shared
def test_a_question_ends_a_turn_and_its_answer_begins_the_next(together):
    first, second = together.of("question")
    assert "Is this page meant to be gone" in _end(first).reason
    assert not_a_bug(_end(first).reason) == ""
    assert not_a_bug(_end(second).reason).startswith("You say that the page was taken away on purpose")


@agent
@shared
def test_a_wrong_fix_is_followed_by_a_right_one_after_a_rejection(together):
    test, wrong, right = together.of("wrong-first-fix")
    assert "The test is written." in _end(test).reason
    assert "Fixed." in _end(wrong).reason
    assert "Now they do." in _end(right).reason
    after = dict(zip([prompt for _, prompt in PROMPTS], together.source, strict=True))
    assert after[FIRST] == RABBITS
    assert "HANDLING_FEES.get(species)\n" in together.source[-2]
    assert "HANDLING_FEES.get(species, STANDARD_HANDLING_FEE)\n" in together.source[-1]


# --- those that end the client ------------------------------------------------------------------------------------


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
