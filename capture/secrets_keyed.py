"""Secrets that stand beside their keys: `password=hunter2`, `"apiKey": "…"`, `<token>…</token>`, a line of cookies."""

from __future__ import annotations

import re

from capture.secret_keys import REDACTED, is_secret_key, may_name_secret

_COOKIE_LINE = re.compile(r"\b((?:set-)?cookie[\"']?\s{0,3}[:=]\s{0,3}[\"']?)([^\n\"']+)", re.IGNORECASE)
_TRIPLE = r"[bBuUrRfF]{0,2}(?:\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*+(?:\"\"\")?|\'\'\'(?:[^'\\]|\\.|'(?!''))*+(?:\'\'\')?)"
_ONE_LINE = r"[bBuUrRfF]{0,2}(?:\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?)"
_QUOTED = rf"(?:{_TRIPLE}|{_ONE_LINE})"
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,60}+)[\\\"'\]]{0,8}\s{0,3}(?:=>|:=|[:=](?!=))\s{0,3}")
# In the `repr` of a text of several lines the next one begins after a written "\n".
_NEXT_KEY = r"(?:r\\)?n[ \t]{0,8}-?[ \t]?[\"']?[\w.-]{1,60}[\"']?[ \t]{0,3}[:=]"
_VALUE = re.compile(
    rf"{_QUOTED}|(?:(?:bearer|basic|token|digest|apikey)\s+)?(?:[^\s\"'&;<>\\]|\\(?!{_NEXT_KEY}))+", re.IGNORECASE
)
_LITERAL = re.compile(_QUOTED)
_MARKS = re.compile(rf"{_QUOTED}|[\[({{\])}}]")
# {'name': 'password', 'value': 'x'}
_NAMED = re.compile(
    rf"([\"'](?:name|key|field)[\"']\s{{0,3}}:\s{{0,3}}[\"']([A-Za-z_][\w.-]{{0,60}})[\"']\s{{0,3}},\s{{0,3}}"
    rf"[\"']value[\"']\s{{0,3}}:\s{{0,3}})({_QUOTED}|[\[({{][^\])}}]{{0,500}}[\])}}]|[^\s,}}\]]+)"
)
# What source has beside a key as well: the type that its value is said to have, and a key that is a text of its own.
_ANNOTATION = re.compile(
    r"(?:[\w.]{1,60}(?:\[[^\]\n]{0,80}\])?\s{0,2}\|\s{0,2}){0,4}[\w.]{1,60}(?:\[[^\]\n]{0,80}\])?\s{0,3}=(?!=)\s{0,3}"
)
_PAIR = re.compile(
    rf"(\(\s{{0,3}}(?:[\w.]{{1,60}}\s{{0,3}},\s{{0,3}})?[\"']([A-Za-z_][\w.-]{{0,60}})[\"']\s{{0,3}},\s{{0,3}}(?:\w{{1,30}}=)?)"
    rf"({_QUOTED})"
)
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,60}+)=([^\s\"'&;,<>{}\[\]()%$=:?\\][^\s\"'&;,<>{}\\]+)")
_PARTS = re.compile(r"([bBuUrRfF]{0,2})(\"\"\"|'''|[\"'])(.*?)(?:\2)?", re.DOTALL)
# An f-string that says no more than `Bearer {token}` holds none.
_FILLED_IN, _SCHEME = (
    re.compile(r"\{[^{}]*\}"),
    re.compile(r"\s*(?:bearer|basic|token|digest|apikey)?\s*", re.IGNORECASE),
)
_ESCAPED_QUOTE = re.compile(r"\\+[\"']")
_OPENING, _CLOSING = ("[", "(", "{"), ("]", ")", "}")
_ELEMENT = re.compile(r"<([A-Za-z_][\w:.-]{0,60}+)((?:\s[^<>]{0,200})?>)([^<]{1,2000})(?=</)")


def redact_keyed(text: str, lowered: str) -> str:
    """Return the text without what stands beside a secret key; `lowered` is the text in lower case."""
    if not (":" in text or "=" in text or "</" in text) or not may_name_secret(lowered):
        return text
    if "cookie" in lowered:
        text = _COOKIE_LINE.sub(rf"\1{REDACTED}", text)
    if "value" in lowered:
        text = _NAMED.sub(_redact_named, text)
    return _redact_elements(_redact_values(text, _VALUE))


def redact_keyed_literals(line: str, lowered: str) -> str:
    """Return a line of source code without literals that stand beside a secret key: nothing else is a value there."""
    if '"' not in line and "'" not in line and "</" not in line:
        return line
    if not may_name_secret(lowered):
        return line
    line = _PAIR.sub(_redact_named, line)
    if not (":" in line or "=" in line or "</" in line):
        return line
    line = _LITERAL.sub(_redact_assigned, _redact_values(line, _LITERAL, is_source=True))
    return _redact_elements(line)


def _redact_values(text: str, values: re.Pattern[str], *, is_source: bool = False) -> str:
    """Redact what stands beside a secret key. The value of an open key is searched for keys like all other text."""
    parts, at = [], 0
    for key in _KEY.finditer(text):
        if key.start() < at or not is_secret_key(key[1]):
            continue
        start = key.end()
        if is_source and ":" in text[key.end(1) : start] and (annotation := _ANNOTATION.match(text, start)):
            start = annotation.end()
        if text[start : start + 1] in _OPENING:
            end = _end_of_brackets(text, start)
            whole = text[start:end]
            redacted = _redact_literals(whole) if is_source else REDACTED if len(whole) > 2 else whole
        elif quote := _ESCAPED_QUOTE.match(text, start):
            start, end = quote.end(), _end_of_escaped(text, quote)
            redacted = REDACTED if end > start else ""
        elif value := values.match(text, start):
            end, redacted = value.end(), _redacted(value[0])
        else:
            continue
        parts += [text[at:start], redacted]
        at = end
    return "".join([*parts, text[at:]])


def _end_of_brackets(text: str, start: int) -> int:
    """Return where what the bracket at `start` opens is closed, or the end of the text."""
    depth = 0
    for mark in _MARKS.finditer(text, start):
        depth += (mark[0] in _OPENING) - (mark[0] in _CLOSING)
        if not depth:
            return mark.end()
    return len(text)


def _redact_literals(code: str) -> str:
    return _LITERAL.sub(lambda literal: _redacted(literal[0]), code)


def _redact_named(pair: re.Match[str]) -> str:
    return f"{pair[1]}{_redacted(pair[3])}" if is_secret_key(pair[2]) else pair[0]


def _redact_assigned(literal: re.Match[str]) -> str:
    """Redact `password=x` within a literal, as addresses and connection strings have it, but not what is filled in."""
    if "=" not in literal[0]:
        return literal[0]
    return _ASSIGNED.sub(
        lambda found: f"{found[1]}={_redacted(found[2])}" if is_secret_key(found[1]) else found[0], literal[0]
    )


def _end_of_escaped(text: str, quote: re.Match[str]) -> int:
    """Return where a string in JSON inside of JSON ends: at the same quote, escaped neither more nor less."""
    end = text.find(quote[0], quote.end())
    while end > 0 and text[end - 1] == "\\" and end > quote.end():
        end = text.find(quote[0], end + 1)
    return end if end >= 0 else len(text)


def _redacted(value: str) -> str:
    if literal := _PARTS.fullmatch(value):
        prefix, quote, text = literal.groups()
        if not text or ("f" in prefix.lower() and _SCHEME.fullmatch(_FILLED_IN.sub("", text))):
            return value
        return f"{prefix}{quote}{REDACTED}{quote}"
    bare = value.rstrip(")}],")
    if bare in ("", "None", "null", "True", "False", "true", "false"):
        return value
    return f"{REDACTED}{value[len(bare) :]}"


def _redact_elements(text: str) -> str:
    return _ELEMENT.sub(_redact_element, text) if "</" in text else text


def _redact_element(match: re.Match[str]) -> str:
    name, end_of_tag, value = match.groups()
    return f"<{name}{end_of_tag}{REDACTED}" if is_secret_key(name) and value.strip() else match[0]
