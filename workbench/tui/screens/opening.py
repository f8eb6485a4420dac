"""What is drawn first: the frame of the bug list, with nothing behind it.

The list itself, its filter and all that its keys do are loaded once this is on the terminal, and take its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen

from workbench.tui import actions
from workbench.tui.actions import Here
from workbench.tui.bars import Bar, KeyBar
from workbench.tui.document import Document
from workbench.tui.lines import BLANK, Line, Span, line
from workbench.tui.tabs import Tabs
from workbench.tui.views import BUILT_IN

if TYPE_CHECKING:
    from workbench.config import Config
    from workbench.tui.app import WorkbenchApp

OPENING: list[Line] = [BLANK, line(("  Opening the database …", "muted"))]


def title(config: Config) -> list[Span]:
    """Return what the title of the list begins with: the program, and the checkout."""
    return [("Bug workbench", "strong"), (f"  {config.repo.name}  ", "muted")]


class OpeningScreen(Screen[None]):
    """The frame. It does nothing itself: what is typed ahead is for the list."""

    def compose(self) -> ComposeResult:
        """Return what the list has as well, in the same places."""
        yield Bar(id="title")
        yield Tabs(id="views")
        yield Document(id="empty", has_cursor=False)
        yield Bar(id="status")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Show what is known before anything was read."""
        app: WorkbenchApp = self.app  # type: ignore[assignment]
        width = self.size.width - 2
        names = [view.name for view in BUILT_IN]
        self.query_one("#title", Bar).show(line(*title(app.config)))
        shown = app.left.view if app.left is not None else ""
        self.query_one(Tabs).offer(names, names.index(shown) if shown in names else 0, width)
        self.query_one(Document).show(OPENING)
        self.query_one("#status", Bar).show(BLANK)
        self.query_one(KeyBar).offer(actions.footer("list", Here(), app.keys), width)
