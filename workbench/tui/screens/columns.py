"""The chooser of columns: which, in what order, how wide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from workbench.tui.bars import Bar
from workbench.tui.columns import ALWAYS, Chosen, Column
from workbench.tui.document import Document
from workbench.tui.lines import BLANK, Line, Span, line
from workbench.tui.pane import Pane
from workbench.tui.screens.prompts import in_sheet

KEYS = (("space", "show or hide"), ("J K", "move"), ("+ -", "width"), ("r", "reset"), ("esc", "done"))


class ColumnsScreen(ModalScreen[Chosen]):
    """The list behind it follows each key at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "show_or_hide", show=False),
        Binding("J,shift+down", "move(1)", show=False),
        Binding("K,shift+up", "move(-1)", show=False),
        Binding("plus,plus_sign,equals_sign", "widen(1)", show=False),
        Binding("minus", "widen(-1)", show=False),
        Binding("r", "reset", show=False),
        Binding("escape,q,C", "leave", show=False),
    ]

    def __init__(
        self, chosen: Chosen, shown: Callable[[], Iterable[tuple[str, int]]], follow: Callable[[Chosen], None]
    ) -> None:
        """`shown` gives the columns that there is room for, with their widths; `follow` shows a choice behind it."""
        super().__init__()
        self._chosen, self._shown, self._follow = chosen, shown, follow

    def compose(self) -> ComposeResult:
        """One line a column."""
        with Vertical(classes="sheet"):
            title = Bar(classes="sheet-title")
            title.show(line(("Columns of the list", "strong")), BLANK)
            yield title
            document = Document(id="choice")
            document.show(self._lines())
            yield document
            keys = Bar(classes="sheet-keys")
            keys.show(BLANK, *_key_lines(in_sheet(self.app.size.width)))
            yield keys

    def _lines(self) -> list[Line]:
        widths = dict(self._shown())
        return [self._line(column, widths.get(column.id)) for column in self._chosen.columns()]

    def _line(self, column: Column, width: int | None) -> Line:
        wanted = self._chosen.wants(column)
        box = "✔" if wanted else " "
        note = "stays" if column.id in ALWAYS else "no room now" if wanted and width is None else ""
        own = "=" if column.id in self._chosen.widths else " "
        size = f"{own}{width}" if width is not None else ""
        return line(
            (f"[{box}] ", "key" if wanted else "muted"),
            (f"{column.heading:<12}", "" if wanted else "muted"),
            (f"{size:>4}  ", "muted"),
            (column.meaning, "muted"),
            (f"   {note}" if note else "", "comment"),
            key=column.id,
        )

    @property
    def _document(self) -> Document:
        return self.query_one(Document)

    def _named(self) -> str:
        """Return the column under the cursor."""
        chosen = self._document.chosen
        assert chosen is not None, "there is always a column"
        return chosen.key

    def _choose(self, chosen: Chosen) -> None:
        id_ = self._named()
        self._chosen = chosen
        self._follow(chosen)
        self._document.show(self._lines())
        self._document.go_to_key(id_)

    def on_pane_chosen(self, event: Pane.Chosen) -> None:
        """Enter, or a second click, shows or hides."""
        event.stop()
        self.action_show_or_hide()

    def action_show_or_hide(self) -> None:
        """Show or hide."""
        self._choose(self._chosen.toggled(self._named()))

    def action_move(self, by: int) -> None:
        """Move the column in the order."""
        self._choose(self._chosen.moved(self._named(), by))

    def action_widen(self, by: int) -> None:
        """Make the column wider or narrower, from what it is now."""
        width = dict(self._shown()).get(self._named())
        if width is not None:
            self._choose(self._chosen.resized(self._named(), width + by))

    def action_reset(self) -> None:
        """All columns as they come."""
        self._choose(Chosen())

    def action_leave(self) -> None:
        """Give the choice back."""
        self.dismiss(self._chosen)

    def on_resize(self, _event: events.Resize) -> None:
        """There may be room for others now."""
        self.call_after_refresh(lambda: self._document.show(self._lines()))


def _key_lines(width: int) -> list[Line]:
    """Return what the keys do, in as many lines as that takes."""
    lines: list[list[Span]] = [[]]
    left = width
    for key, what in KEYS:
        size = len(key) + len(what) + 1
        if size > left:
            lines.append([])
            left = width
        lines[-1] += [(key, "key"), (f" {what}   ", "muted")]
        left -= size + 3
    return [line(*spans) for spans in lines]
