"""Values that a database refused and tells in its error: of a key that it has already, of a row that fails a check."""

from __future__ import annotations

import re

from capture.secret_keys import REDACTED, is_secret_key

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# PostgreSQL: `Key (user_id, token)=(7, abc) already exists.`; an index may be on what a function makes of a column.
_KEY = re.compile(r"\b(Key \([^\n=]{1,500}\)=\()([^\n]*)(\))")
_SHORTEST = len("Key (a)=(b) already exists.")
# Its `Failing row contains (7, abc, null).` names no column, and values may have line ends and brackets in them.
_ROW = "Failing row contains ("
# MySQL: `Duplicate entry 'abc' for key 'user.token'`.
_ENTRY = re.compile(r"(Duplicate entry ')([^\n]{0,1000}?)(' for key '([^'\n]{1,500})')")


def redact_rows(text: str, lowered: str) -> str:
    """Return the text without values of secret columns, and of rows whose columns are not told."""
    if len(text) < _SHORTEST:
        return text
    if "key (" in lowered:
        text = _KEY.sub(_redact_key, text)
    if (start := text.find(_ROW)) >= 0:
        start, end = start + len(_ROW), text.rfind(")")
        text = f"{text[:start]}{REDACTED}{text[end:] if end > start else ''}"
    if "duplicate entry" in lowered:
        text = _ENTRY.sub(_redact_entry, text)
    return text


def _redact_key(match: re.Match[str]) -> str:
    return f"{match[1]}{REDACTED}{match[3]}" if _names_secret(match[1]) else match[0]


def _redact_entry(match: re.Match[str]) -> str:
    return f"{match[1]}{REDACTED}{match[3]}" if _names_secret(match[4]) else match[0]


def _names_secret(columns: str) -> bool:
    return any(is_secret_key(name) for name in _NAME.findall(columns.removeprefix("Key ")))
