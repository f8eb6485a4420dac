"""Secrets that stand apart from their keys: after an option, in a part of a form, before an @, on the line below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from capture.secret_keys import REDACTED, is_secret_key

_OPTION = re.compile(r"(?<![\w-])(--?([A-Za-z][\w-]{1,60})\s{1,3})(?:\"[^\"\n]*\"|'[^'\n]*'|(?![-\[])[^\s\"']+)")
_PART = re.compile(
    r"(form-data;[^\r\n\\]{0,40}?name=\\?[\"']([^\"'\\\r\n]{1,100}+)\\?[\"'][^\r\n\\]{0,200}+"
    r"(?:(?:\r?\n|(?:\\+r)?\\+n)[\w-]{1,60}+:[^\r\n\\]{0,200}+){0,3}(?:\r?\n|(?:\\+r)?\\+n){2})"
    r"(?:[^\r\n\\]|\\(?!(?:r\\+)?n))+",
    re.IGNORECASE,
)
# `user:password@db.example:5432`, which is no time at an office.
_ACCOUNT = re.compile(
    r"(?<![\w/@.-])((?=[\d.+-]*[A-Za-z_])[\w.+-]{1,64}):[^\s:/@\"'<>\\]{3,200}(?=@(?:[\w-]+(?:\.[\w-]|:\d)|localhost|\[))"
)
_STRING = re.compile(r"[bBuUrRfF]{0,2}(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')")
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,60}")
_PLACEHOLDER = re.compile(r"%s|%\(\w+\)s|\?|\$\d|[=( ]:\w|\{\w*\}")
_OPEN_KEY = re.compile(r"([A-Za-z_][\w.-]{0,60})[\"'\]]{0,2}\s{0,3}(?:=|:|=>|:=)\s{0,3}[\[({]?\s*$")
_KEY_MATERIAL = re.compile(r"[\s\"'(bBrR]{0,30}[A-Za-z0-9+/]{40,}={0,2}(?:\\[rn])*[\"'\s),+\\]*", re.ASCII)
# How a line ends whose key has its value below.
KEYS_END = (":", "=", ">", "[", "(", "{")
# What goes on over so many lines is a call with its arguments one a line.
MAX_BELOW = 3


def redact_apart(text: str) -> str:
    """Return the text without secrets that follow an option, an empty line of a form, or an account's name."""
    if "--" in text:
        text = _OPTION.sub(lambda match: f"{match[1]}{REDACTED}" if is_secret_key(match[2]) else match[0], text)
    if "form-data" in text:
        text = _PART.sub(lambda match: f"{match[1]}{REDACTED}" if is_secret_key(match[2]) else match[0], text)
    if "@" in text and ":" in text and _may_have_account(text):
        text = _ACCOUNT.sub(rf"\1:{REDACTED}", text)
    return text


def _may_have_account(text: str) -> bool:
    # A tenth of the time of the pattern, on text with addresses of people in it.
    return any(":" in piece[-300:].rpartition(" ")[2] for piece in text.split("@")[:-1])


def redact_below(lines: Sequence[str], telling: Sequence[bool]) -> list[str]:
    """Return neighbouring lines of source without string literals that belong to a key on the same line or above.

    Such a key is one that the line ends with (`"password":`), or the column of a query with placeholders. A line that
    holds nothing but key material goes whole: the "BEGIN PRIVATE KEY" may stand above all of the lines. `telling` says
    of each line whether it could hold such a key.
    """
    result = []
    below = 0
    for line, may_tell in zip(lines, telling, strict=True):
        if len(line) >= 40 and _KEY_MATERIAL.fullmatch(line):
            result.append(REDACTED)
            continue
        if not below and not may_tell:
            result.append(line)
            continue
        shown, asks = _redact_parameters(line, all_of_them=below > 0)
        result.append(shown)
        code = line.rstrip()
        ends = code.endswith((")", ";"))
        if asks:
            below = 0 if ends else MAX_BELOW
        elif _ends_with_a_key(code):
            below = 1
        else:
            below = below - 1 if below and not ends else 0
    return result


def _ends_with_a_key(code: str) -> bool:
    key = _OPEN_KEY.search(code) if code.endswith((":", "=", ">", "[", "(", "{")) else None
    return key is not None and is_secret_key(key[1])


def may_be_key_material(lines: Sequence[str]) -> bool:
    """Return whether one of the lines is long and of one word."""
    return any(len(line) >= 40 and " " not in line.strip() for line in lines)


def _redact_parameters(line: str, *, all_of_them: bool) -> tuple[str, bool]:
    """Redact the literals that fill in a query's placeholders; return whether the line asks for a secret."""
    asks = False

    def redacted(literal: re.Match[str]) -> str:
        nonlocal asks
        text = literal[1]
        if all_of_them or asks:
            return f"{text[0]}{REDACTED}{text[0]}" if len(text) > 2 and text[1:-1] != REDACTED else literal[0]
        asks = _PLACEHOLDER.search(text) is not None and any(is_secret_key(name) for name in _NAME.findall(text))
        return literal[0]

    return (_STRING.sub(redacted, line) if '"' in line or "'" in line else line), asks
