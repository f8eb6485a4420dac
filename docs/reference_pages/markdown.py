"""Pieces of Markdown that every page is made of."""

from __future__ import annotations

from collections.abc import Iterator


def table(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> list[str]:
    """Return a table of Markdown."""
    rule = "|" + "---|" * len(head)
    return [_line(head), rule, *map(_line, lines)]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def code(value: object) -> str:
    """Return a value as Markdown shows code; nothing for one that is empty."""
    return f"`{value}`" if value not in ("", None) else ""
