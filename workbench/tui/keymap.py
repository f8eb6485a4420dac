"""Keys of one's own: `[tool.workbench.keys]` read, checked, and put in the place of those of the table of actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import ConfigurationError
from workbench.text import plain
from workbench.tui import actions
from workbench.tui.actions import NO_KEYS, Action, Keys, Place
from workbench.tui.key_names import NAMED, is_key, key_name, shown_key

if TYPE_CHECKING:
    from workbench.config import Config

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


def _keys(name: str, value: Any, source: str) -> str:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(isinstance(each, str) and each for each in given):
        raise ConfigurationError(
            f"{source}: keys: {name} = {plain(repr(value), 80)} is neither a key nor a list of keys.",
            cure=f'Write {name} = "ctrl+k", or {name} = ["k", "up"].',
        )
    for each in given:
        if not is_key(key_name(each)):
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
    yield from ((f"{actions.MOVE}.{each.id}", each) for each in actions.MOVES)


def _refuse_clashes(place: Place, found: Mapping[str, str], sources: Mapping[str, str]) -> None:
    taken: dict[str, tuple[str, Action]] = {}
    entries = [(f"{actions.MOVE}.{each.id}", each) for each in actions.moves(found)]
    entries += [(f"{place}.{each.id}", each) for each in actions.at(place, found) if not each.gives_way]
    for id_, action in entries:
        for key in action.keys.split(","):
            other_id, other = taken.setdefault(key, (id_, action))
            if other_id != id_ and (id_ in found or other_id in found):
                entry = sources.get(id_) or sources[other_id]
                both = f"{other.label!r} and {action.label!r}"
                raise ConfigurationError(
                    f"{entry}: {shown_key(key)} would be both {both} in the place {place}.",
                    cure="Give one of them another key; docs/keys.md has all of them.",
                )
