"""The one door from captured text to an agent: what a reader of characters could miss is spelled out.

By itself, so that the hook of a Claude Code session can use it without the rest of a fix session.
"""

from __future__ import annotations

import unicodedata

LONGEST_TEXT = 4_000  # characters of one value


def visible(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return text with control, format and private characters as ⟦U+202E⟧, cut to `limit` characters."""
    cut = text[:limit]
    shown = "".join(char if _is_plain(char) else f"⟦U+{ord(char):04X}⟧" for char in cut)
    return shown + (f" … ({len(text) - limit} more characters)" if len(text) > limit else "")


def _is_plain(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
