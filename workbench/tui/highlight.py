"""Source lines in inks. Pygments is imported only when a page with source is made, in its worker thread."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from workbench.tui.lines import Ink, Span

LONGEST = 400  # characters of a line that are coloured; longer lines are data, not code
_INKS: tuple[tuple[str, Ink], ...] = (
    ("Token.Keyword", "keyword"),
    ("Token.Operator.Word", "keyword"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Comment", "comment"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Class", "name"),
    ("Token.Name.Decorator", "name"),
    ("Token.Name.Tag", "keyword"),
)


def source(text: str, filename: str = "x.py") -> list[Span]:
    """Return one line of source as spans; the language goes by the file's name."""
    if len(text) > LONGEST:
        return [(text, "")]
    indent = text[: len(text) - len(text.lstrip())]
    spans: list[Span] = [(indent, "")] if indent else []
    for kind, value in _lexer(filename.rpartition(".")[2].lower()).get_tokens(text.lstrip()):
        value = value.rstrip("\n")
        if value:
            spans.append((value, _ink(kind)))
    return spans


def _ink(kind: Any) -> Ink:
    name = str(kind)
    return next((ink for prefix, ink in _INKS if name.startswith(prefix)), "")


@lru_cache(maxsize=8)
def _lexer(ending: str) -> Any:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

    name = {"py": "python", "html": "html+django", "djhtml": "html+django"}.get(ending, "text")
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)
