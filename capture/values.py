"""Values as short descriptions: bounded while they are read, and running none of the application's code.

No `repr` of a foreign object is ever called, nor a property, nor a method that a subclass may have overridden: it may
hang, raise, ask the database or return 100 MB. Everything is read by the functions of the built-in types.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from capture.own_memory import (
    attributes_of,
    is_in_memory,
    key_name,
    module_of,
    name_of,
    of_class,
    own_dict,
    qualified_name_of,
)
from capture.scrub import REDACTED, harmless, scrub_text
from capture.value_keys import PLAIN_KEYS, about, is_secret_name

MAX_DEPTH = 3
MAX_ITEMS = 8
MAX_TEXT = 160
MAX_DESCRIPTION = 500
MAX_INTEGER_BITS = 400
# Shorter than any card.
_LARGE = 10**11

# Types whose own repr is known to be short and harmless.
_PLAIN = (datetime.date, datetime.timedelta, decimal.Decimal, uuid.UUID, complex)
_TIMES = (datetime.datetime, datetime.time)
_ZONES = (type(None), datetime.timezone, zoneinfo.ZoneInfo)  # any other time zone has a repr of its own
_REDACTED = repr(REDACTED)
_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)

# Read from the exception's own memory, whatever properties a class puts in front of it.
_arguments_of: Any = BaseException.__dict__["args"].__get__


def describe(value: Any) -> str:
    """Return a short description of any value, scrubbed, whatever the value does when it is touched."""
    kind = type(value)
    if (kind is int and -_LARGE < value < _LARGE) or kind is float or value is None or kind is bool:
        return repr(value)
    if kind is str and len(value) <= MAX_TEXT:
        text = repr(value)
    else:
        try:
            text = _describe(value, 0)
        except Exception:  # noqa: BLE001  (a hostile object must cost its own description and nothing else)
            text = f"<{name_of(kind)}: cannot be described>"
    return text if text in harmless else scrub_text(text, limit=MAX_DESCRIPTION)


def names_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret; of a name in `PLAIN_KEYS` that is known."""
    return about(name, _describe, 1)[1]


def tells_nothing(value: Any) -> bool:
    """Return whether there is nothing in a value that could be a secret, whatever it is called."""
    return value is None or value is True or value is False or (type(value) is str and not value)


_Describer = Callable[[Any, int], str]

# id of a class → how its objects are described, and the class, so that its id stays its own. Asking a class what it is
# takes longer than describing one of its objects; hashing it instead would run what its metaclass says.
_learnt: dict[int, tuple[_Describer, type]] = {}
MAX_LEARNT = 1_024


def _describe(value: Any, depth: int) -> str:
    kind = type(value)
    if kind is str:  # by far the most
        return repr(value) if len(value) <= MAX_TEXT else _string(value, depth)
    if (kind is int and -_LARGE < value < _LARGE) or kind is float or value is None or kind is bool:
        return repr(value)
    found = _learnt.get(id(kind))
    if found is None:
        if len(_learnt) >= MAX_LEARNT:
            _learnt.clear()
        found = _learnt[id(kind)] = (_describer_of(kind), kind)
    return found[0](value, depth)


def _describer_of(kind: type) -> _Describer:
    usual = next((describer for known, describer in _USUAL.items() if known is kind), None)
    if usual is not None:
        return usual
    for base, describer in _BY_BASE:
        if issubclass(kind, base):
            return describer
    if any(kind is time for time in _TIMES):
        return _time
    is_path = issubclass(kind, pathlib.PurePath) and str(module_of(kind)).partition(".")[0] == "pathlib"
    if any(kind is plain for plain in _PLAIN) or is_path:
        return lambda value, _depth: repr(value)
    return _container_of(kind) or _instances_of(kind)


def _enumerated(value: Any, _depth: int) -> str:
    return f"{name_of(type(value))}.{own_dict(value).get('_name_')}"


def _time(value: Any, _depth: int) -> str:
    if type(value.tzinfo) not in _ZONES:
        return f"{value.replace(tzinfo=None)!r} in a time zone of its own"
    return repr(value)


def _integer(value: int, _depth: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= MAX_INTEGER_BITS else f"<int of {bits} bits>"


def _string(value: str, _depth: int) -> str:
    return repr(value) if len(value) <= MAX_TEXT else _text(value[: MAX_TEXT * 3], len(value))


def _text(start: str | bytes, length: int) -> str:
    if length <= MAX_TEXT:
        return repr(start)  # scrubbed with the rest of the description
    # Scrubbed before it is cut: the head of a long secret no longer looks like one.
    return f"{scrub_text(repr(start), limit=MAX_TEXT)} ({length} in all)"


def _subclass_of_str(value: Any, _depth: int) -> str:
    return _text(str.__getitem__(value, slice(0, MAX_TEXT * 3)), str.__len__(value))


def _bytes(value: Any, _depth: int) -> str:
    return _text(bytes.__getitem__(value, slice(0, MAX_TEXT * 3)), bytes.__len__(value))


def _bytearray(value: Any, _depth: int) -> str:
    return _text(bytes(bytearray.__getitem__(value, slice(0, MAX_TEXT * 3))), bytearray.__len__(value))


def _container_of(kind: type) -> _Describer | None:
    """Return how objects of a class are described that is a container of the language, or one of its own things."""
    if issubclass(kind, dict):
        return _mapping
    if issubclass(kind, list):
        return lambda value, depth: "[" + _items(list.__iter__(value), list.__len__(value), depth) + "]"
    if issubclass(kind, tuple):
        return lambda value, depth: _tuple(value, kind, depth)
    if issubclass(kind, set):
        return lambda value, depth: "{" + _items(set.__iter__(value), set.__len__(value), depth) + "}"
    if issubclass(kind, frozenset):
        return _frozenset
    if issubclass(kind, BaseException):
        return _exception
    if issubclass(kind, type):
        return lambda value, _depth: f"<class {module_of(value)}.{qualified_name_of(value)}>"
    if issubclass(kind, types.ModuleType):
        return lambda value, _depth: f"<module {own_dict(value).get('__name__')}>"
    return _function if any(kind is plain for plain in _CALLABLE) else None


def _frozenset(value: Any, depth: int) -> str:
    return "frozenset({" + _items(frozenset.__iter__(value), frozenset.__len__(value), depth) + "})"


def _exception(value: Any, depth: int) -> str:
    arguments = _arguments_of(value)
    return f"{name_of(type(value))}(" + _items(arguments, len(arguments), depth) + ")"


def _tuple(value: tuple[Any, ...], kind: type, depth: int) -> str:
    length, fields = tuple.__len__(value), None if kind is tuple else of_class(kind, "_fields")
    if type(fields) is tuple and len(fields) == length:  # a named tuple: its names tell what is secret
        return f"{name_of(kind)}{_entries(zip(fields, tuple.__iter__(value), strict=True), length, depth)}"
    return "(" + _items(tuple.__iter__(value), length, depth) + ")"


# How many items are shown: fewer the deeper they lie, so that a tree of lists stays cheap.
_BREADTH = tuple(max(2, MAX_ITEMS >> depth) for depth in range(MAX_DEPTH))


def _items(items: Iterable[Any], length: int, depth: int) -> str:
    if depth >= MAX_DEPTH:
        return "…" if length else ""
    first = list(islice(items, _BREADTH[depth]))
    # ("password", "x") is an entry of a mapping in disguise, as headers are.
    if length == 2 and len(first) == 2 and is_secret_name(first[0]) and not tells_nothing(first[1]):
        return f"{_describe(first[0], depth + 1)}, {_REDACTED}"
    shown, size = [], 0
    for item in first:
        kind = type(item)
        # As `_describe` does, without a call for the most usual values.
        is_usual = (kind is str and len(item) <= MAX_TEXT) or (kind is int and -_LARGE < item < _LARGE)
        text = repr(item) if is_usual else _describe(item, depth + 1)
        shown.append(text)
        size += len(text)
        if size > MAX_DESCRIPTION:  # what comes after would be cut off
            break
    if length > _BREADTH[depth]:
        shown.append(f"… {length} in all")
    return ", ".join(shown)


def _mapping(value: Any, depth: int) -> str:
    """Return how a dict or an object of a subclass is described."""
    text = _entries(dict.items(value), dict.__len__(value), depth)
    return text if type(value) is dict else f"{name_of(type(value))}({text})"


def _entries(pairs: Iterable[tuple[Any, Any]], length: int, depth: int) -> str:
    if depth >= MAX_DEPTH:
        return "{…}" if length else "{}"
    shown, size, is_pair = [], 0, False
    for key, item in islice(pairs, _BREADTH[depth]):
        before = PLAIN_KEYS.get(key) if type(key) is str else None
        if before is None:
            name, is_secret, is_naming = about(key, _describe, depth + 1)
            before = f"{name}: "
            if is_naming:
                is_pair = is_secret_name(item)
            if (is_secret or (is_pair and type(key) is str and key == "value")) and not tells_nothing(item):
                shown.append(f"{before}{_REDACTED}")
                continue
        kind = type(item)
        if (kind is str and len(item) <= MAX_TEXT) or (kind is int and -_LARGE < item < _LARGE):
            shown.append(f"{before}{item!r}")  # as `_describe` does, without a call for each of the usual values
            continue
        text = f"{before}{_describe(item, depth + 1)}"
        shown.append(text)
        size += len(text)
        if size > MAX_DESCRIPTION:  # what comes after would be cut off
            break
    if length > _BREADTH[depth]:
        shown.append(f"… {length} in all")
    return "{" + ", ".join(shown) + "}"


def _instances_of(kind: type) -> _Describer:
    """Return what describes an object by its class and what lies in its `__dict__`, calling nothing of its own."""
    name, meta, in_memory = name_of(kind), of_class(kind, "_meta"), is_in_memory(kind)
    key = key_name(meta)
    is_closed = str(module_of(kind)).startswith("django.")
    if is_closed and meta is None:
        return lambda _value, _depth: f"<{name}>"

    def instance(value: Any, depth: int) -> str:
        attributes = attributes_of(value) if in_memory else {}
        if meta is not None and "_state" in attributes:
            return f"<{name} pk={_describe(attributes.get(key), depth + 1)}>"
        if depth > 0 or is_closed:
            return f"<{name}>"
        shown = []
        for field, item in tuple(attributes.items()):  # another thread may add to it
            if type(field) is not str or field[:1] == "_":
                continue
            is_secret = field not in PLAIN_KEYS and names_secret(field) and not tells_nothing(item)
            shown.append(f"{field}={_REDACTED if is_secret else _describe(item, depth + 2)}")
            if len(shown) == MAX_ITEMS:
                break
        return f"<{name} {' '.join(shown)}>" if shown else f"<{name}>"

    return instance


def _function(value: Any, _depth: int) -> str:
    # A method may be bound to an object of any kind, which is not asked for its name.
    named = value.__func__ if type(value) is types.MethodType else value
    return f"<function {named.__qualname__ if type(named) in _CALLABLE else '?'}>"


# By far the most values are of one of these types exactly.
_USUAL: dict[type, _Describer] = {
    int: _integer,
    str: _string,
    dict: _mapping,
    list: lambda value, depth: "[" + _items(value, len(value), depth) + "]",
}
# Before anything else that a class may be, in this order.
_BY_BASE: tuple[tuple[type, _Describer], ...] = (
    (enum.Enum, _enumerated),
    (int, _integer),
    (str, _subclass_of_str),
    (bytes, _bytes),
    (bytearray, _bytearray),
)
