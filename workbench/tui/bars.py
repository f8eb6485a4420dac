"""The lines around the panes: what is shown, how it stands, and which keys work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from workbench.tui.actions import Action
from workbench.tui.lines import Line, Span, cut, line
from workbench.tui.pane import Pane


class Bar(Pane, can_focus=False):
    """A few lines without a cursor, as high as they are many."""

    DEFAULT_CSS = """
    Bar { height: auto; scrollbar-size: 0 0; overflow: hidden; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, has_cursor=False)
        self.lines: list[Line] = []

    @property
    def line_count(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def line_at(self, index: int) -> Line:
        """Return a line, as much of it as there is room for: a bar is not scrolled sideways."""
        return cut(self.lines[index], self.room)

    def show(self, *lines: Line) -> None:
        """Replace the lines; nothing is drawn when they are the same."""
        if list(lines) == self.lines:
            return
        grown = len(lines) != len(self.lines)
        self.lines = list(lines)
        self.resize_to()
        if grown:
            self.styles.height = len(lines)


class KeyBar(Bar):
    """The footer: at most eight actions of this place, greyed where they can't be done now."""

    @dataclass
    class Pressed(Message):
        """An action of the footer was clicked; `action` is its id."""

        action: str

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._places: list[tuple[int, int, str]] = []

    def offer(self, actions: Sequence[tuple[Action, str]], width: int) -> None:
        """Show actions, each with why it can't be done; those that don't fit into `width` are left to `?`."""
        spans: list[Span] = []
        self._places = []
        column = 0
        for action, why_not in actions:
            size = len(action.key) + len(action.label) + 3
            if column + size > width + 2:
                continue
            spans += [(action.key, "muted" if why_not else "key"), (f" {action.label}  ", "muted" if why_not else "")]
            self._places.append((column, column + size - 2, action.id))
            column += size
        self.show(line(*spans))

    def on_click(self, event: events.Click) -> None:
        """Do the action under the mouse."""
        for start, end, action in self._places:
            if start <= event.x - 1 < end:
                self.post_message(self.Pressed(action))
