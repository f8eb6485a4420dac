"""The body of a request as text: only where it is in memory already, in bounds, and without secrets."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

from capture.scrub import REDACTED, clean, scrub_mapping, scrub_text, scrub_value
from capture.scrub_urls import scrub_query

MAX_FILES = 10
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def body_or_why_not(request: Any, limit: int) -> tuple[str | None, str]:
    """Return the body as text, at most `limit` characters of it, and a note on what is missing."""
    try:
        return _body(request, limit)
    except Exception:  # noqa: BLE001  (files and forms of the site's own making must not cost the event)
        return None, "could not be described"


def _body(request: Any, limit: int) -> tuple[str | None, str]:
    """Return the body as text and a note on what is missing of it."""
    if request.method in ("GET", "HEAD") or limit == 0:
        return None, ""
    hidden = getattr(request, "sensitive_post_parameters", None)
    if hidden == "__ALL__":
        return None, "hidden by @sensitive_post_parameters"
    known = request.__dict__
    kind = str(getattr(request, "content_type", "") or "")
    if "_post" in known and (known["_post"] or known.get("_files")) and kind in _FORMS:
        return _form(known["_post"], known.get("_files"), frozenset(hidden or ()), limit)
    raw = known.get("_body")
    if raw is None:
        raw, note = _unread(request, limit)
        if raw is None:
            return None, note
    if kind == _FORMS[1]:
        return None, f"multipart data of {len(raw)} bytes"
    return _text_body(raw, kind, limit, frozenset(hidden or ()))


def _unread(request: Any, limit: int) -> tuple[bytes | None, str]:
    """Read a body only where it is in memory already: an ASGI server's, never read by anybody, and small."""
    if getattr(request, "_read_started", False):
        return None, "read by the application as a stream"
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if length == "0":
        return None, ""
    if not hasattr(request, "scope"):
        return None, "not read by the application"  # reading it now could wait for the client
    if not length.isdigit() or int(length) > limit:
        return None, f"not read: {length[:20]} bytes"
    try:
        return request.body, ""
    except Exception:  # noqa: BLE001  (RawPostDataException, UnreadablePostError, limits)
        return None, "could not be read"


def _form(post: Any, files: Any, hidden: frozenset[str], limit: int) -> tuple[str, str]:
    fields = {
        key: REDACTED if key in hidden else values[0] if len(values) == 1 else values for key, values in post.lists()
    }
    text = json.dumps(scrub_mapping(fields), ensure_ascii=False)
    notes = ["form fields as the site parsed them"]
    uploads = [(name, file) for name, several in (files.lists() if files else ()) for file in several]
    for name, file in uploads[:MAX_FILES]:
        called = scrub_text(str(file.name), limit=100)
        notes.append(f"file {scrub_text(str(name), limit=100)}: {called}, {int(file.size)} bytes")
    if len(uploads) > MAX_FILES:
        notes.append(f"{len(uploads) - MAX_FILES} more files")
    return _cut(text, limit, "; ".join(notes))


def _text_body(raw: bytes, kind: str, limit: int, hidden: frozenset[str]) -> tuple[str | None, str]:
    text = raw[: limit * 4 + 4].decode("utf-8", "replace")
    if kind == _FORMS[0]:
        text = "&".join(
            f"{part.partition('=')[0]}={REDACTED}" if _is_hidden(part, hidden) else part for part in text.split("&")
        )
        return _cut(scrub_query(text, limit=limit * 2), limit)
    if len(raw) <= limit:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return _cut(json.dumps(scrub_value(data), ensure_ascii=False), limit)
    if b"\x00" in raw[:1000]:
        return None, f"binary data of {len(raw)} bytes"
    shown = scrub_text(text, limit=limit)
    return shown, f"cut: {len(raw)} bytes in all" if len(raw) > limit else ""


def _is_hidden(part: str, hidden: frozenset[str]) -> bool:
    return bool(hidden) and unquote_plus(part.partition("=")[0], errors="replace") in hidden


def _cut(text: str, limit: int, note: str = "") -> tuple[str, str]:
    if len(text) <= limit:
        return clean(text), note
    return clean(text[:limit]), "; ".join(filter(None, (note, f"cut: {len(text)} characters in all")))
