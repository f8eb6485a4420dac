"""Secrets that are known by what they look like, wherever they stand: a JWT, a PEM block, a password in a URL, a card.

A regular expression takes ten times as long as a plain search for what its matches have in them, and most text has none
of that, so the search comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from capture.secret_keys import REDACTED

# How the piece in front of a character ends.
_UNDERSCORE_ENDS = ("sk", "rk", "ghp", "gho", "ghu", "ghs", "ghr", "pat", "whsec", "npm", "hf")
_HYPHEN_ENDS = ("sk", "rk", "glpat", "pypi")
_DOT_ENDS = ("ya29", "SG")
# The last two characters of them tell most pieces apart in a third of the time.
_LAST_TWO = frozenset(end[-2:] for end in (*_UNDERSCORE_ENDS, *_HYPHEN_ENDS, *_DOT_ENDS))

_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_SHAPES = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"  # JSON Web Token, or other JSON made opaque
    r"|\b(?:sk|rk)[-_][A-Za-z0-9_-]{8,}"  # OpenAI, Anthropic, Stripe
    r"|\bgh[pousr]_[A-Za-z0-9]{10,}|\bgithub_pat_[A-Za-z0-9_]{10,}|\bglpat-[A-Za-z0-9_-]{10,}"  # GitHub, GitLab
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{10,}"  # AWS, Google
    r"|\bxox[a-z]-[A-Za-z0-9-]{8,}|\bwhsec_[A-Za-z0-9]{8,}"  # Slack, Stripe
    r"|\bSG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # SendGrid
    r"|\bnpm_[A-Za-z0-9]{20,}|\bhf_[A-Za-z0-9]{20,}|\bpypi-[A-Za-z0-9_-]{20,}"
)
_BEARER = re.compile(
    r"\b(bearer|basic)(\s+|%20|\+)(?=[A-Za-z]*[0-9+/=._~-]|[A-Za-z]{16})[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE
)
# The password of a URL reaches to the last @: passwords hold @ and / more often than they should.
_DSN = re.compile(
    r"\b((?!https?:)[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,200}):[^\s\"'<>]{1,500}@"
    r"|\b(https?://[^\s:/@\"'<>]{0,200}):[^\s/@\"'<>]{1,500}@",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<!\d)(?<!\d\.)\d(?:[ -]?\d){12,40}(?!\d)")
# Visa, Mastercard, American Express and Diners, Discover and UnionPay, by their first digits and lengths.
_CARD_NUMBER = re.compile(r"4(?:\d{12}|\d{15}|\d{18})|(?:5[0-9]|2[2-7])\d{14}|3[0-9]\d{12,14}|6[0-9]\d{14,17}")
# Every digit as the same one.
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_SHORTEST_CARD = b"0" * 13


def may_have_shape(text: str, lowered: str) -> bool:
    """Return whether `redact_shapes` could find anything in the text or in a line of it."""
    return (
        ("-" in text and "-----BEGIN" in text)
        or ("b" in lowered and ("bearer" in lowered or "basic" in lowered))
        or ("@" in text and "://" in text)
        or _may_have_key(text)
        or _may_have_card(text)
    )


def redact_shapes(text: str, lowered: str) -> str:
    """Return the text without secrets of a well-known shape; `lowered` is the text in lower case."""
    if "-----BEGIN" in text:
        text = _PEM.sub(REDACTED, text)
    if "@" in text and "://" in text:
        text = _DSN.sub(lambda match: f"{match[1] or match[2]}:{REDACTED}@", text)
    if _may_have_key(text):
        text = _SHAPES.sub(REDACTED, text)
    if "bearer" in lowered or "basic" in lowered:
        text = _BEARER.sub(rf"\1 {REDACTED}", text)
    if _may_have_card(text):
        text = _CARD.sub(_redact_card, text)
    return text


def _may_have_key(text: str) -> bool:
    """Return whether a key of a well-known make could be in the text.

    A search for one character takes a tenth of one for a word, so it comes first; what ends in front of a character is
    asked of the pieces between.
    """
    return (
        ("J" in text and "eyJ" in text)
        or ("A" in text and ("AKIA" in text or "ASIA" in text or "AIza" in text))
        or ("_" in text and _has_end(text.split("_"), _UNDERSCORE_ENDS))
        or ("-" in text and ("xox" in text or _has_end(text.split("-"), _HYPHEN_ENDS)))
        or ("." in text and _has_end(text.split("."), _DOT_ENDS))
    )


def _has_end(pieces: Iterable[str], ends: tuple[str, ...]) -> bool:
    for piece in pieces:  # noqa: SIM110  (any() with a generator takes twice as long, on every text of every event)
        if piece[-2:] in _LAST_TWO and piece.endswith(ends):
            return True
    return False


def _may_have_card(text: str) -> bool:
    """Return whether as many digits as the shortest card has follow each other, whatever separates them."""
    if len(text) < 13:
        return False
    return _SHORTEST_CARD in text.encode("ascii", "replace").translate(_DIGITS, b" -")


def _redact_card(match: re.Match[str]) -> str:
    # Other numbers may stand beside a card's, so each run of groups is looked at.
    groups = re.split("[ -]", match[0])
    for start in range(len(groups)):
        number = ""
        for group in groups[start:]:
            number += group
            if len(number) > 19:
                break
            if len(number) >= 13 and _is_card(number):
                return REDACTED
    return match[0]


def _is_card(number: str) -> bool:
    if not number.isascii() or not _CARD_NUMBER.fullmatch(number):
        return False
    digits = [int(digit) for digit in number]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
