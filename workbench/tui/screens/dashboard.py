"""The dashboard: all bugs in figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.desk import Dashboard
from workbench.tui.document import Document
from workbench.tui.documents.dashboard import dashboard_lines
from workbench.tui.lines import line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.sections import Sections

if TYPE_CHECKING:
    from workbench.bugs.sites import Site

# Between two readings, while events arrive by the thousand: the figures are sums over much. What a reading takes is at
# most a tenth of the time.
SOONEST, SHARE = 2.0, 10


class DashboardScreen(Sections):
    """How many, how often, how long, how much, and what got stuck."""

    PLACE = "dashboard"
    BINDINGS: ClassVar[list[BindingType]] = bindings("dashboard")

    def __init__(self) -> None:
        super().__init__()
        self._shown: Dashboard | None = None
        self._waits: Timer | None = None  # to read again

    def body(self) -> Iterable[Widget]:
        """Return the sections and the figures."""
        yield Bar(id="sections")
        yield Document(id="main")

    def here(self) -> Here:
        """Return whether the cursor is on a parked action."""
        return Here(key=self.key, on_parked=self._parked is not None, searched=self.is_searched)

    @property
    def _parked(self) -> tuple[int, int] | None:
        """The parked action under the cursor, and the number of its bug."""
        chosen = self.document.chosen
        kind, _, rest = (chosen.key if chosen else "").partition(":")
        owed, _, bug = rest.partition(":")
        return (int(owed), int(bug)) if kind == "parked" else None

    @property
    def _site(self) -> Site | None:
        """The site under the cursor."""
        chosen = self.document.chosen
        kind, _, place = (chosen.key if chosen else "").partition(":")
        return self._shown.stats.sites[int(place)] if kind == "site" and self._shown else None

    def read(self) -> Dashboard:
        """Read the figures."""
        return self.workbench.desk.dashboard()

    def store_changed(self) -> None:
        """Read again, after a while."""
        if self._waits is None:
            took = self._shown.seconds if self._shown else 0.0
            self._waits = self.set_timer(max(SOONEST, SHARE * took), self.reload)

    def arrived(self, result: Dashboard) -> None:
        """Show them."""
        self._shown, self._waits = result, None
        self.draw()

    def draw(self) -> None:
        """Draw title, sections and figures."""
        name = self.workbench.config.repo.name
        title = line(("Bug workbench", "strong"), (f"  {name}", "muted"), (" › ", "muted"), "dashboard")
        self.query_one("#title", Bar).show(title)
        if self._shown is None:
            self.document.show([line(("Reading …", "muted"))])
            return
        stats, github, now = self._shown.stats, self._shown.github, self.workbench.clock()
        self.document.show(dashboard_lines(stats, github, self.document.room, now, key=self.key))
        self.draw_sections()

    def on_pane_moved(self, _event: Pane.Moved) -> None:
        """Other keys may work on another line."""
        self.offer_keys()

    def on_pane_chosen(self, _event: Pane.Chosen) -> None:
        """Enter acts on the line under the cursor."""
        self.action_do("open")

    def do_open(self) -> None:
        """Show the bug of a parked action, or the bugs of a site."""
        from workbench.tui.screens.bug import BugScreen

        if self._parked is not None:
            self.app.push_screen(BugScreen(self._parked[1]))
        elif self._site is not None:
            self._list(self._site)
        else:
            self.say("There is nothing behind this line: sites lead to their bugs, and parked actions to theirs.")

    def _list(self, site: Site) -> None:
        from workbench.tui.screens.list_views import ListViews

        below = self.app.screen_stack[-2]
        if not site.filter:
            self.say("No filter can name this site.", "warn")
        elif isinstance(below, ListViews):
            self.do_back()
            below.show_all(site.filter)

    def do_retry(self) -> None:
        """Let the parked action be tried again."""
        assert self._parked is not None
        owed, bug = self._parked

        said = f"The action of B-{bug:03d} is due again: the worker takes it."
        self.write(f"retry for B-{bug:03d}", lambda: self.workbench.desk.retry(owed), lambda _: said)
