"""The `workbench` screen: opening and leaving."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import constants
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from workbench.tui.background import Background, Tell
from workbench.tui.desk import Clock, Desk
from workbench.tui.failures import told
from workbench.tui.palette import ActionCommands
from workbench.tui.place import PlaceScreen
from workbench.tui.screens.bugs import BugsScreen

if TYPE_CHECKING:
    from workbench.config import Config

TICK_SECONDS = 5.0
THEME = Theme(
    name="workbench",
    primary="#7aa2f7",
    secondary="#bb9af7",
    accent="#7dcfff",
    foreground="#c8cdd8",
    background="#15171c",
    surface="#1b1e25",
    panel="#242832",
    success="#8fbf7f",
    warning="#e0af68",
    error="#f0788c",
)


@dataclass
class StoreChanged(Message):
    """Somebody wrote to the store."""

    def can_replace(self, message: Message) -> bool:
        """One reading covers any number of changes."""
        return isinstance(message, StoreChanged)


@dataclass
class Told(Message):
    """A background thread has something to say; `error` where something went wrong."""

    text: str = ""
    error: BaseException | None = None


class WorkbenchApp(App[None], inherit_bindings=False):
    """The workbench in a terminal."""

    TITLE = "Bug workbench"
    CSS_PATH = "workbench.tcss"
    COMMANDS = App.COMMANDS | {ActionCommands}
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = constants.DEFAULT_THEME if "TEXTUAL_THEME" in os.environ else THEME.name
        self.config = config
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.desk = Desk(config, clock=self.clock)
        self.is_open = False
        self.failure: BaseException | None = None
        self.undoable: list[tuple[int, ...]] = []  # the acts of this session, the last at the end
        self._background = Background(
            self.desk,
            Tell(
                changed=lambda: self._from_thread(StoreChanged()),
                swept=lambda lost: self._from_thread(
                    Told(f"{len(lost)} fix session(s) lost their runner: interrupted, r resumes one.")
                ),
                trouble=lambda text: self._from_thread(Told(text)),
                failed=lambda error: self._from_thread(Told(error=error)),
            ),
        )

    def get_default_screen(self) -> Screen[None]:
        """The bug list is where everything starts."""
        return BugsScreen()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Of Textual's own commands only the choice of a theme; all others are ours."""
        yield SystemCommand("theme: choose", "Change the colours, with a preview", self.action_change_theme)

    def on_mount(self) -> None:
        """After the first paint, open the store in a thread."""
        self.call_after_refresh(self._open)
        self.set_interval(TICK_SECONDS, self._tick)

    def _open(self) -> None:
        self.run_worker(self.desk.open, name="open", thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Go on when the store is open; leave with the reason when it can't be opened."""
        if event.worker.name != "open":
            return
        if event.state is WorkerState.SUCCESS:
            self.is_open = True
            self._background.start()
            self._reload()
        elif event.state is WorkerState.ERROR:
            self.failure = event.worker.error
            self.exit(return_code=int(getattr(self.failure, "exit_code", 5)))

    def _from_thread(self, message: Message) -> None:
        self.post_message(message)  # safe from any thread, and without effect once the app is gone

    def _place(self) -> PlaceScreen | None:
        places = [screen for screen in self.screen_stack if isinstance(screen, PlaceScreen) and screen.is_mounted]
        return places[-1] if places else None

    def _reload(self) -> None:
        place = self._place()
        if place is not None:
            place.reload()

    def _tick(self) -> None:
        place = self._place()
        if place is not None:
            place.hush()
            place.draw()

    def on_store_changed(self) -> None:
        """Show what changed."""
        place = self._place()
        if place is not None:
            place.store_changed()

    def on_told(self, event: Told) -> None:
        """Pass on what a thread said."""
        place = self._place()
        if place is None:
            return
        if event.error is not None:
            place.fail(event.error, until_read=True)
        else:
            place.say(event.text, "warn", stays=True)

    def on_unmount(self) -> None:
        """End the threads and let go of the store."""
        self._background.stop()
        self.desk.close()


def run(config: Config) -> int:
    """Open the workbench, and return the exit code once it is left."""
    # Textual draws on stderr, so that has to be the terminal too. In a browser (`workbench serve`) there is none.
    is_web = "web_driver" in os.environ.get("TEXTUAL_DRIVER", "")
    if not is_web and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return _refuse("The screen needs a terminal.", "Without one, use the commands: workbench bugs list", code=2)
    # A closed terminal must end us: with SIGHUP ignored (nohup) the screen would go on at a dead line, burning CPU.
    # Nothing is lost by leaving at once: sessions run by themselves, and the store is only ever left consistent.
    signal.signal(signal.SIGHUP, lambda *_: os._exit(130))
    app = WorkbenchApp(config)
    app.run()
    if app.failure is not None:
        message, cure = told(app.failure)
        return _refuse(message, cure, code=app.return_code or 5)
    return app.return_code or 0


def _refuse(message: str, cure: str, *, code: int) -> int:
    sys.stderr.write(f"workbench: {message}\n" + (f"  {cure}\n" if cure else ""))
    return code
