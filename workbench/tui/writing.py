"""What people do to bugs is written one after the other, whatever becomes of the screen that it was typed on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.text import plain
from workbench.tui import loading
from workbench.tui.failures import told

if TYPE_CHECKING:
    from workbench.errors import DatabaseError
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.place import PlaceScreen

LEAVE_SECONDS = 6.0  # longer than SQLite waits for another process: then it is known whether the act was kept
TEXT_SHOWN = 800
FAILED_SECONDS = 15.0  # that a failure stands: it is read by who looks elsewhere by then


class Act(NamedTuple):
    """An act as it is named in messages, what does it in a thread, and what follows from its result.

    `text` is what a person wrote for it, `failed` says what to do with that, as a sentence of the message.
    """

    named: str
    what: Callable[[], Any]
    then: Callable[[Any], None]
    failed: Callable[[BaseException], str] = lambda _error: ""
    text: str = ""


Lost = tuple[str, BaseException, str]  # an act that failed: its name, why, and the text that was written for it


class Writing:
    """Writes acts in the order of their keys, each once the result of the one before was shown.

    It belongs to the app: a screen that is left takes its threads' results with it, and a later reading drops an
    earlier one, but the thread of an act goes on and its change stands in the store.
    """

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self._acts: deque[Act] = deque()  # the first is being written
        self._drafts: dict[tuple[int, ...], str] = {}
        self._told_on: PlaceScreen | None = None  # where somebody was told that it takes long
        self._lost: list[Lost] = []  # since somebody wanted to leave
        self.is_leaving = False

    @property
    def is_busy(self) -> bool:
        """Say whether something is still to be written."""
        return bool(self._acts)

    @property
    def can_undo(self) -> bool:
        """Say whether there is an act to undo, or will be when its turn comes."""
        return self.is_busy or bool(self._app.undoable)

    def begin(self, act: Act) -> None:
        """Write it in its turn; the app tells what came of it."""
        self._acts.append(act)
        if len(self._acts) == 1:
            self._start()

    def _start(self) -> None:
        act = self._acts[0]
        self._app.set_timer(loading.PATIENCE_SECONDS, lambda: self._say_slow(act))
        # Not a worker: who leaves while a database does not answer would be kept waiting for it.
        threading.Thread(target=self._write, args=(act,), name="workbench-write", daemon=True).start()

    def _write(self, act: Act) -> None:
        result, error = None, None
        try:
            result = act.what()
        except BaseException as failure:  # noqa: BLE001 (told to the person, whatever it is)
            error = failure
        self._app.call_later(self._written, act, result, error)  # safe from any thread

    def _say_slow(self, act: Act) -> None:
        if self._acts and self._acts[0] is act and not self.is_leaving:
            self._told_on = self._app.place
            if self._told_on is not None:
                self._told_on.say(loading.SLOW, stays=True)

    def _written(self, act: Act, result: Any, error: BaseException | None) -> None:
        self._acts.popleft()
        self._app.changes += 1  # as good as certain, and shown before the store is looked at again
        if self._told_on is not None and self._told_on.is_mounted:
            self._told_on.say("")
        self._told_on = None
        if error is None:
            act.then(result)
            if self._app.place is not None:
                self._app.place.reload()
        else:
            self._tell(act, error)
        if self._acts:
            self._start()
        elif self.is_leaving:
            self._leave()

    def _tell(self, act: Act, error: BaseException) -> None:
        """Say what failed, on whatever screen is in front now."""
        from workbench.errors import NotFound, Refused, UsageError

        place = self._app.place
        message, cure = told(error, place.key if place is not None else None)
        cure = " ".join(filter(None, (cure, act.failed(error))))
        if self.is_leaving:
            self._lost.append((act.named, error, act.text))
        if isinstance(error, Refused | UsageError | NotFound) and place is not None:  # at once: it answers the key
            place.refuse(f"{act.named}: {message}", cure=cure)
        else:  # perhaps after seconds, when the next key, which clears the status line, may be typed already
            text = "\n".join(filter(None, (f"✗ {act.named}: {message}", cure)))
            self._app.notify(text, severity="error", markup=False, timeout=FAILED_SECONDS)
        if place is not None:
            place.offer_keys()  # what was refused to be undone is not offered again

    # --- texts that are in no store yet --------------------------------------------------------------------------

    def draft(self, numbers: tuple[int, ...]) -> str:
        """Return the text of a note on these bugs that could not be kept, or that was left."""
        return self._drafts.get(numbers, "")

    def keep_draft(self, numbers: tuple[int, ...], text: str) -> None:
        """Keep a text until its note is written anew, beside another that is kept already."""
        self._drafts[numbers] = "\n\n".join(filter(None, (self.draft(numbers), text)))

    def replace_draft(self, numbers: tuple[int, ...], offered: str, text: str) -> None:
        """Keep a text instead of the draft that was offered; an empty one where it is on its way to the store.

        What could not be kept while it was typed stays.
        """
        since = self._drafts.pop(numbers, "").removeprefix(offered).lstrip("\n")
        for each in (text, since):
            if each.strip():
                self.keep_draft(numbers, each)

    # --- leaving -------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Leave the workbench; where something is still to be written, as soon as it is, or was given up."""
        if self.is_leaving:
            return
        if not self._acts:
            self._app.exit(return_code=0)
            return
        self.is_leaving = True
        self._app.set_timer(LEAVE_SECONDS, self._leave)
        if self._app.place is not None:
            names = ", ".join(act.named for act in self._acts)
            self._app.place.say(f"Leaving once it is written: {names}", "warn", stays=True)

    def _leave(self) -> None:
        if self._app.failure is not None:  # it was told already that this is not kept
            return
        if self._lost or self._acts:
            self._app.failure = failure = not_kept(self._lost, self._acts)
            self._app.exit(return_code=int(failure.exit_code))
        else:
            self._app.exit(return_code=0)


def not_kept(lost: Sequence[Lost], unwritten: Sequence[Act]) -> DatabaseError:
    """Return what is said to who left: the acts that failed, those that nothing is known of, and texts to be saved."""
    from workbench.errors import DatabaseError

    said = [f"Not kept: {named} ({told(error)[0].rstrip('.')})." for named, error, _text in lost]
    if unwritten:
        said.append(f"Not written in time: {', '.join(act.named for act in unwritten)}.")
    written = [(named, text) for named, _error, text in lost] + [(act.named, act.text) for act in unwritten]
    texts = [f"The text of the {named}: {plain(' '.join(text.split()), TEXT_SHOWN)}" for named, text in written if text]
    cure = "Do it again once the database answers; `workbench db check` says more."
    return DatabaseError(" ".join(said), cure=" ".join([cure, *texts]))
