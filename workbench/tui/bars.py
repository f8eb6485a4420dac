"""The lines around the panes: what is shown, how it stands, and which keys work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from workbench.tui.actions import KEPT, Action
from workbench.tui.lines import Line, Span, cut, line
from workbench.tui.pane import Pane


class Bar(Pane, can_focus=False):
    """A few lines without a cursor, as high as they are many."""

    DEFAULT_CSS = """
    Bar { height: auto; scrollbar-size: 0 0; overflow: hidden; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes, has_cursor=False)
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


def _size(action: Action) -> int:
    return len(action.key) + len(action.label) + 3


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
        """Show actions, each with why it can't be done; where not all fit into `width`, those are left out."""
        shown = list(actions)
        while sum(_size(action) for action, _why_not in shown) > width + 2:
            others = [pair for pair in shown if pair[0].id not in KEPT]
            if not others:
                break
            shown.remove(next((pair for pair in reversed(others) if pair[1]), others[-1]))
        spans: list[Span] = []
        self._places = []
        column = 0
        for action, why_not in shown:
            size = _size(action)
            spans += [(action.key, "muted" if why_not else "key"), (f" {action.label}  ", "muted" if why_not else "")]
            self._places.append((column, column + size - 2, action.id))
            column += size
        self.show(line(*spans))

    def on_click(self, event: events.Click) -> None:
        """Do the action under the mouse."""
        for start, end, action in self._places:
            if start <= event.x - 1 < end:
                self.post_message(self.Pressed(action))
