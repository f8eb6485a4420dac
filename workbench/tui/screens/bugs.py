"""The bug list: what failed, how often, and how far it is from being fixed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from workbench.bugs.order import Order
from workbench.text import plain
from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.bug_list import READ_AHEAD, BugList, heading_line
from workbench.tui.desk import Asked, Listed, wrong_filter
from workbench.tui.document import Document
from workbench.tui.lines import Line, Span, line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.words import plural, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow

LIST_EDGES = 2  # the cursor's mark and the scrollbar, whose place is always kept
MOST_MARKED = 1_000  # as many as one act takes
STATES = ("open", "fixing", "review", "closed", "muted")
SORTABLE = ("last", "first", "count", "number", "state", "title", "route", "env", "release", "assigned", "issue")
ALPHABETIC = ("number", "state", "title", "route", "env", "assigned")


class BugsScreen(BugActs):
    """All bugs, newest first."""

    PLACE = "list"
    BINDINGS: ClassVar[list[BindingType]] = bindings("list")

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._order = Order()
        self._shown: Listed | None = None
        self._wrong = ""  # what is wrong with the filter as it is typed

    def body(self) -> Iterable[Widget]:
        """Return the filter, the columns and the list, or what stands in for an empty one."""
        filter_input = Input(placeholder="words, or state:review count:>100 seen:<24h !route:/api/*", id="filter")
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

    def read(self) -> Listed:
        """Read how many bugs match the filter, and those around the cursor."""
        bugs, desk = self.bugs, self.workbench.desk
        top = max(round(bugs.scroll_y) - READ_AHEAD // 2, 0)
        asked = Asked(self._filter, self._order)
        if self._shown is None or self._shown.asked != asked or bugs.is_at_start:
            return desk.listed(asked, start=0, size=READ_AHEAD)
        selected = bugs.selected
        return desk.listed(asked, start=top, size=READ_AHEAD, around=selected.number if selected else None)

    def arrived(self, result: Listed) -> None:
        """Show them without moving the cursor from its bug."""
        is_new = self._shown is not None and self._shown.asked != result.asked
        self._shown = result
        self.bugs.show(result.window, self.workbench.clock(), is_new=is_new)
        self.draw()

    def on_bug_list_wanted(self, event: BugList.Wanted) -> None:
        """Read the lines that came into sight."""
        if self._shown is not None:
            asked = self._shown.asked
            self.load(
                lambda: self.workbench.desk.listed(asked, start=event.start, size=READ_AHEAD),
                self._window_arrived,
                group="window",
            )

    def _window_arrived(self, result: Listed) -> None:
        if self._shown is not None and self._shown.asked == result.asked:
            self._shown = result
            self.bugs.show_lines(result.window, self.workbench.clock())
            self.offer_keys()

    def draw(self) -> None:
        """Draw the bars, and the list where relative times read differently now."""
        self.bugs.tick(self.workbench.clock())
        has_rows = self._shown is not None and self._shown.window.total > 0
        self.bugs.display = has_rows
        columns = self.query_one("#columns", Bar)
        columns.display = has_rows
        columns.show(heading_line(self.size.width - LIST_EDGES, self._order))
        empty = self.query_one("#empty", Document)
        empty.display = not has_rows
        empty.show(self._stand_in())
        self.query_one("#title", Bar).show(line(*self._title()))

    def _title(self) -> list[Span]:
        spans: list[Span] = [("Bug workbench", "strong"), (f"  {self.workbench.config.repo.name}  ", "muted")]
        if self._shown is None:
            return spans
        spans.append((plural(self._shown.window.total, "bug"), ""))
        for state in STATES:
            if count := self._shown.counts.get(state, 0):
                glyph, ink = state_mark(state)
                spans.append((f"  {glyph} {count:,} {state}", ink))
        if self.bugs.new_above:
            spans.append((f"   ↑ {self.bugs.new_above} new above", "accent"))
        if self._filter:
            spans.append((f"   filter: {self._filter}", "accent"))
        if self.bugs.marked:
            spans.append((f"   ✔ {len(self.bugs.marked)} marked", "key"))
        return spans

    def _stand_in(self) -> list[Line]:
        """Return what an empty list says: what would fill it, and how."""
        if self._shown is None:
            return [line(""), line(("  Opening the database …", "muted"))]
        if self._filter:
            return [
                line(""),
                line(f"  No bug matches “{plain(self._filter, 200)}”."),
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
        self._moved()

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
        """Filter while typing; a filter that means nothing (yet) says so, and leaves the list as it is."""
        text = event.value
        wrong = wrong_filter(text)
        if wrong is not None:
            self._wrong = wrong.message
            marked = f"{text[: wrong.start]}▸{text[wrong.start : wrong.end]}◂{text[wrong.end :]}"
            self.say(marked, "warn", cure=wrong.message, stays=True)
            return
        if self._wrong:
            self._wrong = ""
            self.say("")
        if text != self._filter:
            self._filter = text
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
        self._moved()

    def do_mark_all(self) -> None:
        """Mark all bugs of the list, as many as one act takes; where all are marked, let go of them."""
        asked = Asked(self._filter, self._order)

        def mark(all_: Listed) -> None:
            self.bugs.mark(all_.window.rows)
            self._moved()
            if all_.window.total > len(all_.window.rows):
                self.say(f"Marked the first {len(all_.window.rows):,} of {all_.window.total:,}.", "warn")

        self.load(lambda: self.workbench.desk.listed(asked, start=0, size=MOST_MARKED), mark, group="mark")

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        self._sort(1)

    def do_sort_previous(self) -> None:
        """Sort by the column before."""
        self._sort(-1)

    def do_sort_reverse(self) -> None:
        """Turn the order around."""
        self._order = replace(self._order, is_descending=not self._order.is_descending)
        self.reload()

    def _sort(self, by: int) -> None:
        column = SORTABLE[(SORTABLE.index(self._order.by) + by) % len(SORTABLE)]
        self._order = Order(column, column not in ALPHABETIC)
        self.say(f"Sorted by {column}; = turns the order around.")
        self.reload()

    def acted(self) -> None:
        """Let go of the marks."""
        self.bugs.unmark()
        self._moved()

    def _moved(self) -> None:
        self.query_one("#title", Bar).show(line(*self._title()))
        self.offer_keys()
