"""How acts on bugs are begun on a screen, told of, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.text import plain
from workbench.tui.place import PlaceScreen
from workbench.tui.words import bugs_named
from workbench.tui.writing import Act

if TYPE_CHECKING:
    from workbench.bugs.acts import Done

TOAST_SECONDS = 6.0


class Acting(PlaceScreen):
    """Begins acts; what comes of them is the app's to tell, since the screen may be left by then."""

    def acted(self) -> None:
        """Let go of the marks, once their bugs were acted on."""

    def deleted(self) -> None:
        """Leave a page whose bug is gone."""

    def act(self, kind: str, numbers: Sequence[int] | int, *given: Any, **words: Any) -> None:
        """Do an act in its turn and tell what came of it."""
        self.workbench.writing.begin(self._act(kind, numbers, *given, **words))

    def act_or_ask(
        self,
        kind: str,
        numbers: Sequence[int],
        *given: Any,
        refused: Callable[[BaseException], None],
        **words: Any,
    ) -> None:
        """Do an act in its turn; where it is refused and nothing else was opened meanwhile, ask again by `refused`."""
        from workbench.errors import NotFound, Refused

        def failed(error: BaseException) -> str:
            if isinstance(error, NotFound | Refused) and self.app.screen is self:
                refused(error)
            return ""

        self.workbench.writing.begin(self._act(kind, numbers, *given, **words)._replace(failed=failed))

    def _act(self, kind: str, numbers: Sequence[int] | int, *given: Any, **words: Any) -> Act:
        desk = self.workbench.desk
        bugs = bugs_named([numbers] if isinstance(numbers, int) else numbers)
        named = f"{kind.replace('_', ' ')} of {bugs}"
        return Act(named, lambda: desk.act(kind, numbers, *given, **words), self._done)

    def _done(self, done: Done) -> None:
        if done.acts:
            self.workbench.undoable.append(done.acts)
        further = "".join(f"\n{plain(each, 400)}" for each in done.further.splitlines()[:1])
        undoes = f"\n{self.key('undo')} undoes it." if done.acts else ""
        self.app.notify(plain(done.text, 400) + further + undoes, markup=False, timeout=TOAST_SECONDS)
        if self in self.app.screen_stack:
            self.acted()

    def write_note(self, numbers: tuple[int, ...], offered: str, text: str) -> None:
        """Keep a note, begun with a draft that was `offered`; where that fails, its text is offered again."""
        writing = self.workbench.writing
        writing.replace_draft(numbers, offered, "")
        if not text.strip():
            return

        def failed(_error: BaseException) -> str:
            writing.keep_draft(numbers, text)
            return f"{self.key('note')} offers its text again."

        writing.begin(self._act("note", numbers, text)._replace(failed=failed, text=text))

    def leave_note(self, numbers: tuple[int, ...], offered: str, text: str) -> None:
        """Keep what was typed and left as a draft, until this run of the workbench ends."""
        if text == offered:
            return
        self.workbench.writing.replace_draft(numbers, offered, text)
        if text.strip():
            self.say(f"What you typed is not noted; {self.key('note')} offers it again until you quit.")
        else:
            self.say("The draft of the note is dropped.")

    def delete(self, number: int, typed: str) -> None:
        """Delete a bug, and leave its page where that is still in front."""

        def gone(done: Done) -> None:
            self._done(done)
            if self.app.screen is self:
                self.deleted()

        self.workbench.writing.begin(self._act("delete", number, typed=typed)._replace(then=gone))

    def do_undo(self) -> None:
        """Take back the last act of this session."""
        self.undo(self._done)

    def undo(self, then: Callable[[Done], None]) -> None:
        """Take the last act back, then do `then`; which one it is turns out when those before it are written."""
        undoable, desk = self.workbench.undoable, self.workbench.desk
        chosen: list[tuple[int, ...]] = []

        def take_back() -> Done:
            from workbench.errors import Refused

            if not undoable:
                raise Refused("Nothing was done in this session that can be undone.")
            chosen.append(undoable[-1])
            return desk.undo(chosen[0])

        def undone(done: Done) -> None:
            undoable.remove(chosen[0])
            self.app.clear_notifications()  # one of them still says that the key undoes it
            then(done)

        def failed(error: BaseException) -> str:
            if chosen:
                self._forget_refused(chosen[0], error)
            return ""

        self.workbench.writing.begin(Act("undo", take_back, undone, failed))

    def _forget_refused(self, acts: tuple[int, ...], error: BaseException) -> None:
        # What was changed since will not be undone by trying again; the act before it may be.
        from workbench.errors import Refused

        if isinstance(error, Refused):
            self.workbench.undoable.remove(acts)

    def ask(self, screen: Any, then: Callable[[Any], None]) -> None:
        """Show a question; `then` gets the answer, unless it was left."""
        self.app.push_screen(screen, lambda answer: then(answer) if answer is not None else None)
