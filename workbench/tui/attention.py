"""Calling a person who looks elsewhere: the bell, and a notification where a terminal is known to show one."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.errors import ConfigurationError
from workbench.text import plain

SETTING = "screen.bell"
WAYS = ("on", "bell", "off")
_BELL = "\a"
# Others print what they do not know, or take OSC 9 for the progress of a task.
_NOTIFY_9 = frozenset({"iTerm.app", "WezTerm", "ghostty"})
_NOTIFY_777 = ("foot", "rxvt-unicode")


def way_of(value: object) -> str:
    """Return how a person is called. Raises `ConfigurationError` for what is none of `WAYS`."""
    if value not in WAYS:
        raise ConfigurationError(
            f"{SETTING} = {plain(repr(value), 60)} is none of {', '.join(WAYS)}.",
            cure=f'Write {SETTING} = "on" (bell and notification), "bell", or "off".',
        )
    return str(value)


def call(text: str, *, way: str, environ: Mapping[str, str]) -> str:
    """Return what is written to the terminal to call a person, empty where nobody is to be called.

    `text` has to be of our own words: it is put into a control sequence.
    """
    if way == "off":
        return ""
    is_wrapped = bool(environ.get("TMUX") or environ.get("STY"))  # a multiplexer passes on nothing but the bell
    if way == "bell" or is_wrapped:
        return _BELL
    said = plain(text, 200).replace(";", ",")
    if environ.get("TERM_PROGRAM") in _NOTIFY_9:
        return f"{_BELL}\x1b]9;{said}\x1b\\"
    if environ.get("TERM", "").startswith(_NOTIFY_777):
        return f"{_BELL}\x1b]777;notify;Bug workbench;{said}\x1b\\"
    return _BELL
