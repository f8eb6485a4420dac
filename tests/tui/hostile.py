"""Text that whoever makes a site fail could write, to be shown on every screen."""

from __future__ import annotations

HOSTILE: tuple[str, ...] = (
    "closing [/b] tag that nothing opened",
    "missing [user] in dict",
    "KeyError [@click=app.do('sign')]user[/]",
    "[link=https://evil.example]here[/link] [bold red]x",
    "an unclosed [ and a \\[ and a ]]",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\x1b]52;c;ZXZpbA==\x07 clipboard",
    "\x1b]0;title\x07 and \x1b[2J\x1b[H\x1b[31mred",
    "C1: \x9b2J \x90q\x9c \x85next",
    "bidi: \u202eevil\u202c \u2066x\u2069 \u200fmark",
    "zero width: a\u200bb\u200cc\u200dd\ufeffe\u2060f\xadg",
    "tags: \U000e0041\U000e0042 selectors: a\ufe0f b\U000e0101",
    "zalgo: e" + "\u0301" * 300,
    "NULs: \x00\x00 bells: \x07 backspaces: \x08\x08\x08 delete: \x7f",
    "lines:\nsecond\r\nthird\rfourth\x0b\x0cfifth\u2028sixth\u2029",
    "tabs:\t\t\tend",
    "emoji: 👨‍👩‍👧‍👦 🏳️‍🌈 wide: 漢字かな full: ＡＢＣ",
    "lone surrogate: \udc80 private: \ue000 \U0010ffff unassigned: \u0378",
    "blank letters: \u3164\u115f\uffa0\u2800",
    "x" * 1_000_000,
)
# What must never be on a screen: controls, and characters that change how others are read.
FORBIDDEN = frozenset(
    [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
    + [chr(code) for code in (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xAD)]
    + [chr(code) for code in (*range(0xE0000, 0xE0080), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))]
)
