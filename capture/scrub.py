"""Secrets out, and text that every store can hold, before anything leaves the process.

Values go by their key (`secret_keys`) and by their shape (a JWT, a PEM block, a card number). Both are looked at before
the journal, so that neither disk, database, issue nor agent ever sees a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlsplit, urlunsplit

from capture.secret_keys import REDACTED as REDACTED
from capture.secret_keys import is_secret_key, words_of
from capture.secret_shapes import may_have_shape, redact_shapes
from capture.secrets_apart import KEYS_END, may_be_key_material, redact_apart, redact_below
from capture.secrets_in_prose import may_tell, redact_commands, redact_told

# What a mapping calls the key of a pair: {"name": "password", "value": "x"}.
NAMING_KEYS = ("name", "key", "field")
MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_TEXT = 8_192


def clean(text: str) -> str:
    """Return the text with what JSON and PostgreSQL refuse (NUL, lone surrogates) made visible as U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text)


_SURROGATE = re.compile("[\ud800-\udfff]")

# What the name of every secret key has in it.
_KEY_HINTS = tuple(
    words_of(
        """
        pass pw secret token auth key cred cook sess sid csrf xsrf cvv cvc ssn signature jwt bearer otp card social
        recovery pin forwarded real
        """
    )
)
# Short texts in which nothing was found, so that what every request says again (a browser's name, a currency) is
# looked at once. Never a text that held a secret.
_harmless: set[str] = set()
_plain: set[str] = set()  # the same of queries and URLs
MAX_HARMLESS, MAX_HARMLESS_TEXT = 2_048, 500


def _has(text: str, hints: Iterable[str]) -> bool:
    for hint in hints:  # noqa: SIM110  (any() with a generator takes twice as long, on every text of every event)
        if hint in text:
            return True
    return False


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


def scrub_text(text: str, *, limit: int = MAX_TEXT) -> str:
    """Return the text without secrets, at most `limit` characters long, and clean for every store."""
    if type(text) is str and len(text) <= limit and text in _harmless:
        return text
    # What could hide behind the cut is scrubbed first, so that half a password is not mistaken for a harmless word.
    cleaned = clean(text[: limit * 2 + 200])
    scrubbed = _scrub(cleaned, _VALUE)
    if scrubbed == text and len(text) <= MAX_HARMLESS_TEXT and type(text) is str:
        if len(_harmless) >= MAX_HARMLESS:
            _harmless.clear()
        _harmless.add(text)
    return scrubbed if len(scrubbed) <= limit else scrubbed[: limit - 1] + "…"


def scrub_source(line: str) -> str:
    """Return a line of source code without literal secrets. `token = get_token()` stays as it is."""
    if not line:
        return line
    return _scrub(clean(line[:400]), _LITERAL, source=True)


def scrub_lines(lines: Iterable[str]) -> list[str]:
    """Return neighbouring lines of source code, each as `scrub_source` does, without values on a line below their key.

    Most source has none of what secrets have in them, which is found out for all lines at once.
    """
    shown = [line[:400] for line in lines]
    text = "\n".join(shown)
    if clean(text) is not text:
        shown = [clean(line) for line in shown]
    lowered = text.lower()
    if may_have_shape(text, lowered):
        shown = [redact_shapes(line, line.lower()) for line in shown]
    hints = [hint for hint in _KEY_HINTS if hint in lowered]
    telling = [_may_tell(line, hints) for line in shown] if hints else [False] * len(shown)
    if True not in telling and not may_be_key_material(shown):
        return shown
    shown = [
        _scrub_keys(line, line.lower(), _LITERAL, source=True) if may_tell else line
        for line, may_tell in zip(shown, telling, strict=True)
    ]
    return redact_below(shown, telling)


def _may_tell(line: str, hints: Iterable[str]) -> bool:
    """Return whether a line of source could hold the key of a literal, beside it or on the line below."""
    return _has(line.lower(), hints) and (
        '"' in line or "'" in line or "</" in line or line.rstrip().endswith(KEYS_END)
    )


def _scrub(text: str, values: re.Pattern[str], *, source: bool = False) -> str:
    lowered = text.lower()
    return _scrub_keys(redact_shapes(text, lowered), lowered, values, source=source)


def _scrub_keys(text: str, lowered: str, values: re.Pattern[str], *, source: bool) -> str:
    if source and '"' not in text and "'" not in text and "</" not in text:
        return text  # only a literal is the value of a key in source code
    if (":" in text or "=" in text or "</" in text) and _has(lowered, _KEY_HINTS):
        if not source and "cookie" in lowered:
            text = _COOKIE_LINE.sub(rf"\1{REDACTED}", text)
        text = _redact_keyed(text, values)
        if "</" in text:
            text = _ELEMENT.sub(_redact_element, text)
    if source:
        return text
    if "--" in text or "@" in text or "form-data" in text:
        text = redact_apart(text)
    if may_tell(lowered) and _has(lowered, _KEY_HINTS):
        text = redact_told(text)
    if "-u" in lowered or "-p" in lowered:
        text = redact_commands(text, lowered)
    return text


def _redact_keyed(text: str, values: re.Pattern[str]) -> str:
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


def _redact_element(match: re.Match[str]) -> str:
    name, end_of_tag, value = match.groups()
    return f"<{name}{end_of_tag}{REDACTED}" if is_secret_key(name) and value.strip() else match[0]


def scrub_value(value: Any, *, depth: int = 0) -> Any:
    """Return plain data (as JSON has it) without secrets. What lies too deep to be looked at is redacted."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scrub_number(value)
    if value is None or isinstance(value, bool):
        return value
    if depth >= MAX_DEPTH:
        return "[redacted: too deep]"
    if isinstance(value, Mapping):
        return scrub_mapping(value, depth=depth)
    if isinstance(value, Iterable):
        return _scrub_items(value, depth)
    return scrub_text(str(type(value)))


def _scrub_number(value: float) -> Any:
    if value < 10**11:  # shorter than any card
        return value
    text = str(value) if value < 10**30 else ""
    return value if scrub_text(text) == text else REDACTED


def _scrub_items(value: Iterable[Any], depth: int) -> list[Any]:
    items = list(islice(value, MAX_ITEMS + 1))
    # [["password", "x"]] is a mapping in disguise.
    if len(items) == 2 and isinstance(items[0], str) and is_secret_key(items[0]) and items[1]:
        return [scrub_value(items[0], depth=depth + 1), REDACTED]
    scrubbed = [scrub_value(item, depth=depth + 1) for item in items[:MAX_ITEMS]]
    return [*scrubbed, "…"] if len(items) > MAX_ITEMS else scrubbed


def scrub_mapping(mapping: Mapping[Any, Any], *, depth: int = 0) -> dict[str, Any]:
    """Return the mapping with the values of secret keys redacted, and every other value scrubbed."""
    result: dict[str, Any] = {}
    is_pair = "value" in mapping and is_named_secret(mapping)
    for index, (key, value) in enumerate(mapping.items()):
        if index >= MAX_ITEMS:
            result["…"] = f"{len(mapping) - MAX_ITEMS} more"
            break
        name = key if isinstance(key, str) else str(key)[:200] if isinstance(key, int | float) else type(key).__name__
        is_secret = is_secret_key(name) or (is_pair and name == "value")
        secret = is_secret and value is not None and not isinstance(value, bool) and value != ""
        result[scrub_text(name, limit=200)] = REDACTED if secret else scrub_value(value, depth=depth + 1)
    return result


def is_named_secret(mapping: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is a pair such as {"name": "password", "value": "x"}."""
    return any(isinstance(name := mapping.get(key), str) and is_secret_key(name) for key in NAMING_KEYS)


def scrub_query(query: str, *, limit: int = 4_000) -> str:
    """Return a query string or an urlencoded form without secrets, otherwise as it was sent."""
    if len(query) <= limit and _is_plain(query):
        return query
    parts = []
    for part in clean(query[:limit]).split("&"):
        key, equals, value = part.partition("=")
        plain = unquote_plus(value, errors="replace")
        if equals and is_secret_key(unquote_plus(key, errors="replace")) and value:
            parts.append(f"{key}={REDACTED}")
        elif (scrubbed := scrub_text(plain)) != plain:
            parts.append(f"{key}={quote_plus(scrubbed, safe='[]…')}" if equals else quote_plus(scrubbed))
        else:
            parts.append(scrub_text(part) if not equals else part)
    return "&".join(parts)


def _is_plain(text: str) -> bool:
    """Return whether nothing of a query or a URL is encoded, and nothing in it could be a secret."""
    if text in _plain:
        return True
    plain = "%" not in text and "+" not in text and not _has(text.lower(), _KEY_HINTS) and scrub_text(text) == text
    if plain and len(text) <= MAX_HARMLESS_TEXT:
        if len(_plain) >= MAX_HARMLESS:
            _plain.clear()
        _plain.add(text)
    return plain


def scrub_url(url: str, *, limit: int = 2_000) -> str:
    """Return a URL without secrets in its credentials, its path and its query, and without its fragment."""
    if len(url) <= limit and "#" not in url and "@" not in url and url.isprintable() and _is_plain(url):
        return url
    try:
        parts = urlsplit(clean(url[:limit]))
    except ValueError:
        return scrub_text(url, limit=limit)
    bare = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    query = f"?{scrub_query(parts.query)}" if parts.query else ""
    return scrub_text(bare, limit=limit) + query


def scrub_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return request headers without secrets; cookies and credentials go whole."""
    result: dict[str, str] = {}
    for name, value in headers:
        if len(result) >= MAX_ITEMS:
            break
        result[name] = _header_scrubber(name)(value)
    return result


@lru_cache(maxsize=256)
def _header_scrubber(name: str) -> Callable[[str], str]:
    if is_secret_key(name):
        return lambda _value: REDACTED
    return scrub_url if name in ("Referer", "Origin") else _scrub_header


def _scrub_header(value: str) -> str:
    return scrub_text(value, limit=1_000)
