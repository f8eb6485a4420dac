"""The first moments of a runner: it hears its order and starts its agent while the rest of it is being imported.

A client takes as long to start as our own imports do, so that both happen at once. Its tools wait until the runner has
looked at git and attends to it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from workbench.sessions.agent import Agent
from workbench.sessions.loop import Loop
from workbench.sessions.order import First, Order
from workbench.sessions.rehearsal import RehearsalModel
from workbench.sessions.scenario import load


class Opening:
    """What was begun before the session was looked at: its order, its loop, its agent and its rehearsal model."""

    def __init__(self, given: BinaryIO) -> None:
        self.loop = Loop()
        self._given = given
        self._order: Order | None = None
        self._agent: Agent | None = None
        self._model: RehearsalModel | None = None
        self._error: Exception | None = None
        self._listening = threading.Thread(target=self._listen, name="order", daemon=True)
        self._listening.start()

    @property
    def is_waiting(self) -> bool:
        """Whether there is no order yet."""
        return self._listening.is_alive()

    def order(self) -> Order | None:
        """Return the order once it is there; None where whoever started us has changed their mind."""
        self._listening.join()
        if self._error is not None:
            raise self._error
        return self._order

    def take(self) -> tuple[Agent | None, RehearsalModel | None]:
        """Hand over what was started, once: whoever takes it ends it."""
        taken = self._agent, self._model
        self._agent = self._model = None
        return taken

    def close(self) -> None:
        """End what nobody has taken."""
        agent, model = self.take()
        if agent is not None:
            with suppress(Exception):  # it did not even start
                self.loop.run(_ended(agent))
        if model is not None:
            model.__exit__(None, None, None)
        self.loop.close()

    def _listen(self) -> None:
        try:
            text = self._given.read()
            self._order = Order.decode(text) if text else None
            if self._order is not None and self._order.first is not None:
                self._begin(self._order.first)
        except Exception as error:  # noqa: BLE001 - it is raised where the order is asked for
            self._error = error

    def _begin(self, first: First) -> None:
        options = first.agent
        if first.scenario:
            # A client that starts faster than the runner looks at its session has to wait for the event.
            self._model = RehearsalModel(
                load(first.scenario), None, worktree=str(options.worktree), python=first.python, is_event_known=False
            )
            self._model.__enter__()
            options = replace(options, environ={**self._model.environ, **options.environ})
        self._agent = Agent(options, mirrored=True)
        self.loop.run(_begun(self._agent, first.prompt))


async def _begun(agent: Agent, prompt: str) -> None:
    agent.start(prompt)


async def _ended(agent: Agent) -> None:
    async with agent:
        pass
