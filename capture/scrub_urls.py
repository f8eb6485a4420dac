"""What a request names, without secrets: queries and urlencoded forms, URLs, headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlsplit, urlunsplit

from capture.scrub import MAX_HARMLESS, MAX_HARMLESS_TEXT, MAX_ITEMS, REDACTED, clean, harmless, scrub_text
from capture.secret_keys import is_secret_key, may_name_secret

_plain: set[str] = set()  # queries and URLs in which nothing is encoded and nothing was found


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
    plain = "%" not in text and "+" not in text and not may_name_secret(text.lower()) and scrub_text(text) == text
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


def scrub_headers(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request's META by their own names, without secrets; cookies and credentials go whole."""
    result: dict[str, str] = {}
    for key, value in meta.items():
        if key[:5] == "HTTP_":
            if len(result) >= MAX_ITEMS:
                break
            name, scrubbed = _header(key[:100])
            text = str(value)
            result[name] = text if scrubbed is _any_text and text in harmless else scrubbed(text)
    return result


@lru_cache(maxsize=256)
def _header(key: str) -> tuple[str, Callable[[str], str]]:
    """Return the name of a header, and what takes the secrets out of its value."""
    name = key[5:].replace("_", "-").title()
    if is_secret_key(name):
        return name, lambda _value: REDACTED
    return name, scrub_url if name in ("Referer", "Origin") else _any_text


_any_text = partial(scrub_text, limit=1_000)
