"""Keys of mappings and names of variables: how each is shown, and what it tells of its value. Most come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capture.scrub import NAMING_KEYS
from capture.secret_keys import is_secret_key

# Of keys that tell nothing of a value, the text before it.
PLAIN_KEYS: dict[str, str] = {}
_telling: dict[str, tuple[str, bool, bool]] = {}
MAX_KEYS, MAX_KEY = 1_024, 60


def about(key: Any, describe: Callable[[Any, int], str], depth: int) -> tuple[str, bool, bool]:
    """Return how a key is shown, whether it names a secret, and whether the value beside it does.

    What is in `PLAIN_KEYS` need not be asked. `describe` describes a value that lies so deep: a text is the same
    everywhere, but in a key of another kind may lie more, and the mapping itself.
    """
    is_text = type(key) is str
    if is_text and (known := _telling.get(key)) is not None:
        return known
    name, is_secret, is_naming = found = (describe(key, depth), is_secret_name(key), is_text and key in NAMING_KEYS)
    if is_text and len(key) <= MAX_KEY:
        if len(PLAIN_KEYS) + len(_telling) >= MAX_KEYS:
            PLAIN_KEYS.clear()
            _telling.clear()
        if is_secret or is_naming or key == "value":  # the value of a pair, of which the name tells
            _telling[key] = found
        else:
            PLAIN_KEYS[key] = f"{name}: "
    return found


def is_secret_name(name: Any) -> bool:
    """Return whether a value beside this one, which is its name or key, is a secret."""
    if type(name) is str:
        return is_secret_key(name)
    if type(name) is bytes:
        return is_secret_key(name[:200].decode("latin-1"))
    # Not `isinstance`: it asks a lazy object for its class, which loads what it stands for.
    return issubclass(type(name), str) and is_secret_key(str.__str__(name))
