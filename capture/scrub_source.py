"""Secrets out of lines of source code: literals beside their key or below it, and what is known by its shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set

from capture.scrub import clean
from capture.secret_keys import KEY_HINTS, REDACTED, is_secret_key
from capture.secret_shapes import may_have_shape, redact_shapes
from capture.secrets_keyed import redact_keyed_literals

MAX_LINE = 400
_STRING = re.compile(r"[bBuUrRfF]{0,2}(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')")
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,60}")
_PLACEHOLDER = re.compile(r"%s|%\(\w+\)s|\?|\$\d|[=( ]:\w|\{\w*\}")
_OPEN_KEY = re.compile(r"([A-Za-z_][\w.-]{0,60})[\"'\]]{0,2}\s{0,3}(?:=|:|=>|:=)\s{0,3}[\[({]?\s*$")
_KEY_MATERIAL = re.compile(r"[\s\"'(bBrR]{0,30}[A-Za-z0-9+/]{40,}={0,2}(?:\\[rn])*[\"'\s),+\\]*", re.ASCII)
# Every character that key material is made of as the same one.
_MATERIAL = bytes(0x41 if (chr(byte).isalnum() and byte < 0x80) or byte in b"+/" else 0x20 for byte in range(256))
_SHORTEST_MATERIAL = b"A" * 40
# How a line ends whose key has its value below.
KEYS_END = (":", "=", ">", "[", "(", "{")
# What goes on over so many lines is a call with its arguments one a line.
MAX_BELOW = 3

# Lines in which there is nothing to find, whatever stands around them: faults come in the same functions again, and
# what is shown around two calls of one traceback overlaps.
_open: set[str] = set()
MAX_OPEN = 2_048


def scrub_source(line: str) -> str:
    """Return a line of source code without literal secrets. `token = get_token()` stays as it is."""
    return _alone(clean(line[:MAX_LINE])) if line else line


def scrub_lines(lines: Iterable[str]) -> list[str]:
    """Return neighbouring lines of source code as `scrub_source` does each, and without values below their keys."""
    shown = [line[:MAX_LINE] for line in lines]
    return without_secrets(shown, suspects(shown))


def without_secrets(lines: list[str], suspected: Set[str]) -> list[str]:
    """Return neighbouring lines, each as it is shown, without the secrets of those that are `suspects`."""
    if suspected.isdisjoint(lines):
        return lines
    telling = [line in suspected for line in lines]
    return redact_below(
        [_alone(clean(line)) if tells else line for line, tells in zip(lines, telling, strict=True)], telling
    )


def suspects(lines: Iterable[str]) -> Set[str]:
    """Return those lines, each as it is shown, in which there could be something to find, and remember the others.

    Most source has none of what secrets have in them, which is found out for all new lines at once.
    """
    new = set(lines) - _open
    if not new:
        return new
    text = "\n".join(new)
    if clean(text) is not text or may_have_shape(text, text.lower()) or _may_have_key_material(text):
        found = {line for line in new if _is_suspect(line)}
    else:
        telling = [line for line in new if _may_have_key(line)]
        lowered = "\n".join(telling).lower()
        hints = [hint for hint in KEY_HINTS if hint in lowered]
        found = {line for line in telling if _may_tell(line, hints)} if hints else set()
    if len(_open) >= MAX_OPEN:
        _open.clear()
    _open.update(new - found if found else new)
    return found


def _is_suspect(line: str) -> bool:
    return (
        _may_tell(line, KEY_HINTS)
        or clean(line) is not line
        or may_have_shape(line, line.lower())
        or _may_have_key_material(line)
    )


def _alone(line: str) -> str:
    lowered = line.lower()
    return redact_keyed_literals(redact_shapes(line, lowered), lowered)


def _may_have_key(line: str) -> bool:
    """Return whether a line of source has a literal, or ends as the key of one below does."""
    return '"' in line or "'" in line or "</" in line or line.rstrip().endswith(KEYS_END)


def _may_tell(line: str, hints: Iterable[str]) -> bool:
    """Return whether a line of source could hold the key of a literal, beside it or on the line below."""
    if not _may_have_key(line):
        return False
    lowered = line.lower()
    for hint in hints:  # noqa: SIM110  (any() with a generator takes twice as long, on every line of every new fault)
        if hint in lowered:
            return True
    return False


def redact_below(lines: Sequence[str], telling: Sequence[bool]) -> list[str]:
    """Return neighbouring lines of source without string literals that belong to a key on the same line or above.

    Such a key is one that the line ends with (`"password":`), or the column of a query with placeholders. A line that
    holds nothing but key material goes whole: the "BEGIN PRIVATE KEY" may stand above all of the lines. `telling` says
    of each line whether it could hold such a key or be such material.
    """
    result = []
    below = 0
    for line, may_tell in zip(lines, telling, strict=True):
        if not below and not may_tell:
            result.append(line)
            continue
        if _is_key_material(line):
            result.append(REDACTED)
            continue
        shown, asks = _redact_parameters(line, all_of_them=below > 0)
        result.append(shown)
        code = line.rstrip()
        ends = code.endswith((")", ";"))
        if asks:
            below = 0 if ends else MAX_BELOW
        elif _ends_with_a_key(code):
            below = 1
        else:
            below = below - 1 if below and not ends else 0
    return result


def _ends_with_a_key(code: str) -> bool:
    key = _OPEN_KEY.search(code) if code.endswith((":", "=", ">", "[", "(", "{")) else None
    return key is not None and is_secret_key(key[1])


def _may_have_key_material(text: str) -> bool:
    """Return whether a line of a text could be key material: one pattern on each line takes three times as long."""
    return _SHORTEST_MATERIAL in text.encode("ascii", "replace").translate(_MATERIAL)


def _is_key_material(line: str) -> bool:
    """Return whether a line of source holds key material, and nothing else but what joins it to the next."""
    return len(line) >= 40 and _KEY_MATERIAL.fullmatch(line) is not None


def _redact_parameters(line: str, *, all_of_them: bool) -> tuple[str, bool]:
    """Redact the literals that fill in a query's placeholders; return whether the line asks for a secret."""
    asks = False

    def redacted(literal: re.Match[str]) -> str:
        nonlocal asks
        text = literal[1]
        if all_of_them or asks:
            return f"{text[0]}{REDACTED}{text[0]}" if len(text) > 2 and text[1:-1] != REDACTED else literal[0]
        asks = _PLACEHOLDER.search(text) is not None and any(is_secret_key(name) for name in _NAME.findall(text))
        return literal[0]

    return (_STRING.sub(redacted, line) if '"' in line or "'" in line else line), asks
