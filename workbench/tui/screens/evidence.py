"""Evidence on its own screen: what ran where, and what came out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.documents.evidence import latest_lines
from workbench.tui.lines import Span, line
from workbench.tui.place import bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.screens.searching import Searching

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, BugRow


class EvidenceScreen(BugActs, Searching):
    """The latest evidence of a bug."""

    PLACE = "evidence"
    BINDINGS: ClassVar[list[BindingType]] = bindings("evidence")

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._page: BugPage | None = None

    def body(self) -> Iterable[Widget]:
        """Return the document."""
        yield Document(id="main")

    @property
    def bug(self) -> BugRow | None:
        """The bug that it is about."""
        return self._page.row if self._page else None

    def here(self) -> Here:
        """Return the bug."""
        return Here(key=self.key, bug=self.bug, has_evidence=True, searched=self.is_searched)

    def read(self) -> BugPage:
        """Read the page of the bug."""
        return self.workbench.desk.page(self._number)

    def arrived(self, result: BugPage) -> None:
        """Show its evidence."""
        self._page = result
        self.draw()

    def draw(self) -> None:
        """Draw title and document."""
        document = self.query_one("#main", Document)
        title: list[Span] = [("Bug workbench", "strong"), (" › ", "muted"), ("evidence", "")]
        if self._page is None:
            document.show([line(("Reading …", "muted"))])
        else:
            title += [("  ", ""), (f"{self._page.row.label} ", "muted"), (self._page.row.title, "")]
            document.show(latest_lines(self._page, document.room))
        self.query_one("#title", Bar).show(line(*title))

    def do_copy(self) -> None:
        """Copy the commit that holds the fix."""
        if self._page and self._page.evidence:
            self.copy(self._page.evidence.result_commit)
