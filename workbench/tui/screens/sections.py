"""A screen that is one long document in sections, with a line that says in which one we are."""

from __future__ import annotations

from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.lines import Span, line
from workbench.tui.pane import Pane
from workbench.tui.place import PlaceScreen


class Sections(PlaceScreen):
    """Keys that go from section to section of the document `#main`."""

    @property
    def document(self) -> Document:
        """The document."""
        return self.query_one("#main", Document)

    def draw_sections(self) -> None:
        """Show the sections by number, and the one that the cursor is in."""
        here = self.document.section
        spans: list[Span] = []
        for number, (_, name) in enumerate(self.document.sections, 1):
            is_here = name == here
            if number <= 9:
                spans.append((f"{number} ", "key" if is_here else "muted"))
            spans.append((f"{name}   ", "strong" if is_here else "muted"))
        self.query_one("#sections", Bar).show(line(*spans))

    def on_pane_moved(self, _event: Pane.Moved) -> None:
        """The cursor may be in another section now."""
        self.draw_sections()

    def action_section_number(self, number: int) -> None:
        """Go to a section by its number."""
        sections = self.document.sections
        if number <= len(sections):
            self.document.move_to(sections[number - 1][0], at_top=True)
            self.draw_sections()

    def do_section_number(self) -> None:
        """Say what the numbers are for."""
        self.say("Press the number of a section.")

    def do_section(self) -> None:
        """Go to the next section; after the last comes the first."""
        starts = [index for index, _ in self.document.sections]
        self._go(next((index for index in starts if index > self.document.cursor), starts[0] if starts else 0))

    def do_section_back(self) -> None:
        """Go to the section before."""
        starts = [index for index, _ in self.document.sections]
        earlier = [index for index in starts if index < self.document.cursor]
        self._go(earlier[-1] if earlier else starts[-1] if starts else 0)

    def _go(self, index: int) -> None:
        self.document.move_to(index, at_top=True)
        self.draw_sections()
