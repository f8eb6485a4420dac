"""A pane of lines: the one widget that draws text, with a cursor, only as many lines as are on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.tui.actions import MOVES
from workbench.tui.inks import styles
from workbench.tui.lines import BLANK, Ink, Line, cut
from workbench.tui.rebinding import rebind

SIDE_STEP = 8
CURSOR = "▌"


class _Look(NamedTuple):
    """What a line is drawn with: the style behind it, and that of each ink on it."""

    behind: Style
    inks: Mapping[Ink, Style]


class _Drawing(NamedTuple):
    """What lines that are drawn together have in common."""

    left: int
    top: int
    width: int  # cells of a line, without the cursor's mark
    room: int  # of these, what a line has for its words
    looks: tuple[_Look, _Look]  # of a line without the cursor, and with it


class Pane(ScrollView, can_focus=True):
    """Lines with a cursor. Subclasses say how many lines there are and what each is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(move.keys, move.id, move.label, id=f"move.{move.id}", show=False) for move in MOVES),
        Binding("enter", "choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"pane--cursor"}
    DEFAULT_CSS = """
    Pane {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size: 0 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $foreground 20%;
        & > .pane--cursor { background: $foreground 10%; }
        &:blur > .pane--cursor { background: $foreground 6%; }
    }
    """

    @dataclass
    class Chosen(Message):
        """Enter, or a second click, on a line."""

        pane: Pane
        index: int

        @property
        def control(self) -> Pane:
            """The pane that it happened in."""
            return self.pane

    @dataclass
    class Moved(Message):
        """The cursor came to another line."""

        pane: Pane
        index: int

        @property
        def control(self) -> Pane:
            """The pane that it happened in."""
            return self.pane

        def can_replace(self, message: Message) -> bool:
            """Only the latest place matters."""
            return isinstance(message, Pane.Moved) and message.pane is self.pane

    def __init__(self, *, id: str | None = None, classes: str | None = None, has_cursor: bool = True) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.has_cursor = has_cursor
        self._drawing: _Drawing | None = None
        self._looks: tuple[_Look, _Look] = _Look(Style.null(), {}), _Look(Style.null(), {})
        self._mixed: tuple[object, ...] = ()  # what they were mixed from

    def on_mount(self) -> None:
        """Take up one's own keys."""
        if keys := getattr(self.app, "keys", None):
            rebind(self, "move", keys)

    @property
    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line_at(self, index: int) -> Line:
        """Return the line at `index`."""
        raise NotImplementedError

    @property
    def gutter_width(self) -> int:
        """Cells taken by the cursor's mark."""
        return 1 if self.has_cursor else 0

    @property
    def room(self) -> int:
        """Cells that a line has."""
        return max(self.scrollable_content_region.width - self.gutter_width, 1)

    def resize_to(self, width: int = 0) -> None:
        """Take up a changed number of lines; `width` is that of the longest where lines may be scrolled sideways."""
        self.virtual_size = Size(max(width + self.gutter_width, 1), self.line_count)
        self.cursor = min(self.cursor, max(self.line_count - 1, 0))
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a part of the pane; what they have in common is looked up once."""
        self._drawing = None
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return line `y` of the visible part; what goes on beyond the right edge ends in an ellipsis there."""
        drawing = self._drawing = self._drawing or self._look_up()
        left, width = drawing.left, drawing.width
        index = drawing.top + y
        here = self.has_cursor and index == self.cursor and self.line_count > 0
        behind, inks = drawing.looks[here]
        shown = cut(self.line_at(index), left + drawing.room) if index < self.line_count else BLANK
        body = [Segment(text, inks[ink]) for text, ink in shown.spans]
        blank = width - shown.width
        if left or blank < 0:
            body = list(Strip(body).crop_extend(left, left + width, behind))
        elif blank:
            body.append(Segment(" " * blank, behind))
        if self.has_cursor:
            body.insert(0, Segment(CURSOR if here else " ", inks["accent"]))
        return Strip(body, width + self.gutter_width)

    def _look_up(self) -> _Drawing:
        base, background = self.rich_style, self.background_colors[1]
        cursor = base + Style(bgcolor=self.get_component_rich_style("pane--cursor").bgcolor)
        mixed = self.app.theme_variables, background, base, cursor
        if self._mixed != mixed:
            inks = styles(self.app.theme_variables, background)
            plain, here = (
                _Look(behind, {ink: behind + style for ink, style in inks.items()}) for behind in (base, cursor)
            )
            self._looks, self._mixed = (plain, here), mixed
        left, top = self.scroll_offset
        return _Drawing(left, top, self.size.width - self.gutter_width, self.room, self._looks)

    def move_to(self, index: int, *, at_top: bool = False) -> None:
        """Put the cursor on `index` and bring it into sight; `at_top` puts it on the first visible line."""
        if not self.line_count:
            return
        index = min(max(index, 0), self.line_count - 1)
        before, self.cursor = self.cursor, index
        height = max(self.scrollable_content_region.height, 1)
        top = round(self.scroll_y)
        if at_top or not self.has_cursor or index < top:
            top = index
        elif index >= top + height:
            top = index - height + 1
        self._show_from(top)
        if before != index:
            self.refresh_lines(before)
            self.refresh_lines(index)
            self.post_message(self.Moved(self, index))

    def _show_from(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    def step(self, by: int) -> None:
        """Move the cursor by lines; a pane without one scrolls."""
        self.move_to((self.cursor if self.has_cursor else round(self.scroll_y)) + by)

    def action_cursor_down(self) -> None:
        """One line down."""
        self.step(1)

    def action_cursor_up(self) -> None:
        """One line up."""
        self.step(-1)

    def action_half_page_down(self) -> None:
        """Half a page down."""
        self.step(max(self.size.height // 2, 1))

    def action_half_page_up(self) -> None:
        """Half a page up."""
        self.step(-max(self.size.height // 2, 1))

    def action_page_down(self) -> None:
        """One page down."""
        self.step(max(self.size.height - 1, 1))

    def action_page_up(self) -> None:
        """One page up."""
        self.step(-max(self.size.height - 1, 1))

    def action_top(self) -> None:
        """To the first line."""
        self.move_to(0)

    def action_bottom(self) -> None:
        """To the last line."""
        self.move_to(self.line_count - 1)

    def action_leftwards(self) -> None:
        """Back towards the beginning of long lines."""
        self.scroll_to(x=self.scroll_x - SIDE_STEP, animate=False, force=True)

    def action_rightwards(self) -> None:
        """On in long lines."""
        self.scroll_to(x=self.scroll_x + SIDE_STEP, animate=False, force=True)

    def action_choose(self) -> None:
        """Say that the line under the cursor was chosen."""
        if self.line_count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_resize(self) -> None:
        """Keep the cursor in sight when the room changes."""
        if self.has_cursor:
            self.move_to(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a clicked line; a click on the cursor's line chooses it."""
        index = event.y + round(self.scroll_y)
        if not self.has_cursor or index >= self.line_count:
            return
        if index == self.cursor:
            self.action_choose()
        else:
            self.move_to(index)
