"""Lines of a screen as plain data: runs of inert text, each with the name of an ink.

Every pane draws such lines and nothing else, so a text that got into one went through `workbench.text.plain`.
No Textual in here: documents are made and tested without a screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from workbench.text import plain

Ink = Literal[
    "", "strong", "muted", "heading", "accent", "good", "bad", "warn", "rehearsal", "keyword", "string", "comment",
    "number", "name", "add", "remove", "here", "key", "match",
]  # fmt: skip
INKS: tuple[Ink, ...] = Ink.__args__  # type: ignore[attr-defined]
Span = tuple[str, Ink]


class Line(NamedTuple):
    """One line. `key` names what `enter` on it acts on; `section` is set on the first line of a section."""

    spans: tuple[Span, ...]
    key: str = ""
    section: str = ""

    @property
    def text(self) -> str:
        """The line without its inks."""
        return "".join(text for text, _ in self.spans)

    @property
    def width(self) -> int:
        """Cells that the line takes."""
        return cell_len(self.text)


BLANK = Line(())


def line(*parts: str | tuple[object, Ink], key: str = "", section: str = "") -> Line:
    """Return a line of `parts`: texts, or pairs of a text and its ink. Every text is made inert."""
    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    spans = ((plain(text), ink) for text, ink in pairs)
    return Line(tuple(span for span in spans if span[0]), key, section)


def heading(title: str, *, section: str = "", note: str = "") -> Line:
    """Return the line that opens a section."""
    return line((title, "heading"), (f"  {note}" if note else "", "muted"), section=section)


def cell(text: object, width: int, *, right: bool = False) -> str:
    """Return `text`, inert, in exactly `width` cells; what does not fit ends in an ellipsis."""
    shown = plain(text, max(width, 1) * 2)  # twice: a cell holds at most one base letter; more would only be cut
    size = cell_len(shown)
    if size > width:
        return (set_cell_size(shown, width - 1) + "…") if width > 0 else ""
    pad = " " * (width - size)
    return pad + shown if right else shown + pad


def cut(whole: Line, width: int) -> Line:
    """Return a line for `width` cells; what does not fit ends in an ellipsis, unless it is nothing but blanks."""
    if cell_len(whole.text.rstrip(" ")) <= width:
        return whole
    left = width
    spans: list[Span] = []
    for text, ink in whole.spans:
        if cell_len(text) >= left:  # an ellipsis has to go in, even when this run alone would just fit
            spans.append(((set_cell_size(text, left - 1).rstrip(" ") + "…") if left > 0 else "", ink))
            break
        spans.append((text, ink))
        left -= cell_len(text)
    return Line(tuple(span for span in spans if span[0]), whole.key, whole.section)


def places_of(words: str, text: str) -> list[tuple[int, int]]:
    """Return where `words` stand in `text`. Capitals count only where `words` has some."""
    if not words:
        return []
    flags = re.IGNORECASE if words == words.lower() else re.NOFLAG
    return [found.span() for found in re.finditer(re.escape(words), text, flags)]


def lit(whole: Line, words: str) -> Line:
    """Return a line in which every place of `words` stands out."""
    places = places_of(words, whole.text)
    if not places:
        return whole
    edges = sorted({edge for place in places for edge in place})
    spans: list[Span] = []
    at = 0
    for text, ink in whole.spans:
        cuts = [0, *(edge - at for edge in edges if at < edge < at + len(text)), len(text)]
        for start, end in pairwise(cuts):
            is_match = any(first <= at + start < last for first, last in places)
            spans.append((text[start:end], "match" if is_match else ink))
        at += len(text)
    return Line(tuple(spans), whole.key, whole.section)


def wrapped(text: str, width: int) -> list[str]:
    """Return one inert line broken at spaces, or within words that are too long, into pieces of `width` cells."""
    width = max(width, 8)
    pieces: list[str] = []
    current = ""
    for word in text.split(" "):
        candidate = f"{current} {word}" if current else word
        if cell_len(candidate) <= width:
            current = candidate
            continue
        if current:
            pieces.append(current)
        while cell_len(word) > width:
            head = set_cell_size(word, width).rstrip(" ") or word[:1]
            pieces.append(head)
            word = word[len(head) :]
        current = word
    return [*pieces, current]


def paragraphs(texts: Iterable[str], width: int, *, indent: str = "", ink: Ink = "", key: str = "") -> list[Line]:
    """Return inert lines wrapped to `width` cells behind `indent`."""
    room = width - cell_len(indent)
    return [line(indent, (piece, ink), key=key) for text in texts for piece in wrapped(plain(text), room)]
