"""The names of keys: as people write them, and as Textual does."""

from __future__ import annotations

import re

WRITTEN = {
    "escape": "esc", "slash": "/", "question_mark": "?", "greater_than_sign": ">", "less_than_sign": "<",
    "equals_sign": "=", "left_square_bracket": "[", "right_square_bracket": "]", "backslash": "\\", "minus": "-",
    "plus": "+", "underscore": "_", "full_stop": ".", "comma": ",", "colon": ":", "semicolon": ";", "at": "@",
    "number_sign": "#", "exclamation_mark": "!", "dollar_sign": "$", "percent_sign": "%", "ampersand": "&",
    "asterisk": "*", "tilde": "~", "vertical_line": "|", "quotation_mark": '"', "apostrophe": "'",
    "left_parenthesis": "(", "right_parenthesis": ")", "left_curly_bracket": "{", "right_curly_bracket": "}",
    "grave_accent": "`", "circumflex_accent": "^",
}  # fmt: skip
NAMED = frozenset(
    (
        *("enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"),
        *("up", "down", "left", "right"),
        *(f"f{number}" for number in range(1, 13)),
    )
)
_MODIFIERS = re.compile(r"((?:ctrl|alt|shift|super)\+)*")
_AS_TEXTUAL_SAYS = {"solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at",
                    "hyphen_minus": "minus", "plus_sign": "plus", "low_line": "underscore"}  # fmt: skip


def shown_key(key: str) -> str:
    """Return a key as people write it."""
    return WRITTEN.get(key, key)


def key_name(key: str) -> str:
    """Return a key as Textual names it: `/` is `slash`, `ctrl+?` is `ctrl+question_mark`."""
    start = _MODIFIERS.match(key)
    modifiers = start[0] if start else ""
    rest = key[len(modifiers) :]
    if len(rest) == 1 and not rest.isalnum() and rest.isprintable():
        import unicodedata  # only where somebody has keys of their own

        name = unicodedata.name(rest).lower().replace("-", "_").replace(" ", "_")
        rest = _AS_TEXTUAL_SAYS.get(name, name)
    return modifiers + rest


def is_key(name: str) -> bool:
    """Say whether Textual knows a key of that name."""
    start = _MODIFIERS.match(name)
    rest = name[len(start[0]) :] if start else name
    return (len(rest) == 1 and rest.isalnum()) or rest in NAMED or rest in WRITTEN
