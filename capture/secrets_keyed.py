"""Secrets that stand beside their keys: `password=hunter2`, `"apiKey": "…"`, `<token>…</token>`, a line of cookies."""

from __future__ import annotations

import re

from capture.secret_keys import REDACTED, is_secret_key, may_name_secret

_COOKIE_LINE = re.compile(r"\b((?:set-)?cookie[\"']?\s{0,3}[:=]\s{0,3}[\"']?)([^\n\"']+)", re.IGNORECASE)
_QUOTED = r"(?:[bBuUrR]?\"(?:[^\"\\\n]|\\.)*\"?|[bBuUrR]?'(?:[^'\\\n]|\\.)*'?)"
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,60}+)[\\\"'\]]{0,8}\s{0,3}(?:=>|:=|[:=](?!=))\s{0,3}")
# In the `repr` of a text of several lines the next one begins after a written "\n".
_NEXT_KEY = r"(?:r\\)?n[ \t]{0,8}-?[ \t]?[\"']?[\w.-]{1,60}[\"']?[ \t]{0,3}[:=]"
_VALUE = re.compile(
    rf"{_QUOTED}|(?:(?:bearer|basic|token|digest|apikey)\s+)?(?:[^\s\"'&;<>\\]|\\(?!{_NEXT_KEY}))+", re.IGNORECASE
)
_LITERAL = re.compile(_QUOTED)
_ESCAPED_QUOTE = re.compile(r"\\+[\"']")
_ELEMENT = re.compile(r"<([A-Za-z_][\w:.-]{0,60}+)((?:\s[^<>]{0,200})?>)([^<]{1,2000})(?=</)")


def redact_keyed(text: str, lowered: str) -> str:
    """Return the text without what stands beside a secret key; `lowered` is the text in lower case."""
    if not (":" in text or "=" in text or "</" in text) or not may_name_secret(lowered):
        return text
    if "cookie" in lowered:
        text = _COOKIE_LINE.sub(rf"\1{REDACTED}", text)
    return _redact_elements(_redact_values(text, _VALUE))


def redact_keyed_literals(line: str, lowered: str) -> str:
    """Return a line of source code without literals that stand beside a secret key: nothing else is a value there."""
    if '"' not in line and "'" not in line and "</" not in line:
        return line
    if not (":" in line or "=" in line or "</" in line) or not may_name_secret(lowered):
        return line
    return _redact_elements(_redact_values(line, _LITERAL))


def _redact_values(text: str, values: re.Pattern[str]) -> str:
    """Redact what stands beside a secret key. The value of an open key is searched for keys like all other text."""
    parts, at = [], 0
    for key in _KEY.finditer(text):
        if key.start() < at or not is_secret_key(key[1]):
            continue
        start = key.end()
        if quote := _ESCAPED_QUOTE.match(text, start):
            start, end = quote.end(), _end_of_escaped(text, quote)
            redacted = REDACTED if end > start else ""
        elif value := values.match(text, start):
            end, redacted = value.end(), _redacted(value[0])
        else:
            continue
        parts += [text[at:start], redacted]
        at = end
    return "".join([*parts, text[at:]])


def _end_of_escaped(text: str, quote: re.Match[str]) -> int:
    """Return where a string in JSON inside of JSON ends: at the same quote, escaped neither more nor less."""
    end = text.find(quote[0], quote.end())
    while end > 0 and text[end - 1] == "\\" and end > quote.end():
        end = text.find(quote[0], end + 1)
    return end if end >= 0 else len(text)


def _redacted(value: str) -> str:
    if value[:1] == "[":
        return value
    if value[:1] in "\"'":
        return value if len(value) <= 2 else f"{value[0]}{REDACTED}{value[0]}"
    bare = value.rstrip(")}],")
    if bare in ("", "None", "null", "True", "False", "true", "false"):
        return value
    return f"{REDACTED}{value[len(bare) :]}"


def _redact_elements(text: str) -> str:
    return _ELEMENT.sub(_redact_element, text) if "</" in text else text


def _redact_element(match: re.Match[str]) -> str:
    name, end_of_tag, value = match.groups()
    return f"<{name}{end_of_tag}{REDACTED}" if is_secret_key(name) and value.strip() else match[0]
