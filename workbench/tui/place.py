"""What every screen of the workbench has in common: what it reads, its bars, and its keys from the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from workbench.tui import actions, loading
from workbench.tui.actions import Here, Place
from workbench.tui.bars import Bar, KeyBar
from workbench.tui.lines import BLANK
from workbench.tui.rebinding import rebind
from workbench.tui.telling import TellingScreen
from workbench.tui.typing_order import LetGo, Opens
from workbench.tui.writing import Act

T = TypeVar("T")
RETRY_SECONDS = 2.0


def bindings(place: Place) -> list[BindingType]:
    """Return the keys of a place, from the table of actions."""
    made: list[BindingType] = []
    for action in actions.at(place):
        if action.id in actions.NUMBERED:
            made += [Binding(key, f"{action.id}({key})", show=False) for key in action.keys.split(",")]
        else:
            name, first = f"{place}.{action.id}", action.goes_first
            made.append(Binding(action.keys, f"do('{action.id}')", action.label, show=False, id=name, priority=first))
    return made


class PlaceScreen(TellingScreen):
    """One place of the workbench. Subclasses say what to read, how to show it, and what its actions do."""

    PLACE: ClassVar[Place]
    OPENS: ClassVar[Opens] = "page"  # for the keys that are typed before there is anything on it
    AUTO_FOCUS = "#main"

    def __init__(self) -> None:
        super().__init__()
        self._reading = False
        self._read_again = False
        self._let_go: LetGo | None = None  # of the keys that are kept for what is being read
        self._late: Opens | None = None  # what they are for where that does not come
        if keys := self.workbench.keys:
            rebind(self, self.PLACE, keys)

    def compose(self) -> ComposeResult:
        """Title above, status and keys below."""
        yield Bar(id="title")
        yield from self.body()
        yield Bar(id="status")
        yield KeyBar(id="keys")

    def body(self) -> Iterable[Widget]:
        """Return what stands between title and status."""
        raise NotImplementedError

    def read(self) -> Any:
        """Read what the screen shows; runs in a thread."""
        raise NotImplementedError

    def arrived(self, result: Any) -> None:
        """Show what was read."""
        raise NotImplementedError

    def unread(self) -> None:
        """Let go of what is shown where it is not what could not be read."""

    def here(self) -> Here:
        """Return what the keys would act on now."""
        raise NotImplementedError

    def key(self, action: str) -> str:
        """Return the key of an action as it is shown here; of another place where `PLACE.ACTION` says so."""
        return actions.key_of(action, self.workbench.keys, self.PLACE)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the key of an action that gives way to the next one that has it."""
        if action != "do" or not self.is_mounted:
            return True
        offered = next((each for each in actions.at(self.PLACE) if each.id == parameters[0]), None)
        if offered is not None and offered.goes_first and isinstance(self.focused, Input):
            return False
        return offered is None or not (offered.gives_way and offered.why_not(self.here()))

    def draw(self) -> None:
        """Draw anew for the present size; nothing that did not change is sent to the terminal."""

    def on_mount(self) -> None:
        """Show the frame at once and read the rest."""
        self.query_one("#status", Bar).show(BLANK)
        self.draw()
        self.offer_keys()
        self.reload()
        if self._reading:
            self.hold_keys(late=self.OPENS)  # there is nothing on it that they could do harm to

    def on_unmount(self) -> None:
        """Keep no keys any longer."""
        self._let_keys_go(None)

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was in front; a screen that opens reads already."""
        if not self._reading and self.may_be_old():
            self.reload()

    def may_be_old(self) -> bool:
        """Say whether something else may be there to read than was read."""
        return True

    def on_resize(self) -> None:
        """Lay everything out for the new size."""
        self.call_after_refresh(self.draw)
        self.call_after_refresh(self.offer_keys)

    # --- reading -----------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read again; while a reading is under way, once more after it."""
        if not self.workbench.is_open:
            return
        if self._reading:
            self._read_again = True
            return
        self._reading = True
        self.load(self.read, self._was_read, group="read", failed=self._was_not_read)

    def store_changed(self) -> None:
        """Somebody wrote to the store: read again."""
        self.reload()

    def _was_read(self, result: Any) -> None:
        self._reading = False
        self.works_again()
        self.arrived(result)
        self.offer_keys()
        if self.is_awaited(result):
            self._let_keys_go(self.OPENS)
        if self._read_again:
            self._read_again = False
            self.reload()

    def _was_not_read(self, error: BaseException) -> None:
        self._reading = self._read_again = False
        self.fail(error, until_read=True)
        self.unread()
        self._let_keys_go(self._late)
        self.set_timer(RETRY_SECONDS, self.reload)

    def is_awaited(self, result: Any) -> bool:
        """Say whether the keys that are kept are for this result, and not for one that is still to come."""
        return True

    def hold_keys(self, *, late: Opens | None) -> None:
        """Keep what is typed until what is asked for is shown: it is meant for that, and not for what is there now.

        Where that does not come, they go as `late` says; None drops them.
        """
        if self._let_go is None:
            self._late = late
            self._let_go = self.workbench.typed.hold_for_page(loading.PATIENCE_SECONDS, late=late)

    def _let_keys_go(self, opened: Opens | None) -> None:
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go(opened if self.app.screen is self else None)

    # --- the bars ----------------------------------------------------------------------------------------------

    def offer_keys(self) -> None:
        """Show the keys that work now: those of the box while one is typed into."""
        is_typing = isinstance(self.focused, Input)
        keys = self.workbench.keys
        why = self.workbench.desk.read_only
        offered = actions.while_typing(self.PLACE) if is_typing else actions.footer(self.PLACE, self.here(), keys, why)
        self.query_one("#keys", KeyBar).offer(offered, self.size.width - 2)

    def on_descendant_focus(self) -> None:
        """Other keys work where the focus is now."""
        self.offer_keys()

    # --- acting ------------------------------------------------------------------------------------------------

    def action_do(self, action_id: str) -> None:
        """Do an action of the table, or say why not."""
        action = next(action for action in actions.at(self.PLACE) if action.id == action_id)
        why_not = (self.workbench.desk.read_only if action.changes else "") or action.why_not(self.here())
        if why_not:
            self.say(why_not, "warn")
            return
        self.say("")
        getattr(self, f"do_{action_id}")()

    async def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        """A click on the footer does what its key does."""
        if event.action != actions.SUBMIT.id:
            self.action_do(event.action)
        elif isinstance(self.focused, Input):
            await self.focused.action_submit()

    def write(
        self,
        named: str,
        what: Callable[[], T],
        said: Callable[[T], str],
        *,
        text: str = "",
        failed: Callable[[BaseException], str] = lambda _error: "",
    ) -> None:
        """Do something in its turn, then say what came of it: on the screen that is in front by then."""

        def told_of(result: T) -> None:
            if (place := self.workbench.place) is not None:
                place.say(said(result))

        self.workbench.writing.begin(Act(named, what, told_of, failed, text))

    def do_back(self) -> None:
        """Go back to where we came from."""
        self.app.pop_screen()

    def do_sessions(self) -> None:
        """Show all fix sessions: go back to them where they are open already."""
        from workbench.tui.screens.sessions import SessionsScreen

        if any(isinstance(screen, SessionsScreen) for screen in self.app.screen_stack):
            while not isinstance(self.app.screen, SessionsScreen):
                self.app.pop_screen()
        else:
            self.app.push_screen(SessionsScreen())

    def do_help(self) -> None:
        """Show the keys of this place."""
        from workbench.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.PLACE, self.here(), self.workbench.keys))

    def do_theme(self) -> None:
        """Choose the colours; they are remembered."""
        from workbench.tui.remembered import Memory
        from workbench.tui.screens.themes import ThemesScreen

        def keep(name: str | None) -> None:
            if name is not None:
                memory = Memory.of(self.workbench.config)
                self.load(lambda: memory.keep_theme(name), lambda _none: None, group="theme")

        self.app.push_screen(ThemesScreen(self.app.theme, list(self.app.available_themes)), keep)

    def do_palette(self) -> None:
        """Show all actions, to be found by typing."""
        self.app.action_command_palette()

    def do_quit(self) -> None:
        """Leave. Fix sessions go on by themselves, and owed actions are kept: nothing is lost, nothing is asked."""
        self.workbench.writing.leave()

    def copy(self, text: str) -> None:
        """Copy through the terminal, which works over ssh as well."""
        from workbench.text import plain

        self.app.copy_to_clipboard(plain(text))
        self.say(f"Copied to the clipboard by the terminal (OSC 52): {text}")

    def copy_lines(self, text: str, what: str) -> None:
        """Copy text of several lines that is inert already (see `workbench.bugs.copying`)."""
        self.app.copy_to_clipboard(text)
        self.say(f"Copied {what} to the clipboard by the terminal (OSC 52).")
