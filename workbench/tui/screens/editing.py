"""Opening a frame's file in the editor of the person, at its line."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import SuspendNotSupported

from workbench.tui import editor
from workbench.tui.documents.stack import frame_at
from workbench.tui.place import PlaceScreen
from workbench.tui.screens.prompts import Menu

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.source_files import Source

MOST_OFFERED = 9
WINDOW_SECONDS = 1.0  # in which an editor that cannot start has said so


class Editing(PlaceScreen):
    """A screen on which a file can be opened in the editor."""

    SEVERAL: ClassVar = "The frame may be in any of these files"

    def edit(self, event: Event, key: str) -> None:
        """Open the file of the frame on the line `key`, or of the innermost one of the application."""
        frame = frame_at(event, key)
        self.edit_one(lambda: self.workbench.desk.sources(event, frame))

    def edit_one(self, find: Callable[[], list[Source]]) -> None:
        """Open the file that is found, or the one that is chosen of several."""
        words = editor.command(os.environ)
        if not words:
            self.say("No editor is set.", "warn", cure="Set $VISUAL or $EDITOR, for example: export EDITOR=vim")
            return
        self.load(find, lambda found: self._choose(words, found), group="edit", opens="decision")

    def _choose(self, words: list[str], found: list[Source]) -> None:
        if len(found) == 1:
            self._open(words, found[0])
            return
        offered = found[:MOST_OFFERED]
        choices = [(str(place), str(place + 1), source.path) for place, source in enumerate(offered)]
        title = self.SEVERAL + (f" (the first {MOST_OFFERED} of {len(found)})" if len(found) > MOST_OFFERED else "")

        def chosen(place: str | None) -> None:
            if place is not None:
                self._open(words, offered[int(place)])

        self.app.push_screen(Menu(title, choices), chosen)

    def _open(self, words: list[str], source: Source) -> None:
        """Give the terminal to the editor until it is left; one with a window of its own is only started."""
        argv = editor.argv(words, source.root / source.path, source.line)
        place = f"{source.path} at line {source.line}"
        if editor.has_window(words):
            self.load(lambda: _started(argv), lambda code: self._opened(place, code), group="editor",
                      failed=lambda error: self._not_started(argv, error))  # fmt: skip
            return
        try:
            with self.app.suspend():
                code = subprocess.call(argv)
        except SuspendNotSupported:
            self.say("This terminal cannot be given to an editor.", "warn", cure=f"{source.path}, line {source.line}")
        except OSError as error:
            self._not_started(argv, error)
        else:
            self._opened(place, code)

    def _opened(self, place: str, code: int | None) -> None:
        ended = f"; the editor ended with {code}" if code else ""
        self.say(f"Opened {place}{ended}.")

    def _not_started(self, argv: list[str], error: BaseException) -> None:
        why = error.strerror if isinstance(error, OSError) else error
        self.say(f"The editor {Path(argv[0]).name} did not start: {why}.", "bad", cure="Set $EDITOR.")


def _started(argv: list[str]) -> int | None:
    """Start an editor beside us; return the code that it ended with in the first moments, None where it goes on.

    It may wait for its window to be closed, or hang: neither holds the screen, and neither ends with it.
    """
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(timeout=WINDOW_SECONDS)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()  # so that nothing is left of it once it ends
        return None
