"""What a person does to a fix session, on its own screen as on that of all sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Input

from workbench.tui.place import PlaceScreen

if TYPE_CHECKING:
    from workbench.bugs.rows import ApprovalRow, SessionRow

MESSAGE = "message to the agent; enter sends it, esc doesn't"


class Steering(PlaceScreen):
    """Acts on `steered`, the session that is shown or selected, and on the first of its `questions`."""

    def __init__(self) -> None:
        super().__init__()
        self._said_then = ""
        self._send: Callable[[str], Callable[[], object] | None] = lambda _: None  # what becomes of the words

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
            "no, because …; enter alone says no without a word, esc leaves it open",
            lambda text: lambda: answer(asked.id, allow=False, note=text),
            said=_answered("Denied", asked),
        )

    def _answer(self, *, allow: bool, always: bool = False) -> None:
        asked = self.questions[0]
        word = "Allowed for this session" if always else "Allowed"

        def answered(_: None) -> None:
            self.say(_answered(word, asked))
            self.reload()

        self.load(lambda: self.workbench.desk.sessions.answer(asked.id, allow=allow, always=always), answered)

    def do_interrupt(self) -> None:
        """Ask the session to stop; it can be resumed."""
        session_id = self._session_at_hand.id
        self.load(
            lambda: self.workbench.desk.sessions.interrupt(session_id),
            lambda _: self.say(f"Asked the session to stop; {self.key('resume')} resumes it afterwards."),
        )

    def do_resume(self) -> None:
        """Let the session go on where it was."""
        session_id = self._session_at_hand.id

        def resumed(_: SessionRow) -> None:
            self.say("The session goes on.")
            self.reload()

        self.load(lambda: self.workbench.desk.sessions.resume(session_id), resumed)

    # --- words to the agent ------------------------------------------------------------------------------------

    def message_box(self) -> Widget:
        """Return the box that words are typed into; it shows once it is opened."""
        box = Input(placeholder=MESSAGE, id="say")
        box.cursor_blink = False
        return box

    def do_send_back(self) -> None:
        """Let the word be typed that sends the agent back to its test."""
        session_id, send_back = self._session_at_hand.id, self.workbench.desk.sessions.send_back
        self._open_box(
            "what is wrong with the test; enter sends the agent back to it",
            lambda text: (lambda: send_back(session_id, text)) if text else None,
        )

    def do_message(self) -> None:
        """Let a message be typed."""
        session_id, say = self._session_at_hand.id, self.workbench.desk.sessions.say
        self._open_box(MESSAGE, lambda text: (lambda: say(session_id, text)) if text else None)

    def _open_box(
        self, placeholder: str, send: Callable[[str], Callable[[], object] | None], *, said: str = "Sent."
    ) -> None:
        """Let words be typed. `send` gives what is to be done with them, or None."""
        self._send, self._said_then = send, said
        box = self.query_one("#say", Input)
        box.placeholder = placeholder
        box.add_class("-shown")
        self.set_focus(box)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send the message."""
        send, said = self._send(event.value.strip()), self._said_then
        self._close_box()

        def sent(_: object) -> None:
            self.say(said)
            self.reload()

        if send is not None:
            self.load(send, sent)

    def _close_box(self) -> None:
        box = self.query_one("#say", Input)
        box.value = ""
        box.remove_class("-shown")
        self.set_focus(self.query_one("#main"))

    def do_back(self) -> None:
        """Close the message box, or go back; the session goes on."""
        if self.query_one("#say", Input).has_class("-shown"):
            self._close_box()
        else:
            super().do_back()


def _answered(word: str, asked: ApprovalRow) -> str:
    return f"{word}: {asked.body.get('tool') or 'the tool'}"
