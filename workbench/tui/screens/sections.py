"""A screen that is one long document in sections, with a line that says in which one we are."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.lines import Line, Span, line
from workbench.tui.pane import Pane
from workbench.tui.screens.searching import Searching

GAPS = (3, 2)  # cells: fewer where that is what it takes
NUMBERED = 10  # sections that have a key: 1 to 9, and 0


def section_line(names: Sequence[str], here: str, width: int) -> Line:
    """Return the names of sections by number; where they do not all fit, those around the one that is shown."""
    words = [f"{number % NUMBERED} {name}" if number <= NUMBERED else name for number, name in enumerate(names, 1)]
    shown = names.index(here) if here in names else 0
    gap = GAPS[0] if sum(cell_len(word) + GAPS[0] for word in words) - GAPS[0] <= width else GAPS[1]
    first = 0
    while first < shown and sum(cell_len(word) + gap for word in words[first : shown + 1]) > width - 4:
        first += 1
    spans: list[Span] = [("‹ ", "muted")] if first else []
    for word, name in list(zip(words, names, strict=True))[first:]:
        number, blank, rest = word.partition(" ") if word != name else ("", "", name)
        is_here = name == here
        spans += [(number + blank, "key" if is_here else "muted"), (rest, "strong" if is_here else "muted")]
        spans.append((" " * gap, ""))
    return line(*spans)


class Sections(Searching):
    """Keys that go from section to section of the document `#main`."""

    @property
    def document(self) -> Document:
        """The document."""
        return self.query_one("#main", Document)

    def draw_sections(self) -> None:
        """Show the sections by number, and the one that the cursor is in."""
        here = self.document.section
        names = [name for _, name in self.document.sections]
        self.query_one("#sections", Bar).show(section_line(names, here, self.size.width - 2))

    def on_pane_moved(self, _event: Pane.Moved) -> None:
        """The cursor may be in another section now."""
        self.draw_sections()

    def action_section_number(self, number: int) -> None:
        """Go to a section by its number; 0 is the tenth."""
        number = number or NUMBERED
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
