"""The runner: the process that owns one fix session, from its prompt to its evidence."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from workbench.sessions.environment import MEASURING

if TYPE_CHECKING:
    from capture.event import Event
    from capture.store.tables import FixSession
    from workbench.config import Config
    from workbench.evidence import Flag
    from workbench.git import Repository
    from workbench.sessions.record import Record
    from workbench.sessions.runner import Outcome
    from workbench.sessions.sandbox import Box

_log = logging.getLogger(__name__)

_ID_TAKEN = "already in use"  # what Claude Code says of a session id that has a conversation
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

    order = Order.decode(given)
    engine = open_engine(order.database_url)
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
        from workbench.sessions.worktrees import Place

        self.config = config
        self.record = record
        self.fix: FixSession = record.load()
        self.number = queries.session(record.engine, self.fix.id).bug
        self.event: Event | None = queries.bug_page(record.engine, self.number, now=record.clock()).event
        self.repository: Repository = Repository.open(Path(self.fix.repository))
        self.place = Place(Path(self.fix.worktree), self.fix.branch, self.fix.base_commit)
        self.folder = config.state_dir / "sessions" / self.fix.id

    def run(self) -> int:
        """Do what the session's row says is next: the agent's turn and its evidence, or only the evidence."""
        from workbench.fixing import alarm

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

            end_children(os.getpid())
            self.record.end("interrupted", f"interrupted while the evidence was made: {told}")
        return 0

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
        from workbench.fixing.offering import FILE
        from workbench.fixing.phases import Phases
        from workbench.sessions import environment
        from workbench.sessions.agent import AgentOptions
        from workbench.sessions.brief import RULES
        from workbench.sessions.guard import Guard
        from workbench.sessions.runner import Outcome, Spent, Turn

        try:
            with _told_by_signal(self.record):
                offered = self._offered()
        except _Told as told:
            return Outcome("interrupted", str(told))
        options = self.fix.options
        tests = environment.test_command(self.config["tests.command"], os.environ, self.config.repo)
        phases = Phases(self.config, self.record, self.repository, self.place.path, self.event)
        given = [self.folder / FILE]
        guard = Guard(self.place.path, self.folder / "event.json", tests, given=given, phase=phases.why_not_write)
        prompt = f"{options['prompt']}\n\n{offered}" if offered else options["prompt"]
        cap = options.get("max_cost_usd")
        with ExitStack() as stack:
            environ = self._rehearsal(stack, tests)
            agent = AgentOptions(
                program=Path(options["program"]),
                worktree=self.place.path,
                session_id=self.fix.id,
                rules=RULES,
                resume=bool(options.get("conversation")),
                model=options.get("model", ""),
                max_turns=options.get("max_turns"),
                max_cost_usd=cap - self.fix.cost_usd if cap is not None else None,
                environ=environ,
                own_settings=self.fix.rehearsal is None,
                box=self._box(tests) if self.fix.is_sandboxed else None,
            )
            fix = self.fix
            spent = Spent(fix.cost_usd, fix.tokens, fix.turns, is_estimated=fix.is_cost_estimated)
            minutes = options.get("max_minutes")
            turn = Turn(agent, guard, self.record, spent=spent, max_minutes=minutes, steps=phases)
            outcome = asyncio.run(_until_told(turn, prompt))
            if phases.given_up:
                return Outcome("failed", phases.given_up)
            if not agent.resume and outcome.kind == "failed" and _ID_TAKEN in outcome.reason:
                # An earlier runner was killed after the client had begun and before that was written down.
                self.record.option(conversation=True)
                agent = replace(agent, resume=True)
                turn = Turn(agent, guard, self.record, spent=spent, max_minutes=minutes, steps=phases)
                outcome = asyncio.run(_until_told(turn, prompt))
            return outcome

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

        fix = self.record.load()
        assert fix.result_commit is not None
        request = evidence.EvidenceRequest(
            repository=Path(fix.repository),
            base=fix.base_commit,
            result=fix.result_commit,
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

        worktrees.keep(self.repository, self.place, f"refs/workbench/{self.fix.id}/work", f"kept: {kind}")
        self.record.entry("notice", text=f"{kind}: {reason}")
        # An interrupted session is to be resumed, so its bug stays in fixing.
        self.record.end(kind, reason, to="open" if kind == "failed" else None, reason=f"the session failed: {reason}")
        return 1 if kind == "failed" else 0


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
