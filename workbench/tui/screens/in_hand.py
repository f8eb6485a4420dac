"""A session in a person's own hands: Claude Code itself, a shell and the editor in its worktree, and its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import SuspendNotSupported
from textual.worker import get_current_worker

from workbench.errors import WorkbenchError
from workbench.tui.document import Document
from workbench.tui.screens.editing import Editing
from workbench.tui.screens.prompts import YesNo
from workbench.tui.screens.steering import Steering

if TYPE_CHECKING:
    from workbench.bugs.rows import SessionRow
    from workbench.fixing import TakenOver

HAND = "hand"  # the group of what must not be dropped for another act
NO_TERMINAL = "This terminal cannot be given to another program."


class InHand(Steering, Editing):
    """Acts on `steered` that leave the screen for a while."""

    SEVERAL: ClassVar = "The session has changed these files"

    def __init__(self) -> None:
        super().__init__()
        self._is_taking_over = False
        self.told_of_end = False  # the status line says how the session came to its end

    def do_take_over(self) -> None:
        """Go on with the session in Claude Code itself, once its agent has ended its turn."""
        session = self._session_at_hand

        def agreed(yes: bool | None) -> None:  # noqa: FBT001 (Textual's way of answers)
            if yes:
                self._take_over(session)

        if self._is_taking_over:
            self.say("It is being taken over already.", "warn")
        elif session.is_live:
            facts = ["Its agent is at work: it is interrupted first, and nothing of its work is lost."]
            self.app.push_screen(YesNo(f"Take session {session.id[:8]} over?", facts), agreed)
        else:
            self._take_over(session)

    def _take_over(self, session: SessionRow) -> None:
        self._is_taking_over = True
        waits = "Waiting for the agent to end its turn …" if session.is_live else "Taking the session over …"
        self.say(waits, stays=True)
        desk = self.workbench.desk

        def take() -> TakenOver:
            taken = desk.sessions.take_over(session.id)
            if get_current_worker().is_cancelled:  # the screen was left meanwhile
                taken.hand_back()
            return taken

        self.load(take, self._play, group=HAND, failed=self._not_taken)

    def _not_taken(self, error: BaseException) -> None:
        self._is_taking_over = False
        self.fail(error)

    def _play(self, taken: TakenOver) -> None:
        """Give the terminal to Claude Code until it is left, and hand the session back whatever came of that."""
        failed: BaseException | None = None
        try:
            with self.app.suspend():
                taken.play()
        except SuspendNotSupported:
            failed = WorkbenchError(NO_TERMINAL)
        except WorkbenchError as error:
            failed = error

        def back(_: SessionRow) -> None:
            self._is_taking_over, self.told_of_end = False, True
            if failed is not None:
                self.fail(failed)
            else:
                self.say(f"The session is handed back; {self.key('resume')} lets its agent go on.")
            self.reload()

        self.load(taken.hand_back, back, group=HAND, failed=self._not_taken)

    def do_shell(self) -> None:
        """Give the terminal to a shell in the worktree."""
        session = self._session_at_hand

        def find() -> Path:
            from workbench.fixing import folder_of

            return folder_of(session)

        self.load(find, self._open_shell, group="edit", opens="decision")

    def _open_shell(self, folder: Path) -> None:
        from workbench.sessions import terminal

        try:
            with self.app.suspend():
                terminal.open_shell(folder, os.environ)
        except SuspendNotSupported:
            self.say(NO_TERMINAL, "warn", cure=f"cd {folder}")
        except WorkbenchError as error:
            self.fail(error)
        else:
            self.say("Back from the shell.")
        self.reload()

    def do_edit(self) -> None:
        """Open the file that the call of a tool under the cursor has changed, or one of all that are changed."""
        session, chosen = self._session_at_hand, self.query_one("#main", Document).chosen
        wanted = chosen.key if chosen is not None else ""
        self.edit_one(lambda: self.workbench.desk.sessions.changed_files(session, wanted))

    def do_end(self) -> None:
        """End every process of the session, once a person agrees."""
        session = self._session_at_hand

        def ended(row: SessionRow) -> None:
            self.told_of_end = True
            self.say(f"Session {row.id[:8]} is over: {row.activity}.")
            self.reload()

        def agreed(yes: bool | None) -> None:  # noqa: FBT001 (Textual's way of answers)
            if yes:
                self.load(lambda: self.workbench.desk.sessions.end(session.id), ended, group=HAND)

        facts = ["Its runner and all that it has started are ended at once. Its work stays, and it can be resumed."]
        self.app.push_screen(YesNo(f"End session {session.id[:8]}?", facts), agreed)
