"""Choosing the colours: the screen behind wears those under the cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.lines import BLANK, heading, line
from workbench.tui.pane import Pane


class ThemesScreen(ModalScreen[str | None]):
    """All themes, ours first; the chosen one, or None and everything as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", show=False)]

    def __init__(self, worn: str, names: list[str]) -> None:
        super().__init__()
        self._worn = worn
        self._names = sorted(names, key=lambda name: (not name.startswith("workbench"), "ansi" not in name, name))

    def compose(self) -> ComposeResult:
        """The names, and how to leave."""
        with Vertical(classes="sheet"):
            top = Bar(classes="sheet-title")
            top.show(heading("Colours", note="ansi: those of your terminal"), BLANK)
            yield top
            names = Document(id="names")
            names.show([line(f" {name}", (_of(name, self._worn), "muted")) for name in self._names])
            names.cursor = self._names.index(self._worn) if self._worn in self._names else 0
            yield names
            keys = Bar(classes="sheet-keys")
            keys.show(
                BLANK, line(("j k", "key"), " look   ", ("enter", "key"), " keep   ", ("esc", "key"), " as it was")
            )
            yield keys

    def on_pane_moved(self, event: Pane.Moved) -> None:
        """Wear what is under the cursor."""
        self.app.theme = self._names[event.index]

    def on_pane_chosen(self, event: Pane.Chosen) -> None:
        """Keep it."""
        self.dismiss(self._names[event.index])

    def action_leave(self) -> None:
        """Put back what was worn."""
        self.app.theme = self._worn
        self.dismiss(None)


def _of(name: str, worn: str) -> str:
    return "   now" if name == worn else ""
