"""What a person does to a fix session, on its own screen as on that of all sessions."""

from __future__ import annotations

from collections.abc import Sequence
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
        self._addressed = ""  # the session that the words in the box are for
        self._sends_back = False

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

    def do_deny(self) -> None:
        """Deny what the agent asks for."""
        self._answer(allow=False)

    def _answer(self, *, allow: bool) -> None:
        asked = self.questions[0]
        word = "Allowed" if allow else "Denied"

        def answered(_: None) -> None:
            self.say(f"{word}: {asked.body.get('tool') or 'the tool'}")
            self.reload()

        self.load(lambda: self.workbench.desk.answer(asked.id, allow=allow), answered)

    def do_interrupt(self) -> None:
        """Ask the session to stop; it can be resumed."""
        session_id = self._session_at_hand.id
        self.load(
            lambda: self.workbench.desk.interrupt(session_id),
            lambda _: self.say(f"Asked the session to stop; {self.key('resume')} resumes it afterwards."),
        )

    def do_resume(self) -> None:
        """Let the session go on where it was."""
        session_id = self._session_at_hand.id

        def resumed(_: SessionRow) -> None:
            self.say("The session goes on.")
            self.reload()

        self.load(lambda: self.workbench.desk.resume(session_id), resumed)

    # --- words to the agent ------------------------------------------------------------------------------------

    def message_box(self) -> Widget:
        """Return the box that words are typed into; it shows once it is opened."""
        box = Input(placeholder=MESSAGE, id="say")
        box.cursor_blink = False
        return box

    def do_send_back(self) -> None:
        """Let the word be typed that sends the agent back to its test."""
        self._open_box("what is wrong with the test; enter sends the agent back to it", sends_back=True)

    def do_message(self) -> None:
        """Let a message be typed."""
        self._open_box(MESSAGE, sends_back=False)

    def _open_box(self, placeholder: str, *, sends_back: bool) -> None:
        self._addressed, self._sends_back = self._session_at_hand.id, sends_back
        box = self.query_one("#say", Input)
        box.placeholder = placeholder
        box.add_class("-shown")
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send the message."""
        text, session_id = event.value.strip(), self._addressed
        self._close_box()
        desk = self.workbench.desk
        send = desk.send_back if self._sends_back else desk.say
        if text:
            self.load(lambda: send(session_id, text), lambda _: self.say("Sent."))

    def _close_box(self) -> None:
        box = self.query_one("#say", Input)
        box.value = ""
        box.remove_class("-shown")
        self.query_one("#main").focus()

    def do_back(self) -> None:
        """Close the message box, or go back; the session goes on."""
        if self.query_one("#say", Input).has_class("-shown"):
            self._close_box()
        else:
            super().do_back()
