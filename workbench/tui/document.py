"""A text to read through: prepared lines in sections, kept in place when they are made anew."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from workbench.tui.lines import Line, lit, places_of
from workbench.tui.pane import SIDE_STEP, Pane

WORDS = 200  # characters that are looked for, at most
TAIL = 5_000  # lines that a growing document holds


class Document(Pane):
    """Prepared lines. Sections are found by the lines that open them."""

    # A page is wrapped before it is known whether it needs a scrollbar, so the scrollbar's cell is never the page's.
    DEFAULT_CSS = "Document#main { scrollbar-gutter: stable; }"

    def __init__(self, *, id: str | None = None, has_cursor: bool = True, follow: bool = False) -> None:  # noqa: A002
        super().__init__(id=id, has_cursor=has_cursor)
        self.lines: list[Line] = []
        self.follow = follow
        self.sought = ""  # the words that are looked for

    @property
    def line_count(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def line_at(self, index: int) -> Line:
        """Return a prepared line, with what is looked for standing out."""
        return lit(self.lines[index], self.sought) if self.sought else self.lines[index]

    @property
    def chosen(self) -> Line | None:
        """The line under the cursor."""
        return self.lines[self.cursor] if self.lines else None

    @property
    def sections(self) -> list[tuple[int, str]]:
        """Where each section begins, and its name."""
        return [(index, line.section) for index, line in enumerate(self.lines) if line.section]

    @property
    def section(self) -> str:
        """The name of the section that the cursor is in."""
        return next((name for index, name in reversed(self.sections) if index <= self.cursor), "")

    @property
    def at_end(self) -> bool:
        """True while the last line is under the cursor, or in sight where there is none."""
        if self.has_cursor:
            return self.cursor >= len(self.lines) - 1
        return round(self.scroll_y) >= round(self.max_scroll_y)

    def show(self, lines: Sequence[Line]) -> None:
        """Replace all lines. The cursor stays on the line it was on, as far as that is still there."""
        if list(lines) == self.lines:
            return
        old, cursor = self.lines, self.cursor
        offset = cursor - round(self.scroll_y)
        self.lines = list(lines)
        self.resize_to(max((line.width for line in self.lines), default=0))
        if old:
            self.cursor = _found(old[cursor], cursor, self.lines)
            self._show_from(self.cursor - offset)

    def add(self, lines: Sequence[Line]) -> None:
        """Append lines; who is at the end stays at the end, who reads further up is not moved."""
        if not lines:
            return
        following = self.follow and (not self.lines or self.at_end)
        self.lines.extend(lines)
        dropped = max(len(self.lines) - TAIL, 0)
        top = round(self.scroll_y)
        del self.lines[:dropped]
        self.cursor = max(self.cursor - dropped, 0)
        self.resize_to(max(self.virtual_size.width - self.gutter_width, max(line.width for line in lines)))
        if following:
            self.move_to(len(self.lines) - 1)
        elif dropped:
            self._show_from(top - dropped)

    # --- searching ---------------------------------------------------------------------------------------------

    @property
    def matches(self) -> list[int]:
        """The lines that hold what is looked for."""
        return [index for index, line in enumerate(self.lines) if places_of(self.sought, line.text)]

    def look_for(self, words: str) -> bool:
        """Let every place of `words` stand out, none where they are empty; say whether there is any."""
        self.sought = words[:WORDS]
        self.refresh()
        return bool(self.matches)

    def go_to_match(self, index: int, by: int) -> None:
        """Put the cursor on the next match after line `index`, or before it; from the last one on to the first."""
        matches = self.matches
        if not matches:
            return
        beyond = [match for match in matches[::by] if (match > index if by > 0 else match < index)]
        self.move_to(beyond[0] if beyond else matches[::by][0])
        text = self.lines[self.cursor].text
        column = cell_len(text[: places_of(self.sought, text)[0][0]])
        if not self.scroll_x <= column < self.scroll_x + self.room - SIDE_STEP:
            self.scroll_to(x=max(column - self.room // 2, 0), animate=False, force=True)

    def go_to_section(self, name: str) -> None:
        """Put the line that opens section `name` at the top."""
        for index, section in self.sections:
            if section == name:
                self.move_to(index, at_top=True)

    def go_to_key(self, key: str) -> None:
        """Put the cursor on the first line with `key`."""
        for index, line in enumerate(self.lines):
            if line.key == key:
                self.move_to(index)
                return


def _found(line: Line, index: int, lines: list[Line]) -> int:
    """Return where `line` is among `lines`: the same line nearest to `index`, else the same key, else `index`."""
    same = [place for place, other in enumerate(lines) if other == line]
    alike = [place for place, other in enumerate(lines) if line.key and other.key == line.key]
    places = same or alike or [max(min(index, len(lines) - 1), 0)]
    return min(places, key=lambda place: abs(place - index))
