"""Statements and expressions that go on over several lines: how far they do, and their text on one line.

A traceback knows the line that one begins on, and `raise ValidationError(` is the same for all that a function checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import CodeType

_COMMENT = re.compile(r"((?:[^'\"#]|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")*?)(?:\s+#.*)?$")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_OPENS, _CLOSES = ("(", "[", "{"), (")", "]", "}")
_UNENDED = (*_OPENS, ",", "\\")
# How a line begins that may go on with the one above; where it does not, looking costs some time and nothing else.
_OPERATORS = frozenset("+-*/%@&|^<>=!.")
_WORDS = frozenset(("and", "or", "if", "else", "in", "is", "not", "for"))


def may_go_on(line: str, below: Sequence[str]) -> bool:
    """Return whether what stands on a line may go on below, which is known in no time for most lines."""
    code = without_comment(line).rstrip()
    if (
        code.endswith(_UNENDED)
        or ("(" in code and code.count("(") > code.count(")"))
        or ("[" in code and code.count("[") > code.count("]"))
        or ("{" in code and code.count("{") > code.count("}"))
    ):
        return True
    following = below[0].strip() if below else ""
    return following[:1] in _OPERATORS or following.partition(" ")[0] in _WORDS


def last_line(code: CodeType, lineno: int) -> int:
    """Return the last line of what begins on a line: the farthest, so that it is the same whatever of it failed."""
    last = lineno
    for start, end, _column, _end_column in code.co_positions():
        if start == lineno and end is not None and end > last:  # it is None under `-X no_debug_ranges`
            last = end
    return last


def length_of(lines: Sequence[str]) -> int:
    """Return how many of the lines of a statement count: of one with a block, those before the block."""
    depth = 0
    for number, line in enumerate(lines, start=1):
        code = _STRING.sub("", without_comment(line)).rstrip()
        depth += sum(map(code.count, _OPENS)) - sum(map(code.count, _CLOSES))
        if depth <= 0 and code.endswith(":"):
            return number
    return len(lines)


def on_one_line(statement: str) -> str:
    """Return the text of a statement as it would stand on one line, without comments and without a last comma."""
    text = ""
    for line in statement.split("\n"):
        piece = without_comment(" ".join(line.split())).removesuffix("\\").rstrip()
        if not piece or piece.startswith("#"):
            continue
        if piece.startswith(_CLOSES):
            text = text.removesuffix(",") + piece
        elif not text or text.endswith(_OPENS) or (piece.startswith(".") and not text.endswith(",")):
            text += piece
        else:
            text += f" {piece}"
    return text


def without_comment(line: str) -> str:
    """Return a line of source without the comment at its end."""
    if "#" not in line:
        return line
    found = _COMMENT.match(line)
    return found[1] if found and found[1] else line
