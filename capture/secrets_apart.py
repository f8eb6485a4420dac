"""Secrets that stand apart from their keys: after an option, in a part of a form, before an @."""

from __future__ import annotations

import re

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
