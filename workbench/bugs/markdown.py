"""The one door from captured text to Markdown, for bug files and issues alike.

Whoever can make the site fail writes the message and the URL. What comes out of here is read and does nothing
else: it mentions nobody, refers to no issue, closes none, is no HTML, and never ends the place it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.text import plain

LIMIT = 300

# GitHub looks for mentions and references after it has made HTML, where an escape is gone again: only a character
# in between stops it. Zero-width space, because it neither shows nor joins.
GAP = "\u200b"

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word is only that
_LINE_START = re.compile(r"\A(?=[-+=:])|\A(\d+)(?=[.)])")
_REFERENCES = re.compile(r"(?i)[@#]|(?<![a-z0-9])gh(?=-\d)|:(?=//)|\bmailto:|\bxmpp:|\bwww(?=\.)")
_TICKS = re.compile(r"`+")


def inert(text: object, limit: int = LIMIT) -> str:
    """Return `text` as one line of Markdown that says it and does nothing, at most `limit` characters of it."""
    words = plain(text, limit).strip()
    words = _SPECIAL.sub(lambda found: "\\" + found[0], words).translate(_ENTITIES)
    words = _REFERENCES.sub(lambda found: _apart(found[0]), words)
    return _LINE_START.sub(lambda found: f"{found[1] or ''}\\", words)


def code_block(lines: Iterable[object], *, limit: int = LIMIT, language: str = "") -> str:
    """Return the lines as a fenced block that none of them can end, each at most `limit` characters long."""
    shown = [plain(line, limit) for line in lines]
    longest = max((len(ticks) for line in shown for ticks in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence + language, *shown, fence])


def _apart(found: str) -> str:
    # The # also begins a heading, hence the backslash.
    return f"\\{found}{GAP}" if found == "#" else f"{found}{GAP}"
