"""What of an event belongs to a visitor of the site, and to nobody's repository."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from capture.event import Event

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Long random words: session keys, tokens, ids of people.
_TOKEN = re.compile(r"\b(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{16,}\b")
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
# Keys of forms and payloads whose values name a person.
_KEYS = re.compile(
    r"name|mail|phone|mobile|street|address|city|postcode|postal|zip|birth|iban|account|card|ssn|passport|user"
    r"|customer|token|session|secret",
    re.IGNORECASE,
)
_NO_PERSON = frozenset({"true", "false", "null", "none", "127.0.0.1"})
_SHORTEST = 4
_MOST = 200


def personal_values(event: Event) -> tuple[str, ...]:
    """Return the values of an event that must not stand in a test: addresses, tokens, and what a person typed in."""
    request = event.request
    texts = [text for exception in event.exceptions for text in (exception.message,)]
    found: list[str] = []
    if request is not None:
        texts += [
            unquote_plus(request.query),
            unquote_plus(request.body or ""),
            request.path,
            *request.headers.values(),
        ]
        found += [value for key, value in _fields(request.query, request.body or "") if _KEYS.search(key)]
    for text in texts:
        for pattern in (_EMAIL, _TOKEN, _ADDRESS):
            found += pattern.findall(text)
    kept = [value.strip() for value in found if len(value.strip()) >= _SHORTEST and "[" not in value]
    return tuple(dict.fromkeys(value for value in kept if value.lower() not in _NO_PERSON))[:_MOST]


def _fields(query: str, body: str) -> list[tuple[str, str]]:
    fields = parse_qsl(query, max_num_fields=1000) if query.count("&") < 1000 else []
    try:
        return fields + _leaves("", json.loads(body))
    except ValueError:
        return fields + (parse_qsl(body) if body.count("&") < 1000 else [])


def _leaves(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in _leaves(str(name), inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(key, inner)]
    return [(key, value)] if isinstance(value, str) else []
