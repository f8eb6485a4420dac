"""What a person does to a fix session, on its own screen as on that of all sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual.widget import Widget
from textual.widgets import Input

from workbench.text import plain
from workbench.tui.place import PlaceScreen
from workbench.tui.writing import TEXT_SHOWN

if TYPE_CHECKING:
    from workbench.bugs.rows import ApprovalRow, SessionRow

MESSAGE = "message to the agent; enter sends it, esc doesn't"
ANSWER = "answer to the agent"


class Words(NamedTuple):
    """What words are typed for, as it is named in messages; how they are asked for, and sent, and what is said then."""

    named: str
    asks: str
    send: Callable[[str], object]
    said: str = "Sent."
    may_be_none: bool = False


class Steering(PlaceScreen):
    """Acts on `steered`, the session that is shown or selected, and on the first of its `questions`."""

    def __init__(self) -> None:
        super().__init__()
        self._words: Words | None = None  # that are typed

    @property
    def steered(self) -> SessionRow | None:
        """The session that the keys act on."""
        raise NotImplementedError

    @property
    def questions(self) -> Sequence[ApprovalRow]:
        """What it asks for, the oldest first."""
        raise NotImplementedError

    @property
    def _session_at_hand(self) -> SessionRow:
        assert self.steered is not None, "the table of actions offers nothing without a session"
        return self.steered

    def do_allow(self) -> None:
        """Allow what the agent asks for."""
        self._answer(allow=True)

    def do_always(self) -> None:
        """Allow exactly what the agent asks for, now and whenever it asks for that again."""
        self._answer(allow=True, always=True)

    def do_deny(self) -> None:
        """Deny what the agent asks for, once a word to it has been typed or left out."""
        asked = self.questions[0]
        answer = self.workbench.desk.sessions.answer
        self._open_box(
            Words(
                ANSWER,
                "no, because …; enter alone says no without a word, esc leaves it open",
                lambda text: answer(asked.id, allow=False, note=text),
                said=_answered("Denied", asked),
                may_be_none=True,
            )
        )

    def _answer(self, *, allow: bool, always: bool = False) -> None:
        asked = self.questions[0]
        word = "Allowed for this session" if always else "Allowed"
        answer, said = self.workbench.desk.sessions.answer, _answered(word, asked)
        self.write(ANSWER, lambda: answer(asked.id, allow=allow, always=always), lambda _: said)

    def do_interrupt(self) -> None:
        """Ask the session to stop; it can be resumed."""
        session_id, interrupt = self._session_at_hand.id, self.workbench.desk.sessions.interrupt
        said = f"Asked the session to stop; {self.key('resume')} resumes it afterwards."
        self.write("interrupt of the session", lambda: interrupt(session_id), lambda _: said)

    def do_resume(self) -> None:
        """Let the session go on where it was."""
        session_id, resume = self._session_at_hand.id, self.workbench.desk.sessions.resume
        self.write("resuming of the session", lambda: resume(session_id), lambda _: "The session goes on.")

    # --- words to the agent ------------------------------------------------------------------------------------

    def message_box(self) -> Widget:
        """Return the box that words are typed into; it shows once it is opened."""
        box = Input(placeholder=MESSAGE, id="say")
        box.cursor_blink = False
        return box

    def do_send_back(self) -> None:
        """Let the word be typed that sends the agent back to its test."""
        session_id, send_back = self._session_at_hand.id, self.workbench.desk.sessions.send_back
        asks = "what is wrong with the test; enter sends the agent back to it"
        self._open_box(Words("word to the agent", asks, lambda text: send_back(session_id, text)))

    def do_message(self) -> None:
        """Let a message be typed."""
        session_id, say = self._session_at_hand.id, self.workbench.desk.sessions.say
        self._open_box(Words("message to the agent", MESSAGE, lambda text: say(session_id, text)))

    def _open_box(self, words: Words, text: str = "") -> None:
        """Let words be typed."""
        self._words = words
        box = self._box
        box.placeholder, box.value = words.asks, text
        box.add_class("-shown")
        self.set_focus(box)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send the words; where some are needed and there are none, the box stays."""
        words, text = self._words, event.value.strip()
        if words is not None and not text and not words.may_be_none:
            self.say(f"Nothing is written yet: the {words.named} needs words; {self.key('back')} leaves it.", "warn")
            return
        self._close_box()
        if words is not None:
            self.write(
                words.named,
                lambda: words.send(text),
                lambda _: words.said,
                text=text,
                failed=lambda _error: self._offer_again(words, text),
            )

    def _offer_again(self, words: Words, text: str) -> str:
        """Put words that could not be sent into their box again, or have them told where that cannot be."""
        if not text:
            return ""
        if self.app.screen is not self or self._is_typing:
            return f"What you wrote: {plain(text, TEXT_SHOWN)}"
        self._open_box(words, text)
        return "What you wrote is in the box again."

    @property
    def _box(self) -> Input:
        return self.query_one("#say", Input)

    @property
    def _is_typing(self) -> bool:
        return self._box.has_class("-shown")

    def _close_box(self) -> None:
        box = self._box
        box.value = ""
        box.remove_class("-shown")
        self.set_focus(self.query_one("#main"))

    def do_back(self) -> None:
        """Close the message box, or go back; the session goes on."""
        if self._is_typing:
            self._close_box()
        else:
            super().do_back()


def _answered(word: str, asked: ApprovalRow) -> str:
    return f"{word}: {asked.body.get('tool') or 'the tool'}"
