"""The `?` sheet: every key of where we are."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from workbench.tui import actions
from workbench.tui.actions import NO_KEYS, Here, Keys, Place
from workbench.tui.document import Document
from workbench.tui.lines import BLANK, Ink, Line, heading, line, paragraphs, wrapped
from workbench.tui.screens.prompts import WIDTH, in_sheet, sheet_rows

KEYS = 20  # cells that keys stand in


class HelpScreen(ModalScreen[None]):
    """The keys of a place, with why one does nothing now."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", show=False)]

    def __init__(self, place: Place, here: Here, keys: Keys = NO_KEYS) -> None:
        super().__init__()
        self._keys = keys
        self._place = place
        self._here = here

    def compose(self) -> ComposeResult:
        """One sheet."""
        with Vertical(classes="sheet"):
            document = Document(id="main", has_cursor=False)
            columns, rows = self.app.size
            document.show(help_lines(self._place, self._here, self._keys, in_sheet(columns), rows))
            yield document


def help_lines(place: Place, here: Here, keys: Keys = NO_KEYS, width: int = WIDTH, rows: int = 0) -> list[Line]:
    """Return the keys of a place by group, with how to reach those for which a terminal of `rows` has no room."""
    out: list[Line] = []
    groups: dict[str, list[actions.Action]] = {}
    for action in [*actions.at(place, keys), *actions.moves(keys)]:
        groups.setdefault(action.group, []).append(action)
    for group, members in groups.items():
        out.append(line((group, "strong")))
        for action in members:
            why_not = action.why_not(here)
            ink: Ink = "muted" if why_not else ""
            first, *more = wrapped(action.label, width - KEYS)
            out.append(line((f"  {actions.all_keys(action):<{KEYS - 2}}", ink or "key"), (first, ink)))
            out += paragraphs(more, width, indent=" " * KEYS, ink=ink)
            out += paragraphs([why_not] if why_not else [], width, indent=" " * KEYS, ink="comment")
        out.append(BLANK)
    note = "esc closes" if len(out) + 1 <= sheet_rows(rows) else "↑ ↓ show the rest   esc closes"
    return [heading(actions.PLACES[place], note=note), BLANK, *out[:-1]]
