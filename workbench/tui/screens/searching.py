"""Looking for words in the text that a screen shows: `/`, then `n` and `N` from match to match."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Input

from workbench.tui.document import Document
from workbench.tui.place import PlaceScreen


class SearchBox(Input):
    """Where words to look for are typed. What is submitted is its own message, as screens have other boxes."""

    @dataclass
    class Asked(Message):
        """Enter was pressed."""

        text: str

    async def action_submit(self) -> None:
        """Look for what is typed."""
        self.post_message(self.Asked(self.value))


class Searching(PlaceScreen):
    """A screen whose document `#main` can be searched."""

    def __init__(self) -> None:
        super().__init__()
        self._began_at = 0  # the line that the cursor was on when the search began

    @property
    def is_searched(self) -> bool:
        """True while words are looked for, and `n` goes on to the next."""
        return bool(self._text.sought)

    @property
    def _text(self) -> Document:
        return self.query_one("#main", Document)

    def do_search(self) -> None:
        """Let words be typed; the cursor follows to the first match."""
        boxes = self.query(SearchBox)
        self._began_at = self._text.cursor
        if boxes:
            self.set_focus(boxes.first())
            return
        box = SearchBox(placeholder="words to look for in this page; enter keeps them, esc lets go", id="search")
        box.cursor_blink = False
        self.mount(box, before="#status")
        self.set_focus(box)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Follow what is typed."""
        if isinstance(event.input, SearchBox):
            found = self._text.look_for(event.value.strip())
            self._text.go_to_match(self._began_at - 1 if found else self._began_at, 1)
            self._tell()

    def on_search_box_asked(self, event: SearchBox.Asked) -> None:
        """Back to the page with the words on."""
        if not event.text.strip():
            self._end_search()
            return
        self.query(SearchBox).remove()
        self.set_focus(self._text)
        self._tell()

    def do_next_match(self) -> None:
        """Go to the next match; after the last comes the first."""
        self._text.go_to_match(self._text.cursor, 1)
        self._tell()

    def do_previous_match(self) -> None:
        """Go to the match before."""
        self._text.go_to_match(self._text.cursor, -1)
        self._tell()

    def do_back(self) -> None:
        """Let go of the words that are looked for; without any, go back."""
        if self.is_searched or self.query(SearchBox):
            self._end_search()
        else:
            super().do_back()

    def _end_search(self) -> None:
        self.query(SearchBox).remove()
        self._text.look_for("")
        self.set_focus(self._text)
        self.say("")
        self.offer_keys()

    def _tell(self) -> None:
        text = self._text
        places = text.matches
        if not text.sought:
            self.say("")
        elif not places:
            self.say(f"Nothing that is shown says {text.sought!r}.", "warn", stays=True)
        else:
            which = places.index(text.cursor) + 1 if text.cursor in places else 0
            goes_on = f"{self.key('next_match')} goes on, esc lets go."
            self.say(f"{text.sought!r}: line {which:,} of {len(places):,}; {goes_on}", stays=True)
        self.offer_keys()
