"""Two occurrences of a bug side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.documents.compare import compare_lines
from workbench.tui.lines import cell, line
from workbench.tui.place import bindings
from workbench.tui.screens.sections import Sections
from workbench.tui.screens.splitting import Splitting, differing_values
from workbench.tui.words import ago

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.rows import BugRow


class CompareScreen(Splitting, Sections):
    """What tells two events apart. The older one stands first, whichever was chosen first."""

    PLACE = "compare"
    BINDINGS: ClassVar[list[BindingType]] = bindings("compare")

    def __init__(self, bug: BugRow, one: Event, other: Event) -> None:
        super().__init__()
        self._bug = bug
        self._events = sorted((one, other), key=lambda event: (event.at, event.id))
        self._only_different = False

    def body(self) -> Iterable[Widget]:
        """Return the head, the sections and the comparison."""
        yield Bar(id="head")
        yield Bar(id="sections")
        yield Document(id="main")

    def here(self) -> Here:
        """Return the bug."""
        return Here(key=self.key, bug=self._bug, searched=self.is_searched)

    def reload(self) -> None:
        """Nothing is read: events never change."""

    def draw(self) -> None:
        """Draw the comparison for the present width."""
        self.query_one("#title", Bar).show(
            line(("Bug workbench", "strong"), (" › ", "muted"), "two occurrences  ", (self._bug.label, "muted"))
        )
        older, newer = self._events
        now = self.workbench.clock()
        self.query_one("#head", Bar).show(
            line(("A ", "remove"), ago(older.at, now), (f"  {cell(older.id, 32)}", "muted")),
            line(("B ", "add"), ago(newer.at, now), (f"  {cell(newer.id, 32)}", "muted")),
        )
        self.document.show(compare_lines(older, newer, self.document.room, only_different=self._only_different))
        self.draw_sections()

    @property
    def bugs_at_hand(self) -> tuple[BugRow, ...]:
        """The bug whose occurrences these are."""
        return (self._bug,)

    def do_split(self) -> None:
        """Ask by which of the differences the bug is to be split."""
        self.offer_splits(differing_values(*self._events))

    def do_only_different(self) -> None:
        """Hide what is the same, or show it again."""
        self._only_different = not self._only_different
        self.draw()
