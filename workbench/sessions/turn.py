"""One turn of an agent, from the prompt to its end: what it does goes into rows, what people ask comes from rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from workbench.sessions import brief
from workbench.sessions.agent import Agent, AgentFailed
from workbench.sessions.commands import Decision
from workbench.sessions.guard import Guard
from workbench.sessions.options import AgentOptions
from workbench.sessions.record import ALLOW, ALWAYS, Asked, Record
from workbench.sessions.said import Ask, Entry, Reply, Said, Started, TurnEnded, Waiting
from workbench.sessions.spending import Spending, Spent

LOOK_SECONDS = 0.25  # between two looks for what people ask
HEARTBEAT_SECONDS = 5.0
QUIET_SECONDS = 120.0  # without a word, after which the session is shown as quiet
GRACE_SECONDS = 15.0  # for a turn to end after an interrupt


@dataclass(frozen=True)
class Outcome:
    """How a turn ended. `reason` is for people."""

    kind: Literal["finished", "failed", "interrupted"]
    reason: str


class Steps(Protocol):
    """What comes between an agent's turns: whether it may go on, and with which prompt."""

    ask: Callable[[Ask], Awaitable[tuple[bool, str]]] | None

    async def let_through(self) -> str | None:
        """Return why what is refused as too early stays refused, or None where it is allowed from now on."""

    async def after(self, ended: TurnEnded) -> str | None:
        """Return the prompt that follows the end of a turn, or None."""

    async def steer(self, kind: str, text: str, by: str) -> str:
        """Do what a person asks for, and return what the agent is told."""

    def abandon(self) -> None:
        """End what is being judged: the session has to end."""


class Turn:
    """An agent at work on one prompt, on those that follow from it, and on what people ask meanwhile."""

    def __init__(
        self,
        options: AgentOptions,
        guard: Guard,
        record: Record,
        *,
        spent: Spent,
        max_minutes: float | None,
        steps: Steps | None = None,
        store: Any = None,
        agent: Agent | None = None,
    ) -> None:
        """Take an `agent` that was started with these options and the prompt before, or start one.

        `store` is a session store of the SDK.
        """
        self._options = options
        self._store = store
        self._agent = agent
        self._guard = guard
        self._record = record
        self._spending = Spending(spent, max_turns=options.max_turns, max_cost_usd=options.max_cost_usd)
        self._deadline = time.monotonic() + max_minutes * 60 if max_minutes else None
        self._state = "starting"
        self._heard = time.monotonic()
        self._beat = 0.0
        self._stopped: Outcome | None = None
        self._questions = 0
        self._steps = steps
        if steps is not None:
            steps.ask = self._ask

    def stop(self, reason: str) -> None:
        """End the turn: the runner was told to go."""
        self._stopped = self._stopped or Outcome("interrupted", reason)

    async def run(self, prompt: str) -> Outcome:
        """Work on `prompt` and return how it ended."""
        try:
            begun = self._agent or Agent(self._options, mirrored=self._store is not None)
            begun.attend(decide=self._decide, ask=self._ask, store=self._store)
            async with begun as agent:
                if self._agent is None:
                    await agent.prompt(prompt)
                outcome = await self._until_end(agent)
            return self._stopped or outcome  # told to go while the client was ending
        except AgentFailed as error:
            return self._stopped or Outcome("failed", f"Claude Code ended: {error}")

    async def _until_end(self, agent: Agent) -> Outcome:
        listening = asyncio.create_task(self._listen(agent))
        watching = asyncio.create_task(self._watch(agent))
        try:
            await asyncio.wait({listening, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                # The turn's own end after the interrupt, or what a client had said before nothing reached it any more.
                await asyncio.wait({listening}, timeout=GRACE_SECONDS)
            if watching.done() and (error := watching.exception()):
                raise error
            ended = listening.result() if listening.done() else None
        finally:
            for task in (listening, watching):
                task.cancel()
            await asyncio.gather(listening, watching, return_exceptions=True)
        return self._stopped or ended or Outcome("failed", "the agent did not end its turn")

    async def _listen(self, agent: Agent) -> Outcome:
        async for said in agent.said():
            self._heard = time.monotonic()
            if isinstance(said, TurnEnded):
                await self._count(said)
                if self._stopped is None and said.ok and (await self._say_what_waits(agent) or said.more):
                    continue
                if said.interrupted:
                    return Outcome("interrupted", "interrupted")
                if self._stopped is None and said.ok and await self._go_on(agent, said):
                    continue
                return Outcome("finished" if said.ok else "failed", said.reason)
            await self._note(said)
        raise AgentFailed("it ended without a result")

    async def _go_on(self, agent: Agent, ended: TurnEnded) -> bool:
        """Give the agent the prompt that follows from the end of its turn, if there is one."""
        prompt = await self._steps.after(ended) if self._steps is not None else None
        if prompt is None or self._stopped is not None:
            return False
        if cap := self._spending.cap_reached():
            self._stopped = Outcome("failed", cap)
            return False
        await self._prompt(agent, prompt, by="workbench")
        return True

    async def _decide(self, tool: str, given: Mapping[str, Any], cwd: str | None) -> Decision:
        decision = self._guard.decide(tool, given, cwd)
        if not decision.early or self._steps is None:
            return decision
        why = await self._steps.let_through()
        self._heard = time.monotonic()
        return replace(decision, reason=why) if why else self._guard.decide(tool, given, cwd)

    async def _prompt(self, agent: Agent, text: str, *, by: str) -> None:
        await asyncio.to_thread(self._record.entry, "prompt", text=text, by=by)
        await agent.prompt(text)

    async def _note(self, said: Said) -> None:
        match said:
            case Started():
                await asyncio.to_thread(self._record.option, conversation=True)
                await asyncio.to_thread(self._record.update, model=said.model)
                await self._show("working", "at work")
            case Entry():
                counted = self._counted(said.reply) if said.reply else {}
                shown = {}
                if said.kind in ("text", "tool_use"):
                    shown = self._shown("working", brief.visible(" ".join(str(said.body["text"]).split()), 160))
                await asyncio.to_thread(self._record.heard, said.kind, said.row, **counted, **shown)
            case Reply():
                counted = self._counted(said)
                await asyncio.to_thread(self._record.update, **counted)
            case Waiting():
                await self._show("waiting", said.why)

    def _counted(self, reply: Reply) -> dict[str, Any]:
        counted = self._spending.replied(reply)
        if self._spending.turns_left() < 0:
            self._stopped = self._stopped or Outcome("failed", self._spending.cap_reached())
        return counted

    async def _count(self, ended: TurnEnded) -> None:
        told = {"text": ended.reason, "ok": ended.ok, "cost_usd": ended.cost_usd}
        told |= {"turns": ended.turns, "interrupted": ended.interrupted}
        await asyncio.to_thread(self._record.heard, "result", told, **self._spending.billed(ended.cost_usd))

    async def _say_what_waits(self, agent: Agent) -> bool:
        """Hand over messages that nobody has taken in yet, and return whether there was one."""
        said = False
        for asked in await asyncio.to_thread(self._record.asked):
            if asked.kind == "message":
                await self._hand_over(agent, asked.id, asked.text, asked.by)
                said = True
        return said

    async def _hand_over(self, agent: Agent, request_id: int, text: str, by: str) -> None:
        if await asyncio.to_thread(self._record.settle, request_id):
            await asyncio.to_thread(self._record.entry, "prompt", text=text, by=by)
            await agent.prompt(brief.visible(text))

    async def _watch(self, agent: Agent) -> None:
        """Look for what people ask until the turn has to end, and then interrupt it."""
        while self._stopped is None:
            await asyncio.sleep(LOOK_SECONDS)
            for asked in await asyncio.to_thread(self._record.asked):
                if asked.kind == "interrupt":
                    await asyncio.to_thread(self._record.settle, asked.id)
                    self.stop(f"interrupted by {asked.by}")
                elif asked.kind != "message":
                    await self._steer(agent, asked)
                elif self._state != "starting":
                    await self._hand_over(agent, asked.id, asked.text, asked.by)
            await self._look_at_the_clock()
        if self._steps is not None:
            await asyncio.to_thread(self._steps.abandon)
        await agent.interrupt()

    async def _steer(self, agent: Agent, asked: Asked) -> None:
        if await asyncio.to_thread(self._record.settle, asked.id) and self._steps is not None:
            await self._prompt(agent, await self._steps.steer(asked.kind, asked.text, asked.by), by=asked.by)

    async def _look_at_the_clock(self) -> None:
        clock = time.monotonic()
        if self._deadline is not None and clock > self._deadline:
            self._stopped = self._stopped or Outcome("failed", "the cap on time is reached")
        if self._state == "working" and clock - self._heard > QUIET_SECONDS:
            await self._show("quiet", f"nothing heard for {QUIET_SECONDS / 60:.0f} minutes")
        if clock - self._beat > HEARTBEAT_SECONDS:
            self._beat = clock
            at = self._record.clock()
            await asyncio.to_thread(self._record.update, heartbeat_at=at)

    async def _ask(self, ask: Ask) -> tuple[bool, str]:
        """Put a question to people and wait for the answer, however long it takes."""
        if not ask.shared and await asyncio.to_thread(self._record.is_always_allowed, ask.tool, ask.given):
            told = f"{ask.tool}: allowed, as for the whole of this session."
            await asyncio.to_thread(self._record.entry, "notice", text=told)
            return True, ""
        asked_at = time.monotonic()
        request = await asyncio.to_thread(self._record.ask, ask.as_dict())
        self._questions += 1
        await self._show("needs_input", brief.visible(" ".join(ask.title.split()), 160))
        try:
            while (answer := await asyncio.to_thread(self._record.answer, request)) is None:
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._questions -= 1
            self._heard = time.monotonic()
            if self._deadline is not None:
                self._deadline += self._heard - asked_at  # a person's time is not the agent's
        verdict, note = answer
        allowed = verdict in (ALLOW, ALWAYS)
        await asyncio.to_thread(
            self._record.entry, "notice", text=f"{ask.tool}: {'allowed' if allowed else 'refused'}. {note}"
        )
        if not self._questions:
            await self._show("working", "at work")
        return allowed, note

    async def _show(self, state: str, activity: str) -> None:
        await asyncio.to_thread(self._record.update, **self._shown(state, activity))

    def _shown(self, state: str, activity: str) -> dict[str, Any]:
        # A question stays on screen until it is answered, whatever else the agent says meanwhile.
        self._state = "needs_input" if self._questions else state
        return {"state": self._state} | ({} if self._questions and state != "needs_input" else {"activity": activity})
