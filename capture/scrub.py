"""Secrets out, and text that every store can hold, before anything leaves the process.

Values go by their key (`secret_keys`) and by their shape (a JWT, a PEM block, a card number). Both are looked at before
the journal, so that neither disk, database, issue nor agent ever sees a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from capture.secret_keys import REDACTED as REDACTED
from capture.secret_keys import is_secret_key, may_name_secret
from capture.secret_shapes import redact_shapes
from capture.secrets_apart import redact_apart
from capture.secrets_in_prose import may_tell, redact_commands, redact_told
from capture.secrets_in_rows import redact_rows
from capture.secrets_keyed import redact_keyed

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

# Short texts in which nothing was found, so that what every request says again (a browser's name, a currency) is
# looked at once. Never a text that held a secret.
harmless: set[str] = set()
MAX_HARMLESS, MAX_HARMLESS_TEXT = 2_048, 500


def scrub_text(text: str, *, limit: int = MAX_TEXT) -> str:
    """Return the text without secrets, at most `limit` characters long, and clean for every store."""
    if type(text) is str and len(text) <= limit and text in harmless:
        return text
    # What could hide behind the cut is scrubbed first, so that half a password is not mistaken for a harmless word.
    cleaned = clean(text[: limit * 2 + 200])
    scrubbed = _scrub(cleaned)
    if scrubbed == text and len(text) <= MAX_HARMLESS_TEXT and type(text) is str:
        if len(harmless) >= MAX_HARMLESS:
            harmless.clear()
        harmless.add(text)
    return scrubbed if len(scrubbed) <= limit else scrubbed[: limit - 1] + "…"


def _scrub(text: str) -> str:
    lowered = text.lower()
    text = redact_rows(redact_keyed(redact_shapes(text, lowered), lowered), lowered)
    if "--" in text or "@" in text or "form-data" in text:
        text = redact_apart(text)
    if may_tell(lowered) and may_name_secret(lowered):
        text = redact_told(text)
    if "-u" in lowered or "-p" in lowered:
        text = redact_commands(text, lowered)
    return text


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
