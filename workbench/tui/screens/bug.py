"""The page of one bug: why it is one, where it broke, how often, and what is being done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.documents import bug as pages
from workbench.tui.lines import line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.screens.sections import Sections

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.rows import BugPage, BugRow


class BugScreen(BugActs, Sections):
    """One bug."""

    PLACE = "bug"
    BINDINGS: ClassVar[list[BindingType]] = bindings("bug")

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._page: BugPage | None = None
        self._event: Event | None = None  # of an older occurrence; None: the latest
        self._unfolded: frozenset[str] = frozenset()

    def body(self) -> Iterable[Widget]:
        """Return the head, the sections and the page."""
        yield Bar(id="head")
        yield Bar(id="sections")
        yield Document(id="main")

    @property
    def bug(self) -> BugRow | None:
        """The bug that is shown."""
        return self._page.row if self._page else None

    def here(self) -> Here:
        """Return the bug and whether it has evidence."""
        has_evidence = bool(self._page and self._page.evidence)
        latest = self._page.sessions[0] if self._page and self._page.sessions else None
        return Here(bug=self.bug, session=latest, has_evidence=has_evidence, can_undo=bool(self.workbench.undoable))

    def event_at_hand(self, page: BugPage) -> Event | None:
        """Return the event of the occurrence that is shown."""
        return self._event or page.event

    def deleted(self) -> None:
        """Go back: there is no page any more."""
        self.do_back()

    def read(self) -> BugPage:
        """Read the page."""
        return self.workbench.desk.page(self._number)

    def arrived(self, result: BugPage) -> None:
        """Show it."""
        self._page = result
        self.draw()

    def draw(self) -> None:
        """Draw head, sections and page."""
        self.query_one("#title", Bar).show(line(("Bug workbench", "strong"), (" › ", "muted"), "bug"))
        if self._page is None:
            self.document.show([line(("Reading …", "muted"))])
            return
        now = self.workbench.clock()
        self.query_one("#head", Bar).show(*pages.head_lines(self._page, self.size.width - 2, now))
        event = self._event or self._page.event
        view = pages.View(width=self.document.room, now=now, event=event, unfolded=self._unfolded)
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
        elif kind == "session":
            self.show_session(name)
        elif kind == "evidence":
            self.do_evidence()
        elif kind == "bug":
            self.app.push_screen(BugScreen(int(name)))

    def do_unfold(self) -> None:
        """Unfold all library frames, or fold them again."""
        self._unfolded ^= {"fold:all"}
        self.draw()

    def do_newer(self) -> None:
        """Show the next newer occurrence."""
        self._walk(-1)

    def do_older(self) -> None:
        """Show the next older occurrence."""
        self._walk(1)

    def _walk(self, by: int) -> None:
        if self._page is None:
            return
        ids = [seen.id for seen in self._page.occurrences]
        shown = self._event or self._page.event
        place = (ids.index(shown.id) if shown and shown.id in ids else 0) + by
        if 0 <= place < len(ids):
            self._show_occurrence(ids[place])
        else:
            self.say("This is the newest occurrence." if by < 0 else "This is the oldest stored occurrence.")

    def _show_occurrence(self, occurrence_id: str) -> None:
        def show(event: Event) -> None:
            self._event = event
            self.draw()
            self.document.go_to_section("stack")
            self.draw_sections()

        self.load(lambda: self.workbench.desk.event(occurrence_id), show, group="event")
