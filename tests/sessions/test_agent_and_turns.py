"""What the SDK's messages mean to us, and how a turn ends in the cases that are hard to bring about for real."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import uuid
from dataclasses import replace

import claude_agent_sdk as sdk
import pytest

from capture.store.tables import FixSession
from capture.testing import NOW
from workbench import fixing
from workbench.bugs import queries
from workbench.errors import ConfigurationError
from workbench.sessions import agent as agents
from workbench.sessions import prices
from workbench.sessions import record as records
from workbench.sessions import turn as turns
from workbench.sessions.agent import UNASKED, Agent, AgentFailed, read
from workbench.sessions.commands import Decision
from workbench.sessions.options import AgentOptions, permission_mode
from workbench.sessions.record import Record
from workbench.sessions.said import Ask, Entry, Reply, Started, TurnEnded, Waiting
from workbench.sessions.spending import Spent
from workbench.sessions.turn import Outcome, Turn

ENDED = TurnEnded(ok=True, interrupted=False, reason="done", cost_usd=0.5, turns=1)


def assistant(*blocks, **more):
    return sdk.AssistantMessage(content=list(blocks), model="m", **more)


def ended(**changes):
    fields = {"subtype": "success", "duration_ms": 1, "duration_api_ms": 1, "is_error": False, "num_turns": 2}
    return sdk.ResultMessage(**(fields | {"session_id": "s"} | changes))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (sdk.SystemMessage("init", {"model": "m", "claude_code_version": "2"}), [Started("m", "2")]),
        (sdk.SystemMessage("hook_started", {}), []),
        (
            sdk.SystemMessage("api_retry", {"error": "overloaded", "attempt": 1, "max_retries": 10}),
            [Waiting("the API answered with overloaded; try 1 of 10")],
        ),
        (assistant(sdk.TextBlock(" "), sdk.ThinkingBlock("hm", "sig")), [Entry("thinking", {"text": "hm"})]),
        (assistant(sdk.ThinkingBlock("", "sig"), sdk.TextBlock("hi")), [Entry("text", {"text": "hi"})]),
        (
            assistant(sdk.ToolUseBlock("t", "Bash", {"command": "ls"}), message_id="m1", usage={"input_tokens": 3}),
            [
                Entry(
                    "tool_use",
                    {"id": "t", "tool": "Bash", "input": {"command": "ls"}, "text": "Bash ls"},
                    reply=Reply("m1", 3),
                )
            ],
        ),
        (assistant(sdk.TextBlock(" "), message_id="m1", usage={"input_tokens": 3}), [Reply("m1", 3)]),
        (assistant(message_id="m1", parent_tool_use_id="sub"), []),
        (assistant(sdk.ServerToolUseBlock("t", "web_search", {})), []),
        (sdk.UserMessage("text"), []),
        (
            sdk.UserMessage([sdk.ToolResultBlock("t", [{"type": "text", "text": "a"}, {"type": "image"}], None)]),
            [Entry("tool_result", {"id": "t", "text": "a\n[image]", "is_error": False})],
        ),
        (sdk.UserMessage([sdk.TextBlock("x")]), []),
        (
            sdk.RateLimitEvent(sdk.RateLimitInfo("rejected", rate_limit_type="five_hour"), "u", "s"),
            [Waiting("the limit five_hour is reached")],
        ),
        (
            sdk.RateLimitEvent(sdk.RateLimitInfo("rejected", 1_789_222_260, "five_hour"), "u", "s"),
            [Waiting("until 12 Sep 14:11 UTC: the limit five_hour is reached")],
        ),
        (
            sdk.RateLimitEvent(sdk.RateLimitInfo("rejected", 10**20), "u", "s"),
            [Waiting("the limit of the API is reached")],
        ),
        (sdk.RateLimitEvent(sdk.RateLimitInfo("allowed"), "u", "s"), []),
        (ended(result="done", total_cost_usd=1.0), [TurnEnded(True, False, "done", 1.0, 2)]),
        (ended(is_error=True, result="API Error: 500"), [TurnEnded(False, False, "API Error: 500", None, 2)]),
        (
            ended(
                subtype="error_during_execution",
                is_error=True,
                terminal_reason="aborted_tools",
                errors=["[ede_diagnostic] result_type=user"],
            ),
            [TurnEnded(False, True, "interrupted", None, 2)],
        ),
        (
            ended(subtype="error_during_execution", is_error=True, errors=["[ede_diagnostic] x", "it broke"]),
            [TurnEnded(False, False, "it broke", None, 2)],
        ),
        (
            ended(subtype="error_max_turns", is_error=True),
            [TurnEnded(False, False, "the cap on turns is reached", None, 2)],
        ),
        (
            ended(subtype="error_max_budget_usd", is_error=True, errors=["x"]),
            [TurnEnded(False, False, "the cap on cost is reached", None, 2)],
        ),
        (
            ended(subtype="error_during_execution", is_error=True, terminal_reason="aborted_tools"),
            [TurnEnded(False, True, "interrupted", None, 2)],
        ),
        (object(), []),
    ],
)
def test_messages_of_the_sdk_become_data_of_ours(message, expected):
    assert read(message) == expected


@pytest.fixture
def options(tmp_path):
    return AgentOptions(program=tmp_path / "none", worktree=tmp_path, session_id=str(uuid.uuid4()), rules="r")


async def no(_: Ask) -> tuple[bool, str]:
    return False, ""


async def allow(*_: object) -> Decision:
    return Decision("allow")


def test_an_agent_that_is_not_connected_fails_clearly(options):
    agent = Agent(options, decide=allow, ask=no)

    async def listen() -> None:
        async for _ in agent.said():
            pass

    for work in (lambda: agent.prompt("x"), listen, agent.__aenter__):
        with pytest.raises(AgentFailed):
            asyncio.run(work())
    asyncio.run(agent.interrupt())


def test_a_session_that_asks_nobody_refuses_what_the_guard_leaves_to_a_person(options):
    async def ask(*_: object) -> Decision:
        return Decision("ask", "it is no test")

    async def play() -> None:
        agent = Agent(replace(options, permission_mode="dontAsk"), decide=ask, ask=no)
        told = await agent._before_tool({"tool_name": "Bash", "tool_input": {"command": "make"}}, "t", None)
        said = told["hookSpecificOutput"]
        assert (said["permissionDecision"], said["permissionDecisionReason"]) == ("deny", f"it is no test. {UNASKED}")
        answer = await agent._can_use("Bash", {"command": "make"}, sdk.ToolPermissionContext(tool_use_id="t"))
        assert isinstance(answer, sdk.PermissionResultDeny)

    asyncio.run(play())


@pytest.mark.parametrize("mode", ["bypassPermissions", "auto", "acceptEdits", "x"])
def test_no_other_permission_mode_is_offered(mode):
    assert permission_mode("dontAsk") == "dontAsk"
    with pytest.raises(ConfigurationError, match="not offered"):
        permission_mode(mode)


def test_a_refusal_without_a_reason_and_a_question_of_the_clients_own(options):
    agent = Agent(options, decide=allow, ask=no)
    context = sdk.ToolPermissionContext(tool_use_id="t", description="Read a file", decision_reason="outside")
    answer = asyncio.run(agent._can_use("Read", {"file_path": "x"}, context))
    assert answer.message == "A person refused this."

    async def ask_people(*_: object) -> Decision:
        return Decision("ask", "why", "evil.example")

    agent._decide = ask_people
    hook = asyncio.run(agent._before_tool({"tool_name": "Bash", "tool_input": {}}, None, None))
    assert hook["hookSpecificOutput"]["permissionDecision"] == "ask"
    assert Ask("Bash", {}, "t", "r", "s").as_dict()["shared"] == "s"


def test_a_tool_runs_only_when_its_call_was_taken_in(options):
    """So that no kill of the runner leaves a change on disk that no transcript tells."""
    agent = Agent(options, decide=allow, ask=no)
    done: list[str] = []

    async def receive():
        yield assistant(sdk.ToolUseBlock("t", "Write", {}), uuid="a")
        await asyncio.wait_for(asyncio.shield(hook), 5)
        yield ended()

    async def before() -> None:
        await agent._before_tool({"tool_name": "Write", "tool_input": {}}, "t", None)
        done.append("may run")

    async def listen() -> None:
        nonlocal hook
        said = agent.said()
        hook = asyncio.create_task(before())
        assert (await anext(said)).row["said"] == "a/0"
        await asyncio.sleep(0.05)
        done.append("a row")
        await anext(said)

    hook: asyncio.Task[None]
    agent._client.receive_messages = receive
    asyncio.run(listen())
    assert done == ["a row", "may run"]


def test_prompts_that_no_turn_took_in_are_still_to_come(options):
    agent = Agent(options, decide=allow, ask=no)
    agent._unanswered = {"a", "b"}
    assert agent._left(ended(user_message_uuids=["a"]))
    assert not agent._left(ended(user_message_uuids=["b"]))
    agent._unanswered = {"c"}
    assert not agent._left(ended())


class Fake:
    """An agent that says what a test has given it; None stands for saying nothing until it is interrupted."""

    script: list[object]
    made: list[Fake]

    def __init__(self, options, *, mirrored) -> None:
        self.prompts: list[str] = []
        self.interrupted = asyncio.Event()
        type(self).made.append(self)

    def attend(self, *, decide, ask, store) -> None:
        self.ask = ask

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def prompt(self, text: str) -> None:
        self.prompts.append(text)

    async def interrupt(self) -> None:
        self.interrupted.set()

    async def said(self):
        for each in type(self).script:
            if each is None:
                await self.interrupted.wait()
                await asyncio.sleep(60)
            elif callable(each):
                await each(self)
            else:
                yield each


@pytest.fixture
def session(engine, bug) -> str:
    with records.transaction(engine) as transaction:
        fix = FixSession(
            id=str(uuid.uuid4()),
            bug_id=bug,
            state="starting",
            launched_by="Ada",
            repository="r",
            branch="b",
            worktree="w",
            base_commit="c",
            host=socket.gethostname(),
            started_at=NOW,
        )
        transaction.add(fix)
    return fix.id


class Between:
    """What follows the first turn is a second one; judging what it has made takes as long as `judges` lasts."""

    def __init__(self, judges: threading.Event | None = None) -> None:
        self.ask = None
        self.asked = 0
        self.judges = judges

    async def let_through(self) -> str | None:
        return None

    async def after(self, ended: TurnEnded) -> str | None:
        self.asked += 1
        if self.judges is not None:
            await asyncio.to_thread(self.judges.wait, 30)
        return "now the fix" if self.asked == 1 else None

    async def steer(self, kind: str, text: str, by: str) -> str:
        return ""

    def abandon(self) -> None:
        if self.judges is not None:
            self.judges.set()


@pytest.fixture
def play(engine, session, monkeypatch, options):
    """Run a turn with a fake agent that says `script`."""
    monkeypatch.setattr(turns, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(turns, "GRACE_SECONDS", 0.2)

    def play(
        *script: object,
        spent: Spent | None = None,
        max_minutes: float | None = None,
        stop: bool = False,
        steps: Between | None = None,
        **caps: object,
    ) -> Outcome:
        fake = type("Scripted", (Fake,), {"script": list(script), "made": []})
        monkeypatch.setattr(turns, "Agent", fake)
        guard = type("Guard", (), {"decide": staticmethod(allow)})()
        turn = Turn(
            replace(options, **caps), guard, Record(engine, session),
            spent=spent or Spent(), max_minutes=max_minutes, steps=steps,
        )  # fmt: skip
        if stop:
            turn.stop("told")
        outcome = asyncio.run(turn.run("go"))
        play.agent = fake.made[0]
        return outcome

    return play


def test_what_is_said_becomes_rows(play, engine, session):
    outcome = play(
        Started("opus", "2"),
        Reply("m1", 5),
        Reply("m1", 7),
        Reply("m2", 1),
        Entry("text", {"text": "a\nb"}),
        Waiting("overloaded"),
        Entry("tool_result", {"text": "r"}),
        ENDED,
        spent=Spent(1.0, 100, 3),
    )
    row = queries.session(engine, session)
    assert outcome == Outcome("finished", "done")
    assert (row.model, row.tokens, row.turns, row.state, row.activity) == ("opus", 108, 5, "waiting", "overloaded")
    assert row.cost_usd == 1.5  # this client did not know what had been spent before
    assert [entry.kind for entry in queries.transcript(engine, session)] == ["text", "tool_result", "result"]


def test_a_client_that_knows_what_was_spent_is_believed(play, engine, session):
    play(replace(ENDED, cost_usd=1.25), spent=Spent(1.0))
    assert queries.session(engine, session).cost_usd == 1.25
    play(replace(ENDED, cost_usd=None))
    assert queries.session(engine, session).cost_usd == 1.25


def test_a_message_that_came_last_is_still_handed_over(play, engine, session, now):
    async def say(_: Fake) -> None:
        fixing.say(engine, session, "and cats", by="Ada", now=now)

    assert play(say, ENDED, ENDED).kind == "finished"
    assert play.agent.prompts == ["go", "and cats"]
    assert play(replace(ENDED, more=True), replace(ENDED, ok=False, reason="broke")) == Outcome("failed", "broke")


def test_an_agent_that_ignores_an_interrupt_is_left(play, engine, session, now):
    async def stop(_: Fake) -> None:
        fixing.interrupt(engine, session, by="Bob", now=now)

    begun = time.monotonic()
    assert play(Started("m", "2"), stop, None) == Outcome("interrupted", "interrupted by Bob")
    assert time.monotonic() - begun < 10


def test_a_runner_that_was_told_to_go_before_it_began_goes(play):
    assert play(None, stop=True) == Outcome("interrupted", "told")


def test_an_interrupt_that_nobody_here_asked_for_is_one_too(play):
    assert play(replace(ENDED, ok=False, interrupted=True)) == Outcome("interrupted", "interrupted")


def test_an_agent_that_ends_without_a_word_has_failed(play):
    assert play() == Outcome("failed", "Claude Code ended: it ended without a result")


def test_an_agent_that_says_nothing_is_shown_as_quiet_and_ends_with_its_time(play, engine, session, monkeypatch):
    monkeypatch.setattr(turns, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(turns, "HEARTBEAT_SECONDS", 0.0)
    assert play(Started("m", "2"), None, max_minutes=0.01) == Outcome("failed", "the cap on time is reached")
    row = queries.session(engine, session)
    assert row.state == "quiet"
    assert row.heartbeat_at is not None


def test_what_a_client_said_before_it_was_gone_is_heard_though_nothing_reaches_it(play, engine, session, monkeypatch):
    gone = asyncio.Event()

    async def lost(*_: object) -> None:
        gone.set()
        raise AgentFailed("nothing reaches it")

    async def late(_: object) -> None:
        await gone.wait()
        await asyncio.sleep(0.02)

    monkeypatch.setattr(Turn, "_watch", lost)
    assert play(late, Entry("text", {"text": "its last words"})).kind == "failed"
    assert [entry.body["text"] for entry in queries.transcript(engine, session)] == ["its last words"]


def test_an_error_while_watching_is_not_swallowed(play, monkeypatch):
    def fail(_: Record) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Record, "asked", fail)
    with pytest.raises(ZeroDivisionError):
        play(None)


def test_time_that_a_person_takes_is_not_the_agents(play, engine, session, now):
    async def ask(fake: Fake) -> None:
        first = asyncio.create_task(fake.ask(Ask("Bash", {}, "first?", "r", None)))
        second = asyncio.create_task(fake.ask(Ask("Bash", {}, "second?", "r", None)))
        while len(asked := queries.approvals(engine, session)) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert queries.session(engine, session).state == "needs_input"
        for each in asked:
            fixing.answer(engine, each.id, allow=True, by="Ada", now=now)
        assert await first == await second == (True, "")

    assert play(Started("m", "2"), ask, ENDED, max_minutes=0.2).kind == "finished"
    assert queries.session(engine, session).activity == "at work"


def test_what_is_always_allowed_is_not_asked_again_unless_it_repeats_the_failure(play, engine, session, now):
    def question(shared: str | None = None) -> Ask:
        return Ask("Bash", {"command": "make"}, "may I?", "r", shared)

    async def answered(fake: Fake, ask: Ask, *, always: bool) -> None:
        asking = asyncio.create_task(fake.ask(ask))
        while not (asked := queries.approvals(engine, session)):
            await asyncio.sleep(0.01)
        fixing.answer(engine, asked[0].id, allow=always, always=always, by="Ada", now=now)
        assert await asking == (always, "")

    async def ask(fake: Fake) -> None:
        await answered(fake, question(), always=True)
        assert await fake.ask(question()) == (True, "")
        await answered(fake, question(shared="evil.example"), always=False)

    assert play(ask, ENDED).kind == "finished"


def test_while_a_question_is_open_it_stays_on_screen(play, engine, session, now):
    async def ask(fake: Fake) -> None:
        fake.question = asyncio.create_task(fake.ask(Ask("Bash", {}, "may I?", "r", None)))
        while not queries.approvals(engine, session):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)

    async def look(fake: Fake) -> None:
        row = queries.session(engine, session)
        assert (row.state, row.activity) == ("needs_input", "may I?")
        fixing.answer(engine, queries.approvals(engine, session)[0].id, allow=False, by="Ada", now=now)
        await fake.question

    assert play(ask, Entry("text", {"text": "meanwhile"}), look, ENDED).kind == "finished"


def test_a_stop_that_hangs_is_given_up(options, monkeypatch):
    monkeypatch.setattr(agents, "STOP_SECONDS", 0.05)
    agent = Agent(options, decide=allow, ask=no)

    async def hang(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(agent._client, "interrupt", hang)
    monkeypatch.setattr(agent._client, "disconnect", hang)
    asyncio.run(agent.interrupt())
    asyncio.run(agent.__aexit__())


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("claude-opus-4-5", {"input_tokens": 1_000_000}, 5.0),
        ("claude-haiku-4-5", {"output_tokens": 1_000_000}, 5.0),
        ("something new", {"cache_read_input_tokens": 1_000_000}, 0.3),
        ("something new", {"cache_creation_input_tokens": 1_000_000}, 3.75),
        ("", None, 0.0),
    ],
)
def test_the_money_of_a_turn_without_a_bill_is_estimated(model, usage, dollars):
    assert prices.estimate(model, usage) == pytest.approx(dollars)


# --- caps, over both phases ----------------------------------------------------------------------------------------


def replies(*names: str) -> list[Reply]:
    return [Reply(name, 10, 0.01) for name in names]


def test_the_cap_on_turns_counts_both_phases(play, engine, session):
    said = [*replies("a", "b"), ENDED, *replies("c", "d"), None]
    assert play(*said, steps=Between(), max_turns=3) == Outcome("failed", "the cap on turns is reached")
    assert queries.session(engine, session).turns == 4
    assert play.agent.prompts == ["go", "now the fix"]


def test_no_second_phase_begins_where_the_first_has_used_all_turns(play):
    assert play(*replies("a", "b"), ENDED, steps=Between(), max_turns=2) == Outcome(
        "failed", "the cap on turns is reached"
    )
    assert play.agent.prompts == ["go"]


def test_no_second_phase_begins_where_the_first_has_used_all_money(play, engine, session):
    """The client gets what is left of the cap; what an earlier runner spent is not counted twice."""
    spent = Spent(cost_usd=4.0)
    first = replace(ENDED, cost_usd=1.0)  # of this runner alone: the client knows nothing of the earlier one
    over = play(first, steps=Between(), spent=spent, max_cost_usd=1.0)
    assert over == Outcome("failed", "the cap on cost is reached")
    assert play.agent.prompts == ["go"]
    assert queries.session(engine, session).cost_usd == 5.0
    second = replace(ENDED, cost_usd=1.2)
    assert play(first, second, steps=Between(), spent=spent, max_cost_usd=1.5).kind == "finished"
    assert play.agent.prompts == ["go", "now the fix"]


@pytest.mark.parametrize("why", ["time", "person"])
def test_a_session_that_has_to_end_does_not_wait_for_what_is_being_judged(play, engine, session, now, why):
    async def interrupted(_: Fake) -> None:
        fixing.interrupt(engine, session, by="Ada", now=now)

    begun = time.monotonic()
    script = [interrupted, ENDED] if why == "person" else [ENDED]
    outcome = play(*script, steps=Between(threading.Event()), max_minutes=0.005 if why == "time" else None)
    assert outcome == (
        Outcome("failed", "the cap on time is reached")
        if why == "time"
        else Outcome("interrupted", "interrupted by Ada")
    )
    assert time.monotonic() - begun < 15
    assert play.agent.prompts == ["go"]
