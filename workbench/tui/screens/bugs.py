"""The bug list: what failed, how often, and how far it is from being fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.bug_list import BugList, heading_line
from workbench.tui.document import Document
from workbench.tui.lines import Line, Span, line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.words import plural, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow

LIST_EDGES = 2  # the cursor's mark and the scrollbar, whose place is always kept
STATES = ("open", "fixing", "review", "closed", "muted")


class BugsScreen(BugActs):
    """All bugs, newest first."""

    PLACE = "list"
    BINDINGS: ClassVar[list[BindingType]] = bindings("list")

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._rows: list[BugRow] | None = None

    def body(self) -> Iterable[Widget]:
        """Return the filter, the columns and the list, or what stands in for an empty one."""
        filter_input = Input(placeholder="words in the title, or state:review", id="filter")
        filter_input.cursor_blink = False
        yield filter_input
        yield Bar(id="columns")
        yield BugList(id="main")
        yield Document(id="empty", has_cursor=False)

    @property
    def bugs(self) -> BugList:
        """The list."""
        return self.query_one(BugList)

    @property
    def bug(self) -> BugRow | None:
        """The selected bug."""
        return self.bugs.selected

    def here(self) -> Here:
        """Return the selected bug, and those that are marked."""
        return Here(
            bug=self.bug,
            filtered=self.query_one("#filter", Input).has_class("-shown"),
            marked=self.bugs.marked,
            can_undo=bool(self.workbench.undoable),
        )

    def read(self) -> list[BugRow]:
        """Read the bugs that match the filter."""
        return self.workbench.desk.bugs(self._filter)

    def arrived(self, result: list[BugRow]) -> None:
        """Show them without moving the cursor from its bug."""
        self._rows = result
        self.bugs.show(result, self.workbench.clock())
        self.draw()

    def draw(self) -> None:
        """Draw the bars, and the list where relative times read differently now."""
        self.bugs.tick(self.workbench.clock())
        has_rows = bool(self._rows)
        self.bugs.display = has_rows
        columns = self.query_one("#columns", Bar)
        columns.display = has_rows
        columns.show(heading_line(self.size.width - LIST_EDGES))
        empty = self.query_one("#empty", Document)
        empty.display = not has_rows
        empty.show(self._stand_in())
        self.query_one("#title", Bar).show(line(*self._title()))

    def _title(self) -> list[Span]:
        spans: list[Span] = [("Bug workbench", "strong"), (f"  {self.workbench.config.repo.name}  ", "muted")]
        if self._rows is None:
            return spans
        counts = Counter(row.state for row in self._rows)
        spans.append((plural(len(self._rows), "bug"), ""))
        for state in STATES:
            if counts[state]:
                glyph, ink = state_mark(state)
                spans.append((f"  {glyph} {counts[state]} {state}", ink))
        if self._filter:
            spans.append((f"   filter: {self._filter}", "accent"))
        if self.bugs.marked:
            spans.append((f"   ✔ {len(self.bugs.marked)} marked", "key"))
        return spans

    def _stand_in(self) -> list[Line]:
        """Return what an empty list says: what would fill it, and how."""
        if self._rows is None:
            return [line(""), line(("  Opening the database …", "muted"))]
        if self._filter:
            states = [word.removeprefix("state:") for word in self._filter.split() if word.startswith("state:")]
            return [
                line(""),
                line(f"  No bug matches “{self._filter}”."),
                *(
                    line((f"  There is no state “{state}”: {', '.join(STATES)}.", "warn"))
                    for state in states
                    if state not in STATES
                ),
                line(("  esc", "key"), (" clears the filter.", "muted")),
            ]
        return [
            line(""),
            line(("  No bugs yet.", "strong")),
            line(""),
            line(("  An error of your site shows here within a second of its response.", "muted")),
            line(("  Send one through on purpose:   ", "muted"), "python manage.py capture_test"),
            line(("  Put capture into a site:       ", "muted"), "workbench init"),
            line(("  Try it on a sample site:       ", "muted"), "workbench demo"),
        ]

    def on_pane_moved(self, _event: Pane.Moved) -> None:
        """Other keys may work for another bug."""
        self.offer_keys()

    def on_pane_chosen(self, _event: Pane.Chosen) -> None:
        """Open the bug."""
        self.action_do("open")

    def do_open(self) -> None:
        """Open the page of the selected bug."""
        from workbench.tui.screens.bug import BugScreen

        assert self.bug is not None
        self.app.push_screen(BugScreen(self.bug.number))

    def do_filter(self) -> None:
        """Let a filter be typed."""
        box = self.query_one("#filter", Input)
        box.add_class("-shown")
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        if event.value != self._filter:
            self._filter = event.value
            self.reload()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Back to the list with the filter on."""
        if not self._filter:
            self.query_one("#filter", Input).remove_class("-shown")
        self.bugs.focus()

    def do_clear(self) -> None:
        """Let go of the marks; without any, take the filter off."""
        if self.bugs.marked:
            self.acted()
            return
        box = self.query_one("#filter", Input)
        box.remove_class("-shown")
        box.value = self._filter = ""
        self.bugs.focus()
        self.reload()

    def do_mark(self) -> None:
        """Mark the selected bug, or let go of it, and go on to the next."""
        assert self.bug is not None
        self.bugs.mark([self.bug])
        self.bugs.action_cursor_down()
        self._marks_changed()

    def do_mark_all(self) -> None:
        """Mark all bugs of the list; where all are marked, let go of them."""
        self.bugs.mark(self.bugs.rows)
        self._marks_changed()

    def acted(self) -> None:
        """Let go of the marks."""
        self.bugs.unmark()
        self._marks_changed()

    def _marks_changed(self) -> None:
        self.query_one("#title", Bar).show(line(*self._title()))
        self.offer_keys()
