"""Keys of one's own: `[tool.workbench.keys]` read, checked, and put in the place of those of the table of actions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.errors import ConfigurationError
from workbench.text import plain
from workbench.tui import actions
from workbench.tui.actions import NO_KEYS, Action, Keys, Place

if TYPE_CHECKING:
    from workbench.config import Config

NAMED = frozenset(
    (
        *("enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"),
        *("up", "down", "left", "right"),
        *(f"f{number}" for number in range(1, 13)),
    )
)
_MODIFIERS = re.compile(r"((?:ctrl|alt|shift|super)\+)*")
_AS_TEXTUAL_SAYS = {"solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at",
                    "hyphen_minus": "minus", "plus_sign": "plus", "low_line": "underscore"}  # fmt: skip
_MOVE = "move"
# While words are typed, this is the only way out.
_ESCAPES = frozenset({"back", "clear"})


def keymap(config: Config) -> Keys:
    """Return the keys that the configuration gives, by `PLACE.ACTION`.

    Raises `ConfigurationError` that names the file and the entry: for an action or a place that is not there, for what
    is no key, and for a key that would do two things in one place.
    """
    if not config.keys:
        return NO_KEYS
    found: dict[str, str] = {}
    sources: dict[str, str] = {}
    # What names a place is about that place alone, so it counts for more.
    for name, value in sorted(config.keys.items(), key=lambda entry: "." in entry[0]):
        keys = _keys(name, value.value, value.source)
        for id_ in _ids(name, value.source):
            found[id_], sources[id_] = keys, f"{value.source}: keys: {name}"
    for place in actions.PLACES:
        if place not in ("any", "help"):
            _refuse_clashes(place, found, sources)
    return found


def key_name(key: str) -> str:
    """Return a key as Textual names it: `/` is `slash`, `ctrl+?` is `ctrl+question_mark`."""
    start = _MODIFIERS.match(key)
    modifiers = start[0] if start else ""
    rest = key[len(modifiers) :]
    if len(rest) == 1 and not rest.isalnum() and rest.isprintable():
        name = unicodedata.name(rest).lower().replace("-", "_").replace(" ", "_")
        rest = _AS_TEXTUAL_SAYS.get(name, name)
    return modifiers + rest


def _keys(name: str, value: Any, source: str) -> str:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(isinstance(each, str) and each for each in given):
        raise ConfigurationError(
            f"{source}: keys: {name} = {plain(repr(value), 80)} is neither a key nor a list of keys.",
            cure=f'Write {name} = "ctrl+k", or {name} = ["k", "up"].',
        )
    for each in given:
        if not _is_key(key_name(each)):
            raise ConfigurationError(
                f"{source}: keys: {name} = {plain(repr(each), 80)} is no key.",
                cure=f"A key is a character or {', '.join(sorted(NAMED))}; ctrl+, alt+ or shift+ may stand before it.",
            )
    keys = [key_name(each) for each in given]
    if name.rpartition(".")[2] in _ESCAPES and "escape" not in keys:
        raise ConfigurationError(
            f"{source}: keys: {name} has to keep escape, the way out of a box that words are typed into.",
            cure=f'Write {name} = ["escape", "{keys[0]}"].',
        )
    return ",".join(keys)


def _is_key(name: str) -> bool:
    start = _MODIFIERS.match(name)
    rest = name[len(start[0]) :] if start else name
    return (len(rest) == 1 and rest.isalnum()) or rest in NAMED or rest in actions.WRITTEN


def _ids(name: str, source: str) -> list[str]:
    """Return the places and actions that an entry is about: `mute` is that of every place, `list.mute` of one."""
    place, _, action = name.rpartition(".")
    known = [id_ for id_, each in _table() if each.id not in actions.NUMBERED and (not place or id_ == name)]
    found = [id_ for id_ in known if id_.rpartition(".")[2] == action]
    if not found:
        raise ConfigurationError(
            f"{source}: keys: there is no action {plain(name, 80)!r} that a key can be given to.",
            cure="The actions are in docs/keys.md, as list.mute, or mute for that of every place.",
        )
    return found


def _table() -> Iterator[tuple[str, Action]]:
    for place in actions.PLACES:
        if place not in ("any", "help"):
            yield from ((f"{place}.{each.id}", each) for each in actions.at(place))
    yield from ((f"{_MOVE}.{each.id}", each) for each in actions.MOVES)


def _refuse_clashes(place: Place, found: Mapping[str, str], sources: Mapping[str, str]) -> None:
    taken: dict[str, tuple[str, Action]] = {}
    entries = [(f"{_MOVE}.{each.id}", each) for each in moves(found)]
    entries += [(f"{place}.{each.id}", each) for each in actions.at(place, found) if not each.gives_way]
    for id_, action in entries:
        for key in action.keys.split(","):
            other_id, other = taken.setdefault(key, (id_, action))
            if other_id != id_ and (id_ in found or other_id in found):
                entry = sources.get(id_) or sources[other_id]
                both = f"{other.label!r} and {action.label!r}"
                raise ConfigurationError(
                    f"{entry}: {actions.shown_key(key)} would be both {both} in the place {place}.",
                    cure="Give one of them another key; docs/keys.md has all of them.",
                )


def key_of(place: Place, action: str, keys: Keys = NO_KEYS) -> str:
    """Return the key of an action as it is shown to people: one's own, where there is one."""
    return next(each.key for each in actions.at(place, keys) if each.id == action)


def moves(keys: Keys = NO_KEYS) -> list[Action]:
    """Return the keys of every pane of lines."""
    return [replace(each, keys=keys.get(f"{_MOVE}.{each.id}", each.keys)) for each in actions.MOVES]
