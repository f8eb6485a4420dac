"""How a runner is told to go: by a signal, or by a row that a person has written."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from workbench.sessions.loop import Loop
from workbench.sessions.record import Record
from workbench.sessions.turn import Outcome, Turn

STOPS = (signal.SIGTERM, signal.SIGINT)


class Told(BaseException):
    """The runner was told to go."""


def until_told(loop: Loop, turn: Turn, prompt: str) -> Outcome:
    """Take the turn, which ends early on a signal."""

    def told(number: int, _frame: object) -> None:
        turn.stop(f"the runner got {signal.Signals(number).name}")

    with _heard(told):
        return loop.run(turn.run(prompt))


@contextmanager
def told_by_signal(record: Record) -> Iterator[None]:
    """Raise `Told` in the block when a signal or a person says so."""
    over = threading.Event()

    def told(number: int, _frame: object) -> None:
        raise Told(asked[0] if asked else f"the runner got {signal.Signals(number).name}")

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

    with _heard(told):
        watcher = threading.Thread(target=watch, name="requests", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
    with suppress(RuntimeError):
        watcher.join(5)


@contextmanager
def _heard(told: Callable[[int, Any], None]) -> Iterator[None]:
    before = {number: signal.signal(number, told) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
