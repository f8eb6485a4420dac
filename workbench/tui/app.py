"""The `workbench` screen: opening and leaving."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual import constants
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from workbench.tui.actions import NO_KEYS, Keys, key_of
from workbench.tui.attention import SETTING, call, way_of
from workbench.tui.background import Background, Tell
from workbench.tui.desk import Clock, Desk
from workbench.tui.failures import told
from workbench.tui.place import PlaceScreen
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.themes import DARK, LIGHT

if TYPE_CHECKING:
    from textual.command import Provider

    from workbench.config import Config

TICK_SECONDS = 5.0
AGED_AFTER = timedelta(minutes=1)  # relative times say no less: a screen at rest sends nothing in between


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


@dataclass
class Needed(Message):
    """Something has come to need a person; a sentence of our own words for each."""

    told: tuple[str, ...]


def _action_commands() -> type[Provider]:
    from workbench.tui.palette import ActionCommands

    return ActionCommands


class WorkbenchApp(App[None], inherit_bindings=False):
    """The workbench in a terminal."""

    TITLE = "Bug workbench"
    CSS_PATH = "workbench.tcss"
    COMMANDS = App.COMMANDS | {_action_commands}  # a function: loaded when it is first wanted
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = constants.DEFAULT_THEME if "TEXTUAL_THEME" in os.environ else DARK.name
        self.config = config
        self.keys = _own_keys(config)
        self.calls = way_of(config[SETTING])
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.desk = Desk(config, clock=self.clock)
        self.is_open = False
        self.failure: BaseException | None = None
        self.undoable: list[tuple[int, ...]] = []  # the acts of this session, the last at the end
        self._aged_at = self.clock()
        if config["database.ssh"]:
            from workbench.tunnel import tell_through

            tell_through(lambda text: self._from_thread(Told(text)))
        again = key_of("resume", self.keys)
        self._background = Background(
            self.desk,
            Tell(
                changed=lambda: self._from_thread(StoreChanged()),
                swept=lambda lost: self._from_thread(
                    Told(f"{len(lost)} fix session(s) lost their runner: interrupted, {again} resumes one.")
                ),
                trouble=lambda text: self._from_thread(Told(text)),
                failed=lambda error: self._from_thread(Told(error=error)),
                needed=lambda told: self._from_thread(Needed(tuple(told))),
            ),
        )

    def get_default_screen(self) -> Screen[None]:
        """The bug list is where everything starts."""
        return BugsScreen()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of Textual's own: what can be done is in the table of actions; in a dialog only the colours."""
        place = self._place()
        if place is not None and not isinstance(screen, PlaceScreen):
            yield SystemCommand("theme: choose", "Change the colours, with a preview", place.do_theme)

    def wear(self, theme: str) -> None:
        """Take up a theme that was remembered, unless it is gone or the environment says another."""
        if theme in self.available_themes and "TEXTUAL_THEME" not in os.environ:
            self.theme = theme

    def on_mount(self) -> None:
        """After the first paint, open the store in a thread."""
        self.call_after_refresh(self._open)
        self.set_interval(TICK_SECONDS, self._tick)

    def _open(self) -> None:
        self.run_worker(self.desk.open, name="open", thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Go on when the store is open; leave with the reason when it can't be opened."""
        if event.worker.name != "open" or event.state not in (WorkerState.SUCCESS, WorkerState.ERROR):
            return
        if not gc.isenabled():  # see workbench.cli.opening; what is loaded by now stays, and is not looked at again
            gc.freeze()
            gc.enable()
        if event.state is WorkerState.SUCCESS:
            self.is_open = True
            self._background.start()
            if why := self.desk.read_only:
                self.post_message(Told(why))
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
        if place is None:
            return
        place.hush()
        now = self.clock()
        if now - self._aged_at >= AGED_AFTER:
            self._aged_at = now
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

    def on_needed(self, event: Needed) -> None:
        """Say it, and call whoever looks elsewhere."""
        place = self._place()
        if place is not None:
            place.say("  ".join(event.told[:3]), "warn", stays=True)
        called = call(event.told[0], way=self.calls, environ=os.environ)
        if called and self._driver is not None and not (self.is_headless or self.is_web):
            self._driver.write(called)

    def on_unmount(self) -> None:
        """End the threads and let go of the store."""
        self._background.stop()
        self.desk.close()


def _own_keys(config: Config) -> Keys:
    if not config.keys:
        return NO_KEYS  # and what reads them is not even loaded
    from workbench.tui.keymap import keymap

    return keymap(config)


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
