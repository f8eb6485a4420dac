"""What is typed, handed out one at a time: over a slow line keys come several at once, or ahead of the screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from textual.app import App
from textual.events import Key, Paste
from textual.message_pump import MessagePump

# The first goes behind the key through the queues of all that may take it, the second behind what these posted.
ROUNDS = 2


class TypingOrder:
    """Holds a key or a pasted text back until the one before was done with.

    Textual sends each on to the widget that has the focus as soon as it arrives, though the one before may be about to
    move the focus or to open a box. What was typed together would be torn apart between the two.
    """

    def __init__(self, app: App[Any], send: Callable[[Key | Paste], Awaitable[None]]) -> None:
        """`send` does what Textual does with the event that is next."""
        self._app, self._send = app, send
        self._waiting: deque[Key | Paste] = deque()
        self._is_held = True

    async def take(self, event: Key | Paste) -> None:
        """Send it, or keep it for its turn."""
        self._waiting.append(event)
        if not self._is_held:
            await self.release()

    async def release(self) -> None:
        """Send what is next; at first all is kept until this is called."""
        self._is_held = bool(self._waiting)
        if self._waiting:
            event = self._waiting.popleft()
            target = self._app.focused or self._app.screen
            await self._send(event)
            self._follow([node for node in target.ancestors_with_self if node is not self._app], ROUNDS)

    def _follow(self, path: list[MessagePump], rounds: int) -> None:
        # A screen that was pushed has the focus in its first box once it has read its own messages.
        self._step(iter([*path, self._app.screen] if rounds == 1 else path), path, rounds)

    def _step(self, ahead: Iterator[MessagePump], path: list[MessagePump], rounds: int) -> None:
        for node in ahead:
            if node.call_later(self._step, ahead, path, rounds):  # not taken where it was closed meanwhile
                return
        if rounds > 1:
            self._app.call_later(self._follow, path, rounds - 1)
        else:
            self._app.call_later(self.release)
