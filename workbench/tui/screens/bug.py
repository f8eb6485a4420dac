"""The page of one bug: why it is one, where it broke, how often, and what is being done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.documents import bug as pages
from workbench.tui.lines import line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.screens.editing import Editing
from workbench.tui.screens.sections import Sections
from workbench.tui.screens.splitting import Splitting, varying_values

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.occurrences import Edge, Window
    from workbench.bugs.rows import BugPage, BugRow
    from workbench.tui.documents.figures import By, Figures

ROOMY = 16  # lines; in a terminal of fewer, all but the first line of the head would leave the page no room
FIGURES_SECONDS = 2.0  # between readings of the figures, while events arrive by the thousand
Read = tuple["BugPage", "Window"]
Side = Literal["newer", "older"]


class BugScreen(BugActs, Splitting, Sections, Editing):
    """One bug."""

    PLACE = "bug"
    BINDINGS: ClassVar[list[BindingType]] = bindings("bug")

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._page: BugPage | None = None
        self._event: Event | None = None  # of an older occurrence; None: the latest
        self._unfolded: frozenset[str] = frozenset()
        self._window: Window | None = None
        self._beside: Edge | None = None  # where the window begins; None: with the latest
        self._kept = ""  # the occurrence that another is to be compared with
        self._figures: Figures | None = None
        self._by: By = "hours"
        self._waits: Timer | None = None  # to read the figures again
        self._reads_figures = self._figures_again = False

    def body(self) -> Iterable[Widget]:
        """Return the head, the sections and the page."""
        yield Bar(id="head")
        yield Bar(id="sections")
        yield Document(id="main")

    @property
    def bug(self) -> BugRow | None:
        """The bug that is shown."""
        return self._page.row if self._page else None

    @property
    def event(self) -> Event | None:
        """The event of the occurrence that is shown."""
        return self._event or (self._page.event if self._page else None)

    def here(self) -> Here:
        """Return the bug and whether it has evidence."""
        has_evidence = bool(self._page and self._page.evidence)
        latest = self._page.sessions[0] if self._page and self._page.sessions else None
        return Here(
            key=self.key,
            bug=self.bug,
            session=latest,
            has_evidence=has_evidence,
            can_undo=self.workbench.writing.can_undo,
            has_occurrence=self.event is not None,
            searched=self.is_searched,
        )

    def event_at_hand(self, page: BugPage) -> Event | None:
        """Return the event of the occurrence that is shown."""
        return self._event or page.event

    def deleted(self) -> None:
        """Go back: there is no page any more."""
        self.do_back()

    def read(self) -> Read:
        """Read the page, and the occurrences that are looked at."""
        desk, beside = self.workbench.desk, self._beside
        return desk.page(self._number), desk.occurrences(self._number, beside)

    def arrived(self, result: Read) -> None:
        """Show it, and read the figures anew: soon where there are new events, at once where an act moved some."""
        before, (self._page, self._window) = self._page, result
        self.draw()
        if self._figures is None and not self._reads_figures:
            self._read_figures()
        elif before is not None and before.row.count != self._page.row.count:
            # What an act moved is no flood of events, and a split by a value that is gone would be offered.
            if self._page.row.count < before.row.count or self._page.acts != before.acts:
                self._read_figures()
            elif self._waits is None:
                self._waits = self.set_timer(FIGURES_SECONDS, self._read_figures)

    def _read_figures(self) -> None:
        """Read them; while a reading is under way, once more after it."""
        if self._waits is not None:
            self._waits.stop()
            self._waits = None
        if self._reads_figures:
            self._figures_again = True
            return
        self._reads_figures = True
        read = self.workbench.desk.figures
        self.load(lambda: read(self._number), self._figures_arrived, group="figures", failed=self._figures_failed)

    def _figures_arrived(self, figures: Figures) -> None:
        self._reads_figures, again = False, self._figures_again
        self._figures_again = False
        self._figures = figures
        self.draw()
        if again:
            self._read_figures()

    def _figures_failed(self, error: BaseException) -> None:
        self._reads_figures = self._figures_again = False
        self.fail(error)

    def draw(self) -> None:
        """Draw head, sections and page."""
        self.query_one("#title", Bar).show(line(("Bug workbench", "strong"), (" › ", "muted"), "bug"))
        if self._page is None:
            self.document.show([line(("Reading …", "muted"))])
            return
        now = self.workbench.clock()
        head = pages.head_lines(self._page, self.size.width - 2, now)
        self.query_one("#head", Bar).show(*(head if self.size.height >= ROOMY else head[:1]))
        view = pages.View(
            width=self.document.room,
            now=now,
            event=self.event,
            unfolded=self._unfolded,
            window=self._window,
            kept=self._kept,
            figures=self._figures,
            by=self._by,
            key=self.key,
        )
        self.document.show(pages.page_lines(self._page, view))
        self.draw_sections()

    def on_pane_chosen(self, _event: Pane.Chosen) -> None:
        """Enter acts on the line under the cursor."""
        self.action_do("open")

    def do_open(self) -> None:
        """Unfold the frame, open the occurrence, the session or the evidence of the line."""
        chosen = self.document.chosen
        kind, _, name = (chosen.key if chosen else "").partition(":")
        if kind in ("frame", "fold") and chosen:
            self._unfolded ^= {chosen.key}
            self.draw()
            self.document.go_to_key(chosen.key)
        elif kind == "occurrence":
            self._show_occurrence(name)
        elif kind == "window":
            self._turn("newer" if name == "newer" else "older")
        elif kind == "session":
            self.show_session(name)
        elif kind == "evidence":
            self.do_evidence()
        elif kind == "bug":
            self.app.push_screen(BugScreen(int(name)))
        elif kind == "value":
            self._split_by(*name.split("=", 1))

    def do_unfold(self) -> None:
        """Unfold all library frames, or fold them again."""
        self._unfolded ^= {"fold:all"}
        self.draw()

    def do_plot(self) -> None:
        """Plot by the day instead of by the hour, or the other way round, and show it."""
        self._by = "days" if self._by == "hours" else "hours"
        self.draw()
        self.document.go_to_section("over time")
        self.draw_sections()

    # --- occurrences -------------------------------------------------------------------------------------------

    def do_newer(self) -> None:
        """Show the next newer occurrence."""
        self._walk("newer")

    def do_older(self) -> None:
        """Show the next older occurrence."""
        self._walk("older")

    def _walk(self, side: Side) -> None:
        if self._window is None:
            return
        ids = [seen.id for seen in self._window.rows]
        shown = self.event
        place = (ids.index(shown.id) if shown and shown.id in ids else 0) + (1 if side == "older" else -1)
        if 0 <= place < len(ids):
            self._show_occurrence(ids[place])
        elif self._has_more(side):
            self._turn(side, is_shown=True)
        else:
            newest, oldest = "This is the newest occurrence.", "This is the oldest stored occurrence."
            self.say(newest if side == "newer" else oldest)

    def _has_more(self, side: Side) -> bool:
        window = self._window
        if window is None or not window.rows:
            return False
        return window.newer > 0 if side == "newer" else window.stored > window.newer + len(window.rows)

    def _turn(self, side: Side, *, is_shown: bool = False) -> None:
        """Look at the occurrences beyond an end of those that are looked at; with `is_shown`, show the nearest."""
        from workbench.bugs.occurrences import SIZE, Edge

        if self._window is None or not self._window.rows:
            return
        end = self._window.rows[0 if side == "newer" else -1]
        # Close to the latest, the window begins with the latest again, and new ones are seen as they arrive.
        is_latest = side == "newer" and self._window.newer <= SIZE
        self._beside = None if is_latest else Edge(end.at, end.id, side)

        def show(window: Window) -> None:
            self._window = window
            self.draw()
            if is_shown:
                ids = [seen.id for seen in window.rows]
                nearest = ids.index(end.id) - 1 if end.id in ids else (-1 if side == "newer" else 0)
                self._show_occurrence(ids[nearest])
            else:
                self.document.go_to_section("occurrences")
                self.draw_sections()

        beside = self._beside
        self.load(lambda: self.workbench.desk.occurrences(self._number, beside), show, group="window")

    def _show_occurrence(self, occurrence_id: str) -> None:
        def show(event: Event) -> None:
            self._event = event
            self.draw()
            self.document.go_to_section("stack")
            self.draw_sections()

        self.load(lambda: self.workbench.desk.event(occurrence_id), show, group="event")

    def do_compare(self) -> None:
        """Keep the occurrence under the cursor, or the one that is shown; with one kept, compare the two."""
        chosen = self.document.chosen
        kind, _, name = (chosen.key if chosen else "").partition(":")
        picked = name if kind == "occurrence" else self.event.id if self.event else ""
        if not self._kept:
            self._kept = picked
            compares = f"{self.key('compare')} on another occurrence compares the two"
            self.say(f"Kept for comparison: {compares}, on this one lets go of it.")
        elif self._kept == picked:
            self._kept = ""
            self.say("Let go of the occurrence.")
        else:
            self._compare(self._kept, picked)
        self.draw()

    def _compare(self, one: str, other: str) -> None:
        from workbench.tui.screens.compare import CompareScreen

        assert self.bug is not None
        bug, desk = self.bug, self.workbench.desk

        def show(events: tuple[Event, Event]) -> None:
            self._kept = ""
            self.draw()
            self.app.push_screen(CompareScreen(bug, *events))

        self.load(lambda: (desk.event(one), desk.event(other)), show, group="event")

    def do_split(self) -> None:
        """Ask by what the bug is to be split: by a value of what varies over its stored events."""
        if self._figures is None:
            self.say("Still reading what varies over the stored events.")
        else:
            self.offer_splits(varying_values(self._figures))

    def _split_by(self, field: str, value: str) -> None:
        assert self._figures is not None
        counts = {(name, each): count for name, each, count in varying_values(self._figures)}
        self.ask_split(field, value, counts.get((field, value)))

    def do_edit(self) -> None:
        """Open the file of the frame under the cursor, or of the innermost of the application."""
        chosen = self.document.chosen
        if self.event is not None:
            self.edit(self.event, chosen.key if chosen else "")
