"""What is typed, handed out one at a time: over a slow line keys come several at once, or ahead of the screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from itertools import takewhile
from time import monotonic
from typing import Any, Literal

from textual.app import App
from textual.events import Key, Paste
from textual.message_pump import MessagePump

PAUSE_SECONDS = 0.3  # longer than between two letters of a sentence
# The first goes behind the key through the queues of all that may take it, the second behind what these posted.
ROUNDS = 2


# What opens: a box that takes what is typed, a page that all keys are for, or something in which a key decides.
Opens = Literal["box", "page", "decision"]
LetGo = Callable[[Opens | None], None]


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
        self._holds: set[object] = set()
        self._pages: set[LetGo] = set()  # that are not there yet
        self._is_kept_waiting = False  # by one of these
        self._is_dropping = False
        self._typed_at = 0.0

    async def take(self, event: Key | Paste) -> None:
        """Send it, or keep it for its turn."""
        if _is(event, "escape"):
            self._leave_pages()
        before, self._typed_at = self._typed_at, monotonic()
        self._is_dropping &= self._typed_at < before + PAUSE_SECONDS and not _is(event, "escape")
        if self._is_dropping:
            return
        self._waiting.append(event)
        if not self._is_held:
            await self.release()

    async def release(self) -> None:
        """Send what is next; at first all is kept until this is called."""
        self._is_kept_waiting = bool(self._holds)
        self._is_held = bool(self._waiting or self._holds)
        if self._waiting and not self._holds:
            event = self._waiting.popleft()
            path = self._path()
            await self._send(event)
            self._follow(path, ROUNDS)

    def hold(self, seconds: float, *, late: Opens | None = None) -> LetGo:
        """Keep what is typed for what is about to open; tell what is returned when it has, or that it has not.

        Nobody decides by what they have not seen: of what was kept a box gets all up to an enter, a page all, and a
        decision nothing. Where nothing opens, all is dropped: it was not meant for what is there instead. What is typed
        on without a pause goes where the key before it went: of an enter that was pressed twice, both are dropped.
        After so many seconds, `late` is what opened.
        """
        hold = object()
        self._holds.add(hold)

        def let_go(opened: Opens | None) -> None:
            if hold not in self._holds:
                return
            self._holds.discard(hold)
            kept, self._waiting = self._waiting, deque()
            if opened == "page":
                self._waiting = kept
            elif opened == "box":
                self._waiting.extend(takewhile(lambda event: not _is(event, "enter"), kept))
            self._is_dropping = len(self._waiting) < len(kept)
            if self._is_kept_waiting and not self._holds:
                self._is_kept_waiting = False
                self._follow(self._path(), ROUNDS)

        self._app.set_timer(seconds, lambda: let_go(late))
        return let_go

    def hold_for_page(self, seconds: float, *, late: Opens | None) -> LetGo:
        """Do the same for a page that is there, without what it has to show: who leaves it does not wait for that."""
        if any(_is(event, "escape") for event in self._waiting):
            return lambda _opened: None
        hold = self.hold(seconds, late=late)

        def let_go(opened: Opens | None) -> None:
            self._pages.discard(let_go)
            hold(opened)

        self._pages.add(let_go)
        return let_go

    def _leave_pages(self) -> None:
        for let_go in list(self._pages):
            let_go(None)

    def _path(self) -> list[MessagePump]:
        """Return all that may take a key now, from the inside outwards."""
        target = self._app.focused or self._app.screen
        return [node for node in target.ancestors_with_self if node is not self._app]

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


def _is(event: Key | Paste, key: str) -> bool:
    return isinstance(event, Key) and event.key == key
