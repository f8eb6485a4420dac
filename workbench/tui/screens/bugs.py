"""The bug list: what failed, how often, and how far it is from being fixed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from workbench.tui import loading
from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.bug_list import BugList
from workbench.tui.column_layout import heading_line
from workbench.tui.desk import Asked, Listed
from workbench.tui.document import Document
from workbench.tui.documents.empty_list import EmptyList, empty_lines, unread_lines
from workbench.tui.filter_box import FilterBox, Suggestions
from workbench.tui.heading import Heading
from workbench.tui.lines import Line, Span, line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.opening import OPENING, title
from workbench.tui.screens.view_counts import OLD, CountedViews
from workbench.tui.tabs import Tabs
from workbench.tui.words import plural, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow

MOST_MARKED = 1_000  # as many as one act takes
STATES = ("open", "fixing", "review", "closed", "muted")
# Between two readings because others wrote: a storm of events must not keep the keys waiting. What a reading takes is
# at most a tenth of the time, and an error shows within a second all the same.
SOONEST, LATEST, SHARE = 0.4, 2.0, 10


class BugsScreen(CountedViews):
    """Bugs, the latest first unless another order is asked for."""

    PLACE = "list"
    CSS_PATH = "../workbench.tcss"  # of all screens: this is the first
    BINDINGS: ClassVar[list[BindingType]] = bindings("list")

    def __init__(self) -> None:
        super().__init__()
        self._shown: Listed | None = None
        self._is_unread = False  # what is asked for could not be read
        self._began = self._ended = 0.0  # the last reading
        self._read_at = -1  # which of the changes of the store
        self._later: Timer | None = None

    def body(self) -> Iterable[Widget]:
        """Return the views, the filter, the columns and the list, or what stands in for an empty one."""
        yield Tabs(id="views")
        yield FilterBox(id="filter")
        yield Suggestions(id="suggestions")
        yield Heading(id="columns")
        yield BugList(id="main")
        yield Document(id="empty", has_cursor=False)

    @property
    def bug(self) -> BugRow | None:
        """The selected bug."""
        return self.bugs.selected

    def here(self) -> Here:
        """Return the selected bug, and those that are marked."""
        return Here(
            key=self.key,
            bug=self.bug,
            filtered=self.box.has_class("-shown"),
            marked=self.bugs.marked,
            can_undo=self.workbench.writing.can_undo,
        )

    def reload(self) -> None:
        """Read again, with the views of the configuration as soon as they can be read."""
        if self.workbench.is_open:
            self.settle_views()
            self._began, self._read_at = time.monotonic(), self.workbench.changes
        super().reload()
        self.hold_if_behind()

    def hold_if_behind(self) -> None:
        """Keep the keys that come after a change of view, filter or order for the list that was asked for."""
        asked = self._asked
        if self.workbench.is_open and self.focused is not self.box and self._is_of_before:
            self.hold_keys(late=None)  # the bugs of the list before are still there
            self.set_timer(loading.PATIENCE_SECONDS, lambda: self._give_up(asked))

    @property
    def _is_of_before(self) -> bool:
        """True while what is shown, or was until it was let go of, is another list than the one that is asked for."""
        return self._ended > 0 if self._shown is None else not self.is_awaited(self._shown)

    def _give_up(self, asked: Asked) -> None:
        """Show the bugs of the list before no longer where another is asked for, and still not read."""
        if self._shown is not None and self._is_of_before and asked == self._asked and self.focused is not self.box:
            self._forget()

    def unread(self) -> None:
        """Show no bugs under the heading of a list that they do not belong to: a key would act on one."""
        self._is_unread = True
        if self._shown is None or self._is_of_before:
            self._forget()

    def _forget(self) -> None:
        self._shown = None
        self.bugs.forget()
        self.draw()
        self.offer_keys()

    def is_awaited(self, result: Listed) -> bool:
        """Say whether these are the bugs that are asked for now."""
        asked = self._asked
        return (result.asked.filter, result.asked.order) == (asked.filter, asked.order)

    def may_be_old(self) -> bool:
        """Say whether the store changed, or a while went by: some filters ask for the time."""
        return self._read_at != self.workbench.changes or time.monotonic() > self._ended + OLD

    def store_changed(self) -> None:
        """Read again, soon: many changes in a short time are one."""
        if self._later is not None:
            return
        pause = min(max(SHARE * (self._ended - self._began), SOONEST), LATEST)
        wait = self._ended + pause - time.monotonic()
        if wait > 0:
            self._later = self.set_timer(wait, self._catch_up)
        else:
            self.reload()

    def _catch_up(self) -> None:
        self._later = None
        self.reload()

    @property
    def _asked(self) -> Asked:
        shown = {place.column.id for place in self.bugs.columns}
        return Asked(self.whole_filter, self._order, days="days" in shown, users="users" in shown)

    def read(self) -> Listed:
        """Read how many bugs match the filter, and those around the cursor."""
        bugs, desk, asked = self.bugs, self.workbench.desk, self._asked
        if self._shown is None or self._shown.asked != asked or bugs.is_at_start:
            return desk.listed(asked, start=0, size=bugs.held_first)
        selected = bugs.selected
        around = selected.number if selected else None
        return desk.listed(asked, start=bugs.held_from, size=bugs.held, around=around)

    def arrived(self, result: Listed) -> None:
        """Show them without moving the cursor from its bug."""
        self._ended = time.monotonic()
        before = self._shown.asked if self._shown is not None else None
        is_new = before is None or (before.filter, before.order) != (result.asked.filter, result.asked.order)
        self._shown, self._is_unread = result, False
        self.bugs.show(result.window, self.workbench.clock(), is_new=is_new)
        self.draw()
        self.count_views()

    def on_bug_list_wanted(self, event: BugList.Wanted) -> None:
        """Read the lines that came into sight."""
        if self._shown is not None:
            asked, size = self._shown.asked, self.bugs.held
            self.load(
                lambda: self.workbench.desk.listed(asked, start=event.start, size=size),
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
        empty = self.query_one("#empty", Document)
        held_focus = self.focused in (self.bugs, empty)
        self.bugs.display = has_rows
        columns = self.query_one(Heading)
        columns.display = has_rows
        columns.columns = self.bugs.columns
        columns.show(heading_line(columns.columns, self._order))
        self.offer_tabs()
        empty.display = not has_rows
        if held_focus:
            # Else the focus of a list that has become empty goes to the filter, which takes every key for a letter.
            self.set_focus(self.bugs if has_rows else empty, scroll_visible=False)
        empty.show(self._stand_in())
        self.query_one("#title", Bar).show(line(*self._title()))

    def _title(self) -> list[Span]:
        spans = title(self.workbench.config)
        if self._shown is not None:
            spans.append((plural(self._shown.window.total, "bug"), ""))
        for state in STATES:
            if self._shown is not None and (count := self._shown.counts.get(state, 0)):
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
        """Return what stands where no bug does."""
        if self._shown is None and not self.workbench.is_open:
            return OPENING
        shown = EmptyList(self._views.views, self._view, self._filter, self._shown is not None and self._shown.is_empty)
        if self._shown is None:
            return unread_lines(shown, is_failed=self._is_unread, key=self.key)
        return empty_lines(shown, width=self.size.width - 2, key=self.key)

    def on_pane_moved(self, _event: Pane.Moved) -> None:
        """Other keys may work for another bug; one whose line is still being read says so when it comes."""
        if self.bug is not None or not self.bugs.line_count:
            self._moved()

    def on_pane_chosen(self, _event: Pane.Chosen) -> None:
        """Open the bug."""
        self.action_do("open")

    def do_dashboard(self) -> None:
        """Show all bugs in figures."""
        from workbench.tui.screens.dashboard import DashboardScreen

        self.app.push_screen(DashboardScreen())

    def do_open(self) -> None:
        """Open the page of the selected bug."""
        from workbench.tui.screens.bug import BugScreen

        assert self.bug is not None
        self.app.push_screen(BugScreen(self.bug.number))

    def do_clear(self) -> None:
        """Let go of the marks; without any take the filter off, and while one is typed leave that change."""
        if self.box.has_focus:
            self.take_back()
        elif self.bugs.marked:
            self.acted()
        else:
            self.drop_filter()
            self.reload()

    def do_mark(self) -> None:
        """Mark the selected bug, or let go of it, and go on to the next."""
        assert self.bug is not None
        self.bugs.mark([self.bug])
        self.bugs.action_cursor_down()
        self._moved()
        self._tell_marks()

    def do_mark_all(self) -> None:
        """Mark all bugs of the list, as many as one act takes; where all are marked, let go of them."""
        asked = self._asked

        def mark(all_: Listed) -> None:
            self.bugs.mark(all_.window.rows)
            self._moved()
            if all_.window.total > len(all_.window.rows):
                self.say(f"Marked the first {len(all_.window.rows):,} of {all_.window.total:,}.", "warn")
            else:
                self._tell_marks()

        self.load(lambda: self.workbench.desk.listed(asked, start=0, size=MOST_MARKED), mark, group="mark")

    def _tell_marks(self) -> None:
        """Say what marks are for."""
        count = len(self.bugs.marked)
        ways = {"merge": "merges them", "mute": "mutes", "close": "closes", "help": "has the rest", "clear": "lets go"}
        told = [f"{self.key(action)} {does}" for action, does in ways.items() if count > 1 or action != "merge"]
        self.say(f"{count:,} marked: {', '.join(told)}." if count else "")

    def acted(self) -> None:
        """Let go of the marks, and let the tabs say what became of them."""
        self.count_anew()
        self.bugs.unmark()
        self._moved()

    def _moved(self) -> None:
        self.query_one("#title", Bar).show(line(*self._title()))
        self.offer_keys()
