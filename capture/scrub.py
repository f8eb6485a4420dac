"""Secrets out, and text that every store can hold, before anything leaves the process.

Values go by their key (`secret_keys`) and by their shape (a JWT, a PEM block, a card number). Both are looked at before
the journal, so that neither disk, database, issue nor agent ever sees a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlsplit, urlunsplit

from capture.secret_keys import REDACTED as REDACTED
from capture.secret_keys import is_secret_key, words_of
from capture.secrets_apart import KEYS_END, may_be_key_material, redact_apart, redact_below

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

# What each family of patterns below has in it. Plain searches for these decide which of them are worth running, since
# a regular expression of the same words takes ten times as long, and most text has none of them.
_UNDERSCORE_ENDS = ("sk", "rk", "ghp", "gho", "ghu", "ghs", "ghr", "pat", "whsec", "npm", "hf")
_HYPHEN_ENDS = ("sk", "rk", "glpat", "pypi")
_DOT_ENDS = ("ya29", "SG")
_KEY_HINTS = tuple(
    words_of(
        """
        pass pw secret token auth key cred cook sess sid csrf xsrf cvv cvc ssn signature jwt bearer otp card social
        recovery pin forwarded real
        """
    )
)
_DIGITS = re.compile("[0-9](?:[ -]?[0-9]){12}")  # as many as the shortest card has

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


def _may_have_shape(text: str) -> bool:
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
    for piece in pieces:  # noqa: SIM110  (as above)
        if piece.endswith(ends):
            return True
    return False


_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
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
_CARD = re.compile(r"(?<!\d)(?<!\d\.)\d(?:[ -]?\d){12,40}(?!\d)")
# Visa, Mastercard, American Express and Diners, Discover and UnionPay, by their first digits and lengths.
_CARD_NUMBER = re.compile(r"4(?:\d{12}|\d{15}|\d{18})|(?:5[0-9]|2[2-7])\d{14}|3[0-9]\d{12,14}|6[0-9]\d{14,17}")


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
    cleaned = [clean(line[:400]) for line in lines]
    text = "\n".join(cleaned)
    if _may_have_any_shape(text, text.lower()):
        cleaned = [_scrub_shapes(line, line.lower()) for line in cleaned]
    telling = [_may_tell(line) for line in cleaned]
    if not any(telling) and not may_be_key_material(cleaned):
        return cleaned
    shown = [
        _scrub_keys(line, line.lower(), _LITERAL, source=True) if may_tell else line
        for line, may_tell in zip(cleaned, telling, strict=True)
    ]
    return redact_below(shown, telling)


def _may_tell(line: str) -> bool:
    """Return whether a line of source could hold the key of a literal, beside it or on the line below."""
    return ('"' in line or "'" in line or "</" in line or line.rstrip().endswith(KEYS_END)) and _has(
        line.lower(), _KEY_HINTS
    )


def _may_have_any_shape(text: str, lowered: str) -> bool:
    """Return whether `_scrub_shapes` could find anything in the text or in a line of it."""
    return (
        ("-" in text and "-----BEGIN" in text)
        or "bearer" in lowered
        or "basic" in lowered
        or ("@" in text and "://" in text)
        or _may_have_shape(text)
        or (sum(map(text.count, "0123456789")) >= 13 and _DIGITS.search(text) is not None)
    )


def _scrub(text: str, values: re.Pattern[str], *, source: bool = False) -> str:
    lowered = text.lower()
    return _scrub_keys(_scrub_shapes(text, lowered), lowered, values, source=source)


def _scrub_keys(text: str, lowered: str, values: re.Pattern[str], *, source: bool) -> str:
    if source and '"' not in text and "'" not in text and "</" not in text:
        return text  # only a literal is the value of a key in source code
    if (":" in text or "=" in text or "</" in text) and _has(lowered, _KEY_HINTS):
        if not source and "cookie" in lowered:
            text = _COOKIE_LINE.sub(rf"\1{REDACTED}", text)
        text = _redact_keyed(text, values)
        if "</" in text:
            text = _ELEMENT.sub(_redact_element, text)
    if not source and ("--" in text or "@" in text or "form-data" in text):
        text = redact_apart(text)
    return text


def _scrub_shapes(text: str, lowered: str) -> str:
    if "-----BEGIN" in text:
        text = _PEM.sub(REDACTED, text)
    if "@" in text and "://" in text:
        text = _DSN.sub(lambda match: f"{match[1] or match[2]}:{REDACTED}@", text)
    if _may_have_shape(text):
        text = _SHAPES.sub(REDACTED, text)
    if "bearer" in lowered or "basic" in lowered:
        text = _BEARER.sub(rf"\1 {REDACTED}", text)
    if len(text) >= 13 and _DIGITS.search(text):
        text = _CARD.sub(_redact_card, text)
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
    items: list[Any] = []
    for index, item in enumerate(value):
        if index >= MAX_ITEMS:
            items.append("…")
            break
        items.append(scrub_value(item, depth=depth + 1))
    # [["password", "x"]] is a mapping in disguise.
    if len(items) == 2 and isinstance(items[0], str) and is_secret_key(items[0]) and items[1]:
        items[1] = REDACTED
    return items


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
        if is_secret_key(name):
            result[name] = REDACTED
        elif name in ("Referer", "Origin"):
            result[name] = scrub_url(value)
        else:
            result[name] = scrub_text(value, limit=1_000)
    return result
