"""Put generated sections into a text without touching the rest of it.

A generated section stands between two marker lines. Markers that do not pair up are left alone as people's text:
rather a section twice than a line of theirs lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_MARKER = re.compile(r"^<!-- workbench:(?P<kind>begin|end) (?P<name>[a-z-]+) -->\r?$", re.MULTILINE)
_LINE = re.compile(r".*\n")
_FRONT = re.compile(
    r"\A(?P<open>\ufeff?---[ \t]*\r?\n)(?P<lines>(?:(?!---[ \t]*\r?$).*\n)*?)(?P<close>---[ \t]*\r?(?:\n|\Z))", re.M
)


def weave(text: str, front: Mapping[str, str], sections: Mapping[str, str]) -> str:
    """Return `text` with its front matter's keys and its generated sections brought up to date.

    `front` maps our keys to their values, written out; other lines of the front matter stay. `sections` maps the
    names of our sections to their text. What is missing is added: front matter at the start, sections at the end.
    """
    text = _with_front_matter(text, front)
    pieces, position, missing = [], 0, dict(sections)
    for name, start, end in generated(text):
        if name in missing:
            pieces += [text[position:start], _marked(name, missing.pop(name))]
            position = end
    pieces.append(text[position:])
    woven = "".join(pieces)
    for name, content in missing.items():
        woven += "\n" * _short_of_blank_line(woven) + _marked(name, content) + "\n"
    return woven


def front_lines(text: str) -> list[str]:
    """Return the lines of the front matter, none where there is none."""
    found = _FRONT.match(text)
    return found["lines"].splitlines() if found else []


def generated(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the name, start and end of each generated section: a begin marker followed by its own end marker."""
    begun: re.Match[str] | None = None
    for marker in _MARKER.finditer(text):
        if marker["kind"] == "begin":
            begun = marker
        else:
            if begun is not None and begun["name"] == marker["name"]:
                yield marker["name"], begun.start(), marker.end()
            begun = None


def _marked(name: str, content: str) -> str:
    content = _MARKER.sub(lambda marker: f" {marker[0]}", content)  # a section cannot end itself
    return f"<!-- workbench:begin {name} -->\n{content}\n<!-- workbench:end {name} -->"


def _short_of_blank_line(text: str) -> int:
    """Return how many line ends have to be added to `text` so that a blank line ends it."""
    if not text or text.endswith("\n\n"):
        return 0
    return 1 if text.endswith("\n") else 2


def _with_front_matter(text: str, front: Mapping[str, str]) -> str:
    ours = "".join(f"{key}: {value}\n" for key, value in front.items())
    found = _FRONT.match(text)
    if found is None:
        return f"---\n{ours}---\n\n{text}"
    theirs = [line for line in _LINE.findall(found["lines"]) if line.partition(":")[0] not in front]
    return found["open"] + ours + "".join(theirs) + found["close"] + text[found.end() :]
