"""The status line of a screen: what is said there, and when it goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from workbench.tui.bars import Bar
from workbench.tui.failures import told
from workbench.tui.lines import Ink, Line, cut, line, paragraphs
from workbench.tui.loading import LoadingScreen

STATUS_LINES = 4
SAID_FOR = timedelta(seconds=8)  # long enough to read two lines; what is said of a moment must not outlive it
SEEN_AFTER = timedelta(seconds=1)  # a key that was on its way when something was said does not take it away

# How long something stands: for a moment, until the next key, or until something else is said.
Stands = Literal["moment", "next key", "on"]


class TellingScreen(LoadingScreen):
    """Says one thing at a time in the bar `#status`.

    What is said of a moment goes with the next key, whatever that does, or by itself after a while. What went wrong
    stays until the next key, so that who looks elsewhere finds it. What tells of a state (a reading that fails, words
    that are looked for, an agent that waits) stays until it is no longer so, or an action says something else.
    """

    def __init__(self) -> None:
        super().__init__()
        self._read_failed = False  # and the status line says so
        self._said_at: datetime | None = None  # what is to leave the status line
        self._stands: Stands = "on"

    def key(self, action: str) -> str:
        """Return the key of an action as it is shown here."""
        raise NotImplementedError

    def say(self, text: str, ink: Ink = "muted", *, cure: str = "", stays: bool = False) -> None:
        """Show one thing in the status line, with what to do next where there is something.

        It leaves with the next key or after a while, unless it `stays` until something else is said.
        """
        self._read_failed = False
        self._stands, self._said_at = "on" if stays or not text else "moment", self.workbench.clock()
        width = max(self.size.width - 2, 20)
        told: list[Line] = paragraphs([text], width, ink=ink)
        way_out = paragraphs([cure], width, ink="muted")[: STATUS_LINES - 1] if cure else []
        room = STATUS_LINES - len(way_out)  # a long message gives way to what can be done about it
        if len(told) > room:
            told[room - 1 :] = [cut(line((told[room - 1].text + " …", ink)), width)]
        self.query_one("#status", Bar).show(*told, *way_out)

    def fail(self, error: BaseException, *, until_read: bool = False) -> None:
        """Show what went wrong and the cure, until the next key; or until a reading works again."""
        message, cure = told(error, self.key)
        self.refuse(message, cure=cure)
        if until_read:
            self._read_failed, self._stands = True, "on"

    def refuse(self, message: str, *, cure: str = "") -> None:
        """Show why something was not done and what to do about it, until the next key."""
        self.say(f"✗ {message}", "bad", cure=cure)
        self._stands = "next key"

    def works_again(self) -> None:
        """Take from the status line that something could not be read."""
        if self._read_failed:
            self.say("")

    def hush(self) -> None:
        """Take from the status line what was said of a moment a while ago."""
        if self._stands == "moment":
            self._take_after(SAID_FOR)

    def key_pressed(self) -> None:
        """Take from the status line what was said before the key, unless it was said just now."""
        if self._stands != "on":
            self._take_after(SEEN_AFTER)

    def _take_after(self, so_long: timedelta) -> None:
        if self._said_at is not None and self.workbench.clock() - self._said_at >= so_long:
            self.say("")
