"""The `workbench` screen: opening and leaving."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from textual import constants, events
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import Initialize, Reactive
from textual.screen import Screen
from textual.theme import Theme

from workbench.tui.actions import NO_KEYS, Keys, key_of
from workbench.tui.attention import SETTING, call, way_of
from workbench.tui.desk import Clock, Desk
from workbench.tui.failures import told
from workbench.tui.left import left
from workbench.tui.place import PlaceScreen
from workbench.tui.screens.opening import OpeningScreen
from workbench.tui.themes import DARK, LIGHT, TERMINALS
from workbench.tui.typing_order import TypingOrder
from workbench.tui.writing import Writing

if TYPE_CHECKING:
    from textual.command import Provider

    from workbench.config import Config
    from workbench.tui.background import Background

TICK_SECONDS = 5.0
AGED_AFTER = timedelta(minutes=1)  # relative times say no less: a screen at rest sends nothing in between


@dataclass
class Opened(Message):
    """The store is open, or can't be opened: `error` says why."""

    error: BaseException | None = None


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


def _bug_list() -> Screen[Any]:
    from workbench.tui.screens.bugs import BugsScreen

    return BugsScreen()


class WorkbenchApp(App[None], inherit_bindings=False):
    """The workbench in a terminal."""

    TITLE = "Bug workbench"
    CSS_PATH = "frame.tcss"  # all that the first frame needs; the rest comes with the list
    COMMANDS = App.COMMANDS | {_action_commands}  # a function: loaded when it is first wanted
    BINDINGS: ClassVar[list[BindingType]] = []
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {"list": _bug_list}
    # Not set later on: all rules would be read twice before the first paint.
    theme: Reactive[str] = Reactive(Initialize(lambda app: app.first_theme))  # type: ignore[attr-defined]

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self.config = config
        self.left = left(config)  # before all else: the colours are read with it
        super().__init__()
        self.keys = _own_keys(config)
        self.calls = way_of(config[SETTING])
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.desk = Desk(config, clock=self.clock)
        self.is_open = False
        self.changes = 0  # of the store, that were noticed: what was read at another number may be old
        self.failure: BaseException | None = None
        self.typed = TypingOrder(self, self._send)
        self.undoable: list[tuple[int, ...]] = []  # the acts of this session, the last at the end
        self.writing = Writing(self)
        self._aged_at = self.clock()
        if config["database.ssh"]:
            from workbench.tunnel import tell_through

            tell_through(lambda text: self._from_thread(Told(text)))

    @cached_property
    def _background(self) -> Background:
        """What goes on behind the screens; loaded once there is a store for it."""
        from workbench.tui.background import Background, Tell

        again = key_of("resume", self.keys)
        return Background(
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

    @cached_property
    def available_themes(self) -> dict[str, Theme]:
        """Textual's and ours, by name; put together once, since every line that is drawn asks for them."""
        return {**super().available_themes, DARK.name: DARK, LIGHT.name: LIGHT}

    def get_default_screen(self) -> Screen[None]:
        """The frame of the bug list, without the list."""
        return OpeningScreen()

    async def on_event(self, event: events.Event) -> None:
        """Take what is typed in its turn, and all else as it comes."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.typed.take(event)
        else:
            await super().on_event(event)

    async def _send(self, event: events.Key | events.Paste) -> None:
        """Hand on what is typed; what was said before goes with it, whatever it does."""
        if (place := self.place) is not None:
            place.key_pressed()
        await super().on_event(event)

    def on_key(self, event: events.Key) -> None:
        """Leave ctrl+c to the browser: people copy with it there."""
        if event.key == "ctrl+c" and self.is_web:
            event.prevent_default()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of Textual's own: what can be done is in the table of actions; in a dialog only the colours."""
        place = self.place
        if place is not None and not isinstance(screen, PlaceScreen):
            yield SystemCommand("theme: choose", "Change the colours, with a preview", place.do_theme)

    @property
    def first_theme(self) -> str:
        """The theme that the environment says, else the one that is remembered, unless it is gone, else ours."""
        if "NO_COLOR" in os.environ:
            return TERMINALS  # of any other Textual leaves greys
        if "TEXTUAL_THEME" in os.environ:
            return constants.DEFAULT_THEME
        return self.left.theme if self.left is not None and self.left.theme in self.available_themes else DARK.name

    def on_mount(self) -> None:
        """Begin to tick."""
        self.set_interval(TICK_SECONDS, self._tick)

    async def on_ready(self) -> None:
        """Bring the bug list, where everything starts, and open the store. The first paint was made."""
        mounted = self.switch_mode("list")
        self._open()
        await mounted
        await self.typed.release()

    def _open(self) -> None:
        # Not a worker: who leaves while a database does not answer would be kept waiting for it.
        threading.Thread(target=self._open_store, name="workbench-open", daemon=True).start()

    def _open_store(self) -> None:
        try:
            self.desk.open()
            self._from_thread(Opened())
        except BaseException as error:  # noqa: BLE001 (told to the person, whatever it is)
            self._from_thread(Opened(error))

    def on_opened(self, event: Opened) -> None:
        """Go on when the store is open; leave with the reason when it can't be opened."""
        if not gc.isenabled():  # see workbench.cli.opening
            from workbench.tui.tidying import keep_tidy

            keep_tidy(self)
        if event.error is None:
            self.is_open = True
            self._background.start()
            if why := self.desk.read_only:
                self.post_message(Told(why))
            self._reload()
        else:
            self.failure = event.error
            self.exit(return_code=int(getattr(self.failure, "exit_code", 5)))

    def _from_thread(self, message: Message) -> None:
        self.post_message(message)  # safe from any thread, and without effect once the app is gone

    @property
    def place(self) -> PlaceScreen | None:
        """The place in front, or behind a question."""
        places = [screen for screen in self.screen_stack if isinstance(screen, PlaceScreen) and screen.is_mounted]
        return places[-1] if places else None

    def _reload(self) -> None:
        if (place := self.place) is not None:
            place.reload()

    def _tick(self) -> None:
        place = self.place
        if place is None:
            return
        place.hush()
        now = self.clock()
        if now - self._aged_at >= AGED_AFTER:
            self._aged_at = now
            place.draw()

    def on_store_changed(self) -> None:
        """Show what changed."""
        self.changes += 1
        if (place := self.place) is not None:
            place.store_changed()

    def on_told(self, event: Told) -> None:
        """Pass on what a thread said."""
        place = self.place
        if place is None:
            return
        if event.error is not None:
            place.fail(event.error, until_read=True)
        else:
            place.say(event.text, "warn", stays=True)

    def on_needed(self, event: Needed) -> None:
        """Say it, and call whoever looks elsewhere."""
        place = self.place
        if place is not None:
            place.say("  ".join(event.told[:3]), "warn", stays=True)
        called = call(event.told[0], way=self.calls, environ=os.environ)
        if called and self._driver is not None and not (self.is_headless or self.is_web):
            self._driver.write(called)

    def on_unmount(self) -> None:
        """End the threads and let go of the store."""
        if self.is_open:
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
