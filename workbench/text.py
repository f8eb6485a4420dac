"""The one door from captured text to a screen.

Whoever can make the site fail writes the URL, the headers and the message. `plain` turns such text into text that
does nothing but be read: every character that a terminal would act on, or that the eye would miss, becomes a
visible stand-in, and the length is bounded. Nothing here knows markup, so nothing here can run it.
"""

from __future__ import annotations

import re
import unicodedata

LINE_LIMIT = 1_000  # characters of one line that a screen ever holds
MARKS_LIMIT = 3  # combining marks kept on one letter; more is decoration that piles up over other lines
TAB = "    "

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters that are drawn as nothing
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # variation selectors: combining, drawn as nothing
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def plain(text: object, limit: int = LINE_LIMIT) -> str:
    """Return `text` as one inert line of at most `limit` characters; what was cut is counted at its end.

    Doing it twice changes nothing.
    """
    text = text if isinstance(text, str) else str(text)
    rest = len(text) - limit
    if rest > 0:
        text = text[:limit]
    if not (text.isascii() and text.isprintable()):
        text = _visible(text)
    return f"{text}… ({rest:,} more)" if rest > 0 else text


def plain_lines(text: object, *, most: int = 200, limit: int = LINE_LIMIT) -> list[str]:
    """Return `text` as at most `most` inert lines, each as `plain` makes it; the last says what was left out."""
    text = text if isinstance(text, str) else str(text)
    lines = _LINE_ENDS.split(text.rstrip("\r\n"), maxsplit=most)
    if len(lines) > most:
        left = len(_LINE_ENDS.split(lines.pop()))
        return [*(plain(line, limit) for line in lines), f"… {left:,} more lines"]
    return [plain(line, limit) for line in lines]


def _visible(text: str) -> str:
    out: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category[0] == "M" and not _SELECTORS.match(character):
            marks += 1
            if marks <= MARKS_LIMIT:
                out.append(character)
            continue
        marks = 0
        out.append(_stand_in(character, category))
    return "".join(out)


def _stand_in(character: str, category: str) -> str:
    """Return what is shown for `character`: itself, a control picture, or its escape."""
    if character == "\t":
        return TAB
    if character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "␡"
    # Other (control, format, surrogate, private, unassigned) and line or paragraph separators.
    if category[0] == "C" or category in ("Zl", "Zp") or character in _BLANK_LETTERS or _SELECTORS.match(character):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
