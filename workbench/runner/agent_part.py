"""The agent's part of a session: its prompt, its guard and its phases, until it has ended or was told to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from workbench.contained import RUNNER_MARK
from workbench.fixing import left_as_is, offering, preparing
from workbench.fixing.agent_options import compose, interpreter, own_tests
from workbench.fixing.phases import Phases
from workbench.runner.known import Known
from workbench.runner.stopping import Told, told_by_signal, until_told
from workbench.sessions import brief, environment, recovering, sandbox, scenario
from workbench.sessions.agent import Agent
from workbench.sessions.client_store import ClientStore
from workbench.sessions.guard import Guard
from workbench.sessions.opening import Opening
from workbench.sessions.options import AgentOptions
from workbench.sessions.process import end_ours
from workbench.sessions.rehearsal import RehearsalModel
from workbench.sessions.spending import Spent
from workbench.sessions.turn import Outcome, Turn

# What Claude Code says of a session id that has a conversation, and of one that has none.
_ID_TAKEN, _NO_CONVERSATION = "already in use", "No conversation found"


class AgentPart:
    """One run of an agent in its session."""

    def __init__(self, known: Known, opening: Opening) -> None:
        self._known = known
        self._opening = opening
        self._record = known.record

    def play(self) -> Outcome:
        """Let the agent work, and return how that ended."""
        known, options = self._known, self._known.fix.options
        try:
            with told_by_signal(self._record):
                offered = self._offered()
        except Told as told:
            return Outcome("interrupted", str(told))
        own = self._own_python()
        tests = environment.test_command(
            known.config["tests.command"], os.environ, known.place.path if own else known.config.repo
        )
        phases = Phases(known.config, self._record, known.repository, known.place.path, known.event)
        given = [known.folder / offering.FILE]
        guard = Guard(known.place.path, known.folder / "event.json", tests, given=given, phase=phases.why_not_write)
        beside = [own_tests(tests)] if own and not options.get("conversation") else []
        theirs = phases.leave_as_is() if options.get("conversation") or left_as_is.is_left(options) else ""
        if theirs:
            self._record.entry("notice", text=f"Told to the agent as well: {theirs}")
        prompt = "\n\n".join([options["prompt"], *beside, *(told for told in (offered, theirs) if told)])
        with ExitStack() as stack:
            agent, begun = self._agent(stack, tests, own)
            home = recovering.client_home(os.environ | dict(agent.environ))
            self._record.option(client_home=str(home))
            if agent.resume and recovering.restore(self._record.engine, known.fix.id, home):
                self._record.entry("notice", text="The client had lost its conversation, which was kept here.")
            # What an agent that is at work already has said is for its turn to hear, and not in its file to be found.
            spent = self._completed() if begun is None else Spent()
            minutes, store = options.get("max_minutes"), ClientStore(self._record.engine)
            turn = Turn(
                agent, guard, self._record, spent=spent, max_minutes=minutes, steps=phases, store=store, agent=begun
            )
            outcome = until_told(self._opening.loop, turn, prompt)
            if phases.given_up:
                outcome = Outcome("failed", phases.given_up)
            elif (again := self._begun_otherwise(outcome, prompt, resumed=agent.resume)) is not None:
                spent = self._completed()
                agent = replace(agent, resume=not agent.resume)
                turn = Turn(agent, guard, self._record, spent=spent, max_minutes=minutes, steps=phases, store=store)
                outcome = until_told(self._opening.loop, turn, again)
            end_ours(mark=RUNNER_MARK)  # a killed client leaves its bridges, an agent what it began in the background
            sandbox.clear_sockets()
            if outcome.kind != "finished":
                self._completed()
            return outcome

    def _agent(self, stack: ExitStack, tests: Sequence[str], own: str) -> tuple[AgentOptions, Agent | None]:
        """Return how the agent is started, and the agent itself where it was already."""
        known = self._known
        begun, model = self._opening.take()
        if model is not None:
            stack.push(model)
            model.tell(known.event)
        if begun is not None:
            return begun.options, begun
        environ = environment.in_front(os.environ, Path(own).parent) if own else {}
        if known.fix.rehearsal is not None:
            played = scenario.load(known.fix.options["scenario"])
            model = RehearsalModel(played, known.event, worktree=str(known.place.path), python=interpreter(tests))
            environ = stack.enter_context(model).environ | environ
        database_url = self._record.engine.url.render_as_string(hide_password=False)
        options = compose(
            known.config,
            known.repository,
            known.fix,
            tests,
            database_url=database_url,
            environ=environ,
            onto=os.environ,
        )
        return options, None

    def _own_python(self) -> str:
        """Return the interpreter of the worktree's own environment, if its setup has made one."""
        python = preparing.python_of(self._known.place.path, self._known.config.folder)
        return str(python) if self._known.fix.options.get("own_python") and python is not None else ""

    def _offered(self) -> str:
        """Write a test for an agent that has heard nothing yet, and return what it is told of that, or nothing."""
        known = self._known
        if known.event is None or not offering.is_wanted(known.config, known.fix):
            return ""
        told = offering.write(
            known.config,
            known.folder,
            known.number,
            known.event,
            base=known.fix.base_commit,
            progress=known.ticked,
        )
        if told:
            self._record.entry("notice", text=f"Told to the agent as well: {told}")
        return told

    def _completed(self) -> Spent:
        """Complete the transcript by what the client kept, and return what was spent until now."""
        recovering.recover(self._record.engine, self._known.fix.id, now=self._record.clock())
        fix = self._record.load()
        return Spent(fix.cost_usd, fix.tokens, fix.turns, is_estimated=fix.is_cost_estimated)

    def _begun_otherwise(self, outcome: Outcome, prompt: str, *, resumed: bool) -> str | None:
        """Return the prompt to begin with in the other way, where what we know of the conversation is not what is.

        A runner or a client that was killed between two lines leaves one of them behind the other.
        """
        if outcome.kind != "failed":
            return None
        if not resumed and _ID_TAKEN in outcome.reason:
            self._record.option(conversation=True)
            return prompt
        if resumed and _NO_CONVERSATION in outcome.reason:
            self._record.option(conversation=False)
            self._record.entry("notice", text="The client has lost its conversation, which begins anew with the brief.")
            whole = str(self._known.fix.options["brief"])
            return whole if prompt == brief.CONTINUE or prompt.startswith(whole) else f"{whole}\n\n{prompt}"
        return None
