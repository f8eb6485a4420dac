"""What a command shares with text that somebody outside could have written: a host, a URL, a package, a long piece."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus

LONG = 12  # characters of a shared piece, white space counted as one

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>\\]+", re.IGNORECASE)
_HOST = re.compile(
    r"(?<![\w.-])(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]+|\d{1,3}(?:\.\d{1,3}){3})(?![\w-])",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s+")
# What fetches packages by name, and the names that follow it.
_INSTALLER = re.compile(
    r"\b(?:pip[0-9.]*|pipx|uvx?|conda|poetry|pdm|npm|npx|pnpm|yarn|bunx?|gem|bundle|cargo|go|apt|apt-get|dnf|yum|brew)"
    r"\s(?P<rest>[^;&|\n]*)"
)
_PACKAGE = re.compile(r"(?<![\w./@-])@?[a-z0-9][\w.-]*(?:/[\w.-]+)*")
_WORD = re.compile(r"@?[a-z0-9][\w.-]*(?:/[\w.-]+)*")
_SPELLED_OUT = re.compile(r"⟦U\+[0-9A-F]{4,6}⟧")  # what the event's file makes visible, and a reader skips
_ESCAPED_FORMAT = re.compile(
    r"\\(?:u(?:00ad|061c|180e|20[0-6][0-9a-f]|feff)|xad|U000e00[0-7][0-9a-f])"
)  # the same, by repr
_ESCAPED_SPACE = re.compile(r"\\[ntr]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_URL_SAFE = str.maketrans("-_", "+/")
_LEAST = 3  # characters of a package's name
_NO_PACKAGE = frozenset({"install", "add", "run", "get", "exec", "tool", "pip", "download", "update", "upgrade"})


class Overlap:
    """The hostile texts of an event, ready to be compared with commands.

    `ours` are texts that may be shared without notice, such as the test command.
    """

    def __init__(self, hostile: Iterable[str], ours: Iterable[str] = ()) -> None:
        texts = [_normal(reading) for text in hostile for reading in _readings(text)]
        self._ours = [_normal(text) for text in ours if text.strip()]
        self._texts = [text for text in texts if len(text) >= LONG]
        self._pieces = {text[i : i + LONG] for text in self._texts for i in range(len(text) - LONG + 1)}
        named = {found.lower() for text in texts for pattern in (_URL, _HOST) for found in pattern.findall(text)}
        self._words = {word.strip(".-") for text in texts for word in _WORD.findall(text) if len(word) >= _LEAST}
        # What stands before "://" and after the host is left out, so that the host alone is found as well.
        self._names = {name for name in named if "." in name or "://" in name}

    def shared(self, command: str) -> str | None:
        """Return the part of `command` that is in the event, or None."""
        normal = _normal(command)
        for own in self._ours:
            # A line break cannot be in a normalised text, so that no piece runs across what was taken out.
            normal = normal.replace(own, "\n")
        hosts: set[str] = {found for pattern in (_URL, _HOST) for found in pattern.findall(normal)}
        if named := sorted(hosts & self._names, key=len):
            return named[-1]
        return self._package(normal) or self._longest_piece(normal)

    def _package(self, normal: str) -> str | None:
        """Return the name of a package that a command would fetch and that somebody outside has named."""
        for found in _INSTALLER.finditer(normal):
            names: list[str] = _PACKAGE.findall(found["rest"])
            for name in names:
                if len(name) >= _LEAST and name not in _NO_PACKAGE and name.strip(".-") in self._words:
                    return name
        return None

    def _longest_piece(self, normal: str) -> str | None:
        best = ""
        for start in range(len(normal) - LONG + 1):
            if normal[start : start + LONG] not in self._pieces:
                continue
            end = start + LONG
            while end < len(normal) and self._in_a_text(normal[start : end + 1]):
                end += 1
            best = max(best, normal[start:end], key=len)
            if len(best) > 500:
                break  # long enough to show
        return best.strip() or None

    def _in_a_text(self, piece: str) -> bool:
        return any(piece in text for text in self._texts)


def _readings(text: str) -> Iterator[str]:
    """Yield a text as it stands, and as a reader may take it: decoded, in one go or in two."""
    yield text
    plain = _SPELLED_OUT.sub("", _ESCAPED_FORMAT.sub("", text))
    readings = {plain, _ESCAPED_SPACE.sub(" ", plain)}
    for _ in range(2):
        readings |= {decode(each) for each in readings for decode in (unquote, unquote_plus, html.unescape)}
    readings |= {_decoded(found) for found in _BASE64.findall(plain)}
    yield from sorted(readings - {text, ""})


def _decoded(found: str) -> str:
    """Return what base64 stands for, or nothing where that is no text."""
    try:
        raw = base64.b64decode(found.translate(_URL_SAFE) + "=" * (-len(found) % 4), validate=True)
        text = raw.decode()
    except ValueError:
        return ""
    return text if text.isprintable() or "\n" in text else ""


def _normal(text: str) -> str:
    return _SPACE.sub(" ", text).strip().lower()
