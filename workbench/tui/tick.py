"""A box to tick that reads without colours: its state is a character, and so is the focus."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox

from workbench.tui.pane import CURSOR


class Tick(Checkbox):
    """A line such as `▌[✔] rehearsal`, as in the chooser of columns.

    Textual's own draws the same glyph in two shades, and one that has the focus in a third: with NO_COLOR nobody could
    tell a rehearsal from a model that is paid for.
    """

    DEFAULT_CSS = """
    Tick, Tick:ansi {
        background: $surface;
        & > .toggle--button { color: $foreground-muted; background: $surface; text-style: none; }
        &.-on > .toggle--button { color: $accent; background: $surface; text-style: bold; }
    }
    Tick.-textual-compact:focus, Tick.-textual-compact:focus:ansi {
        background: $surface;
        background-tint: $foreground 10%;
        & > .toggle--label { color: $foreground; background: transparent; text-style: bold; }
    }
    """

    @property
    def _button(self) -> Content:
        mark = CURSOR if self.has_focus else " "
        box = f"[{'✔' if self.value else ' '}]"
        return Content.assemble(mark, (box, self.get_visual_style("toggle--button")))
