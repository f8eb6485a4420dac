"""What to do about a failure, in the keys of the screen: below it a cure names commands, for which it has no line."""

from __future__ import annotations

import re

from workbench.tui.actions import KeyOf

# The action of a command, with its place where the key is not the same everywhere.
_KEYS = {
    "bugs close": "close",
    "bugs reopen": "reopen",
    "bugs show": "list.open",
    "bugs unlink": "link",
    "bugs unmerge": "unmerge",
    "fix": "fix",
    "sessions end": "session.end",
    "sessions interrupt": "session.interrupt",
    "sessions list": "sessions",
    "sessions resume": "session.resume",
    "sessions show": "bug.session",
    "verify": "signoff",
}
_BUG, _SESSION = r"B-\d+", r"[0-9a-f]{8}"
_COMMAND = re.compile(rf"`?workbench ({'|'.join(_KEYS)}|bugs list)\b((?: (?:{_BUG}|{_SESSION})\b)*+)`?(?! -)")


def in_keys(cure: str, key: KeyOf) -> str:
    """Return a cure with the key of each command that has one; a command with options stays as it is."""
    return _COMMAND.sub(lambda found: _said(found, key), cure)


def _said(found: re.Match[str], key: KeyOf) -> str:
    command, of = found[1], found[2].split()
    if command == "bugs list":
        return "the list"
    if command == "bugs show" and not of:
        return found[0]
    pressed = key(_KEYS[command])
    if command == "sessions list":
        return pressed
    if command.startswith("sessions"):
        return f"{pressed} on its bug" if command == "sessions show" else f"{pressed} on its page"
    return f"{pressed} on {' and '.join(of) or 'its page'}"
