"""The heading of the bug list, whose words can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from workbench.tui.bars import Bar
from workbench.tui.column_layout import Fitted, column_at


class Heading(Bar):
    """The words above the columns; a click on one sorts by its column."""

    @dataclass
    class Sorted(Message):
        """The heading of a column was clicked; `by` is the order along it."""

        by: str

    columns: Sequence[Fitted] = ()

    def on_click(self, event: events.Click) -> None:
        """Sort by the column under the mouse."""
        column = column_at(self.columns, event.x - 1)
        if column is not None and column.order:
            self.post_message(self.Sorted(column.order))
