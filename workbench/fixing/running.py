"""The runner: the process that owns one fix session, from its prompt to its evidence."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from workbench.sessions.environment import MEASURING

if TYPE_CHECKING:
    from capture.event import Event
    from capture.store.tables import FixSession
    from workbench.config import Config
    from workbench.evidence import Flag
    from workbench.git import Repository
    from workbench.sessions.record import Record
    from workbench.sessions.runner import Outcome, Spent
    from workbench.sessions.sandbox import Box

_log = logging.getLogger(__name__)

# What Claude Code says of a session id that has a conversation, and of one that has none.
_ID_TAKEN, _NO_CONVERSATION = "already in use", "No conversation found"
STOPS = (signal.SIGTERM, signal.SIGINT)


class _Told(BaseException):
    """The runner was told to go."""


def main(argv: Sequence[str]) -> int:
    """Run the session named in `argv`, on the order that stands on standard input.

    Without an order, whoever started us has changed their mind: nothing is done.
    """
    # The agent inherits our environment; how we are measured is not for its commands.
    for name in MEASURING:
        os.environ.pop(name, None)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given = sys.stdin.buffer.read()
    if not given:
        return 0
    from capture.store.engine import open_engine
    from workbench.fixing.order import Order
    from workbench.sessions.record import Record
    from workbench.tunnel import reached_url

    order = Order.decode(given)
    through_ssh = order.config.values.get("database.ssh")
    # The tunnel of whoever launched us goes with them.
    engine = open_engine(reached_url(order.config) if through_ssh and through_ssh.value else order.database_url)
    record = Record(engine, argv[0])
    try:
        return _Session(order.config, record).run()
    except Exception as error:  # noqa: BLE001 - a session must not stay live without its runner
        _log.exception("The runner failed")
        record.end("failed", f"the runner failed: {type(error).__name__}", to="open", reason="its runner failed")
        return 1
    finally:
        engine.dispose()


class _Session:
    def __init__(self, config: Config, record: Record) -> None:
        from workbench.bugs import queries
        from workbench.git import Repository
        from workbench.sessions.process import children
        from workbench.sessions.worktrees import Place

        self.config = config
        self.record = record
        self.fix: FixSession = record.load()
        self.number = queries.session(record.engine, self.fix.id).bug
        self.event: Event | None = queries.bug_page(record.engine, self.number, now=record.clock()).event
        self.repository: Repository = Repository.open(Path(self.fix.repository))
        self.place = Place(Path(self.fix.worktree), self.fix.branch, self.fix.base_commit)
        self.folder = config.state_dir / "sessions" / self.fix.id
        self._beside = children()  # such as the tunnel to the database, which ends with us and not with a run

    def run(self) -> int:
        """Do what the session's row says is next: the agent's turn and its evidence, or only the evidence."""
        from workbench.fixing import alarm

        if (stopped := self._prepared()) is not None:
            # What is in the worktree is not what was kept of it: it must not take its place.
            self.record.entry("notice", text=f"{stopped.kind}: {stopped.reason}")
            to_open: Literal["open"] | None = "open" if stopped.kind == "failed" else None
            self.record.end(stopped.kind, stopped.reason, to=to_open, reason=f"the session failed: {stopped.reason}")
            return 1 if stopped.kind == "failed" else 0
        if self.fix.options.get("phase") != "evidence":
            alarm.watch(self.record, self.repository, self.place.path)
            outcome = self._turn()
            alarm.check(self.record, self.repository, self.place.path)
            if outcome.kind != "finished":
                return self._ended(outcome.kind, outcome.reason)
            if self._proposed(outcome.reason) or not self._freeze(outcome.reason):
                return 0
        try:
            with _told_by_signal(self.record):
                self._evidence()
        except _Told as told:
            from workbench.sessions.process import end_children

            end_children(os.getpid(), but=self._beside)
            self.record.end("interrupted", f"interrupted while the evidence was made: {told}")
        return 0

    def _prepared(self) -> Outcome | None:
        """Make the worktree ready, and return how that ended if not well."""
        from workbench.fixing import preparing
        from workbench.sessions.process import end_children
        from workbench.sessions.runner import Outcome

        if not self.fix.worktree:
            return None  # an attached branch: its commit is all that is needed
        log = self.folder / preparing.LOG
        try:
            with _told_by_signal(self.record):
                why = preparing.prepare(self.config, self.record, self.repository, self.place, log, number=self.number)
        except _Told as told:
            end_children(os.getpid(), but=self._beside)
            return Outcome("interrupted", f"interrupted while the worktree was made ready: {told}")
        self.fix = self.record.load()
        return Outcome("failed", why) if why else None

    def _own_python(self) -> str:
        """Return the interpreter of the worktree's own environment, if its setup has made one."""
        from workbench.fixing.preparing import python_of

        python = python_of(self.place.path)
        return str(python) if self.fix.options.get("own_python") and python.exists() else ""

    def _offered(self) -> str:
        """Write a test for an agent that has heard nothing yet, and return what it is told of that, or nothing.

        A rehearsal gets none: its model plays a script.
        """
        wanted = self.config["agent.offer_repro"] == "on" and self.fix.phase == "test" and self.fix.rehearsal is None
        if not wanted or self.event is None or self.fix.options.get("conversation"):
            return ""
        from workbench.fixing import offering

        told = offering.write(
            self.config, self.folder, self.number, self.event, base=self.fix.base_commit, progress=self._ticked
        )
        if told:
            self.record.entry("notice", text=f"Told to the agent as well: {told}")
        return told

    def _turn(self) -> Outcome:
        from workbench.evidence import RUNNER_MARK
        from workbench.fixing.offering import FILE
        from workbench.fixing.phases import Phases
        from workbench.sessions import environment, recovering
        from workbench.sessions.agent import AgentOptions
        from workbench.sessions.brief import RULES
        from workbench.sessions.client_store import ClientStore
        from workbench.sessions.guard import Guard
        from workbench.sessions.process import end_ours, marked
        from workbench.sessions.runner import Outcome, Turn

        try:
            with _told_by_signal(self.record):
                offered = self._offered()
        except _Told as told:
            return Outcome("interrupted", str(told))
        options = self.fix.options
        own = self._own_python()
        tests = environment.test_command(
            self.config["tests.command"], os.environ, self.place.path if own else self.config.repo
        )
        phases = Phases(self.config, self.record, self.repository, self.place.path, self.event)
        given = [self.folder / FILE]
        guard = Guard(self.place.path, self.folder / "event.json", tests, given=given, phase=phases.why_not_write)
        beside = [_own_tests(tests)] if own and not options.get("conversation") else []
        prompt = "\n\n".join([options["prompt"], *beside, *([offered] if offered else [])])
        cap = options.get("max_cost_usd")
        with ExitStack() as stack:
            environ = self._rehearsal(stack, tests) | (
                environment.in_front(os.environ, Path(own).parent) if own else {}
            )
            agent = AgentOptions(
                program=Path(options["program"]),
                worktree=self.place.path,
                session_id=self.fix.id,
                rules=RULES,
                resume=bool(options.get("conversation")),
                model=options.get("model", ""),
                max_turns=options.get("max_turns"),
                max_cost_usd=cap - self.fix.cost_usd if cap is not None else None,
                environ=environ | marked(RUNNER_MARK),
                own_settings=self.fix.rehearsal is None,
                box=self._box(tests) if self.fix.is_sandboxed else None,
                store=ClientStore(self.record.engine),
            )
            fix = self.fix
            minutes = options.get("max_minutes")
            home = recovering.client_home(os.environ | environ)
            self.record.option(client_home=str(home))
            if agent.resume and recovering.restore(self.record.engine, fix.id, home):
                self.record.entry("notice", text="The client had lost its conversation, which was kept here.")
            spent = self._completed()
            turn = Turn(agent, guard, self.record, spent=spent, max_minutes=minutes, steps=phases)
            outcome = asyncio.run(_until_told(turn, prompt))
            if phases.given_up:
                return Outcome("failed", phases.given_up)
            again = self._begun_otherwise(outcome, prompt, resumed=agent.resume)
            if again is not None:
                agent = replace(agent, resume=not agent.resume)
                turn = Turn(agent, guard, self.record, spent=spent, max_minutes=minutes, steps=phases)
                outcome = asyncio.run(_until_told(turn, again))
            end_ours(mark=RUNNER_MARK)  # a killed client leaves its bridges, an agent what it began in the background
            if outcome.kind != "finished":
                self._completed()
            return outcome

    def _completed(self) -> Spent:
        """Complete the transcript by what the client kept, and return what was spent until now."""
        from workbench.sessions import recovering
        from workbench.sessions.runner import Spent

        recovering.recover(self.record.engine, self.fix.id, now=self.record.clock())
        fix = self.record.load()
        return Spent(fix.cost_usd, fix.tokens, fix.turns, is_estimated=fix.is_cost_estimated)

    def _begun_otherwise(self, outcome: Outcome, prompt: str, *, resumed: bool) -> str | None:
        """Return the prompt to begin with in the other way, where what we know of the conversation is not what is.

        A runner or a client that was killed between two lines leaves one of them behind the other.
        """
        from workbench.sessions import brief

        if outcome.kind != "failed":
            return None
        if not resumed and _ID_TAKEN in outcome.reason:
            self.record.option(conversation=True)
            return prompt
        if resumed and _NO_CONVERSATION in outcome.reason:
            self.record.option(conversation=False)
            self.record.entry("notice", text="The client has lost its conversation, which begins anew with the brief.")
            whole = str(self.fix.options["brief"])
            return whole if prompt == brief.CONTINUE or prompt.startswith(whole) else f"{whole}\n\n{prompt}"
        return None

    def _box(self, tests: Sequence[str]) -> Box:
        from workbench.fixing.offering import FILE
        from workbench.sessions import sandbox

        return sandbox.box(
            self.place.path,
            event_file=self.folder / "event.json",
            given=[self.folder / FILE],
            homes=[Path(home) for home in self.fix.options["homes"]],
            checkout=self.repository.root,
            git_dir=self.repository.common_dir,
            state_dir=self.config.state_dir,
            database_url=self.record.engine.url.render_as_string(hide_password=False),
            tests=tests,
        )

    def _rehearsal(self, stack: ExitStack, tests: Sequence[str]) -> dict[str, str]:
        """Start the rehearsal model if one is to answer, and return what the agent's environment needs."""
        from workbench.sessions import environment

        if self.fix.rehearsal is None:
            return {}
        from workbench.sessions import scenario
        from workbench.sessions.rehearsal import RehearsalModel

        played = scenario.load(self.fix.options["scenario"])
        python = next((word for word in tests if not environment.ASSIGNMENT.match(word)), sys.executable)
        model = stack.enter_context(RehearsalModel(played, self.event, worktree=str(self.place.path), python=python))
        return model.environ

    def _proposed(self, said: str) -> bool:
        """Bring the bug to review where the agent proposes that it is none, and return whether it does."""
        from workbench.fixing.phases import not_a_bug

        reasons = not_a_bug(said)
        if not reasons:
            return False
        self.record.update(not_a_bug=reasons)
        told = f"the agent proposes: not a bug. {' '.join(reasons.split())}"[:500]
        self.record.end("done", told, to="review", reason=told)
        return True

    def _freeze(self, said: str) -> bool:
        """Record what the agent has left as a commit, and return whether it changed anything."""
        from workbench.sessions import sandbox

        sandbox.clear_placeholders(self.place.path, kept=self.repository.files(self.fix.base_commit))
        rounds = int(self.fix.options.get("rounds", 0)) + 1
        ref = f"refs/workbench/{self.fix.id}/result-{rounds}"
        commit = self.repository.freeze(self.place.path, ref, f"B-{self.number:03d}: result of session {self.fix.id}")
        if not self.repository.changes(self.fix.base_commit, commit):
            from workbench.sessions.brief import visible

            reason = f"the agent changed nothing: {visible(' '.join(said.split()), 300)}"
            self.record.end("done", reason, to="open", reason=reason)
            return False
        self.record.update(result_commit=commit, phase="evidence")
        self.record.option(phase="evidence", rounds=rounds)
        return True

    def _evidence(self) -> None:
        from workbench import evidence
        from workbench.errors import WorkbenchError
        from workbench.fixing.phases import with_flags
        from workbench.reproducing import replay

        fix = self.record.load()
        assert fix.result_commit is not None
        base, result = fix.base_commit, fix.result_commit
        request = evidence.EvidenceRequest(
            repository=Path(fix.repository),
            base=base,
            result=result,
            fault=evidence.RecordedFault.of(self.event) if self.event else None,
            command=self.config["tests.command"],
            timeout=self.config["tests.timeout"],
            workdir=self.config.state_dir / "evidence" / fix.id,
            cache=self.config.state_dir / "evidence-cache",
            network=self.config["tests.network"],
            at_once=self.config["tests.at_once"],
            personal=evidence.personal_values(self.event) if self.event else (),
        )
        try:
            again = replay(self.repository, self.number, self.event, base=base, result=result)
            request = replace(request, replay=again)
            report = with_flags(evidence.collect(request, progress=self._progress, tick=self._ticked), self._flags(fix))
            number = evidence.save(self.record.engine, self.number, fix.id, report)
        except WorkbenchError as error:
            self._ended("failed", f"no evidence could be made: {error}")
            return
        told = f"{report.verdict}: {report.reason}"
        self.record.entry("evidence", text=told, evidence=number, verdict=report.verdict, reason=report.reason)
        self.record.end("done", told, to="review", reason=f"evidence {number}: {told}")

    def _flags(self, fix: FixSession) -> list[Flag]:
        """Return what a person has to look at that no run of tests can show."""
        from workbench.fixing import alarm
        from workbench.fixing.phases import Locked

        assert fix.result_commit is not None
        locked = Locked(fix.options.get("locked_at", ""), tuple(fix.options.get("locked", ())))
        return [*locked.flags(self.repository, fix.result_commit), *alarm.flags(fix.alarm)]

    def _ticked(self, text: str) -> None:
        self.record.update(state="working", activity=text)

    def _progress(self, text: str) -> None:
        from workbench import evidence

        if text.partition(":")[0] not in get_args(evidence.Verdict):  # the verdict has an entry of its own
            self.record.entry("notice", text=text)
        self.record.update(state="working", activity=text)

    def _ended(self, kind: str, reason: str) -> int:
        """End a session that has no result, keeping what is in its worktree."""
        from workbench.sessions import worktrees

        if self.fix.worktree:
            worktrees.keep(self.repository, self.place, f"refs/workbench/{self.fix.id}/work", f"kept: {kind}")
        self.record.entry("notice", text=f"{kind}: {reason}")
        # An interrupted session is to be resumed, so its bug stays in fixing.
        self.record.end(kind, reason, to="open" if kind == "failed" else None, reason=f"the session failed: {reason}")
        return 1 if kind == "failed" else 0


def _own_tests(tests: Sequence[str]) -> str:
    return f"This worktree has an environment of its own: run the tests with {shlex.join(tests)}"


async def _until_told(turn: object, prompt: str) -> Outcome:
    from workbench.sessions.runner import Turn

    assert isinstance(turn, Turn)
    loop = asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, turn.stop, f"the runner got {signal.Signals(number).name}")
    return await turn.run(prompt)


@contextmanager
def _told_by_signal(record: Record) -> Iterator[None]:
    """Raise `_Told` in the block when a signal or a person says so."""
    over = threading.Event()

    def told(number: int, _frame: object) -> None:
        raise _Told(asked[0] if asked else f"the runner got {signal.Signals(number).name}")

    asked: list[str] = []

    def watch() -> None:
        while not over.wait(0.5):
            for request in record.asked():
                record.settle(request.id)
                if request.kind == "interrupt":
                    asked.append(f"by {request.by}")
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            record.update(heartbeat_at=record.clock())

    before = {number: signal.signal(number, told) for number in STOPS}
    watcher = threading.Thread(target=watch, name="requests", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        with suppress(RuntimeError):
            watcher.join(5)
