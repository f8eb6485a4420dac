"""How the inks of lines look: by a theme's colours, on the background of a pane.

Not by rules of a style sheet: a pane would have a node for each ink, and Textual matches every rule against every
node whenever a screen opens. With nine panes that was a third of what opening one took.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from textual.color import Color

from workbench.tui.lines import Ink


class Look(NamedTuple):
    """An ink: `color` and `background` name variables of the theme; without them it takes those of the pane."""

    color: str = "foreground"
    background: str = ""
    is_bold: bool = False
    is_italic: bool = False
    is_reverse: bool = False
    is_opaque: bool = False  # it keeps the pane's background also on the cursor's line


_FRONT, _MUTED, _TERMINALS = "foreground", "foreground-muted", "ansi_default"
LOOKS: Mapping[Ink, Look] = {
    "strong": Look(is_bold=True),
    "muted": Look("foreground-muted"),
    "heading": Look("primary", is_bold=True),
    "accent": Look("primary"),
    "good": Look("success"),
    "bad": Look("error"),
    "warn": Look("warning"),
    "rehearsal": Look("background", "warning", is_bold=True),
    "keyword": Look("secondary"),
    "string": Look("success"),
    "comment": Look("foreground-muted", is_italic=True),
    "number": Look("warning"),
    "name": Look("primary"),
    "add": Look("success"),
    "remove": Look("error"),
    "here": Look("error", is_bold=True),
    "key": Look("accent", is_bold=True, is_opaque=True),
    "match": Look(is_reverse=True, is_opaque=True),
}


def styles(variables: Mapping[str, str], background: Color) -> dict[Ink, Style]:
    """Return the style of each ink in a theme's variables; what shines through is mixed with `background`."""
    return {"": Style.null(), **{ink: _style(look, variables, background) for ink, look in LOOKS.items()}}


def _style(look: Look, variables: Mapping[str, str], background: Color) -> Style:
    behind = background + _color(variables[look.background]) if look.background else background
    # The terminal's own colours have no shades to mix: what is muted is dim, and a label stands in black.
    is_ansi = variables[_FRONT] == _TERMINALS
    named = "ansi_black" if is_ansi and look.background else variables[look.color]
    color = behind + _color(named)
    return Style(
        color=color.rich_color,
        bgcolor=behind.rich_color if look.background or look.is_opaque else None,
        bold=look.is_bold or None,
        italic=look.is_italic or None,
        reverse=look.is_reverse or None,
        dim=(is_ansi and look.color == _MUTED) or None,
    )


def _color(value: str) -> Color:
    """Return a colour as a theme writes it: by name or number, some with a share of it, as in "ansi_default 50%"."""
    name, _, share = value.partition(" ")
    color = Color.parse(name)
    return color.multiply_alpha(float(share.rstrip("%")) / 100) if share else color
