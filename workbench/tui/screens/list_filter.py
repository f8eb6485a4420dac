"""The filter of the bug list: typed, completed, pointed at where it is wrong, and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.timer import Timer
from textual.widgets import Input

from workbench.tui.desk import wrong_filter
from workbench.tui.filter_box import FilterBox, Suggestions
from workbench.tui.screens.acts import BugActs

if TYPE_CHECKING:
    from workbench.bugs.filters import FilterError

# After a key, so long nothing is asked: who types fast asks once.
DEBOUNCE_SECONDS = 0.04


class ListFilter(BugActs):
    """`_filter` is what the list is narrowed to, on top of its view; `_before`, what it was before one typed."""

    def __init__(self) -> None:
        super().__init__()
        self._filter = self._before = ""
        self._wrong: FilterError | None = None  # in the filter as it is typed
        self._soon: Timer | None = None

    @property
    def box(self) -> FilterBox:
        """Where the filter is typed."""
        return self.query_one(FilterBox)

    @property
    def _suggestions(self) -> Suggestions:
        return self.query_one(Suggestions)

    @property
    def is_behind(self) -> bool:
        """True while the list does not follow what is typed yet."""
        text = self.box.value
        return self._soon is not None or (text.strip() != self._filter and wrong_filter(text) is None)

    def filters_before(self) -> Sequence[str]:
        """Return what was asked before, the last first."""
        raise NotImplementedError

    def keep_filter(self, text: str) -> None:
        """Remember a filter that was asked."""
        raise NotImplementedError

    def do_filter(self) -> None:
        """Let a filter be typed."""
        box = self.box
        self._before = self._filter
        box.history = self.filters_before()
        box.reset()
        box.add_class("-shown")
        self.set_focus(box)
        self.load(self.workbench.desk.known, self._known, group="known", failed=lambda _error: None)

    def _known(self, found: Mapping[str, Sequence[str]]) -> None:
        self.box.known = found
        self.box.propose()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Filter while typing; a filter that means nothing (yet) says so, and leaves the list as it is."""
        self._wrong = wrong_filter(self.box.value)
        self.box.propose()
        self._no_longer()
        self._soon = self.set_timer(DEBOUNCE_SECONDS, self._apply)

    def _apply(self) -> None:
        self._soon = None
        text = self.box.value.strip()
        if self._wrong is None and text != self._filter:
            self._filter = text
            self.reload()

    def _no_longer(self) -> None:
        if self._soon is not None:
            self._soon.stop()
            self._soon = None

    def on_filter_box_offered(self, _event: FilterBox.Offered) -> None:
        """Show what may come next."""
        self._offer()

    def _offer(self) -> None:
        box, wrong = self.box, self._wrong
        # What is still being typed is not wrong yet, where something could come of it.
        if wrong is not None and box.candidates and wrong.end >= box.cursor_position:
            wrong = None
        self._suggestions.offer(box, wrong if box.has_class("-shown") else None, self.size.width - 2)

    def on_suggestions_picked(self, event: Suggestions.Picked) -> None:
        """Take the candidate that was clicked."""
        self.box.take(event.index)
        self.set_focus(self.box)

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Back to the list with the filter on; one that is wrong stays where it can be mended."""
        if self._wrong is not None:
            self.box.candidates = []
            self._offer()
            return
        self._no_longer()
        self._apply()
        if self._filter:
            self.keep_filter(self._filter)
        else:
            self.box.remove_class("-shown")
        self.leave_box()

    def leave_box(self) -> None:
        """Go back to the list; its filter is what a change of it goes back to, also one that begins with a click."""
        self._before = self._filter
        self.set_focus(self.query_one("#main"))
        self.box.propose()
        self.hold_if_behind()

    def hold_if_behind(self) -> None:
        """Keep the keys that come now where the list does not follow what was typed yet."""
        raise NotImplementedError

    def on_descendant_blur(self) -> None:
        """A list of candidates is only open while one types."""
        self.call_after_refresh(self.box.propose)

    def narrow(self, text: str) -> None:
        """Put a filter on, as if it had been typed."""
        self._no_longer()
        with self.box.prevent(Input.Changed):
            self.box.value = text
        self.box.cursor_position = len(text)
        self._filter, self._wrong = text, None
        self.box.add_class("-shown")
        self.leave_box()
        self.reload()

    def take_back(self) -> None:
        """Leave the box, and the list as it was before one typed."""
        if self._before:
            self.narrow(self._before)
        else:
            self.drop_filter()
            self.reload()

    def drop_filter(self) -> None:
        """Take the filter off, without reading."""
        self._no_longer()
        with self.box.prevent(Input.Changed):
            self.box.value = ""
        self._filter, self._wrong = "", None
        self.box.remove_class("-shown")
        self.leave_box()
