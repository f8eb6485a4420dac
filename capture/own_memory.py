"""What an object and its class hold in memory, read without running any of their code.

A class may put a property, a descriptor or a metaclass in front of every one of these names: they are read from where
the interpreter itself keeps them.
"""

from __future__ import annotations

import types
from typing import Any

bases_of: Any = type.__dict__["__mro__"].__get__
name_of: Any = type.__dict__["__name__"].__get__
qualified_name_of: Any = type.__dict__["__qualname__"].__get__
module_of: Any = type.__dict__["__module__"].__get__
_names_in: Any = type.__dict__["__dict__"].__get__

# How a class says that the attributes of its objects lie in memory; anything else is code.
_IN_MEMORY = (type(None), types.GetSetDescriptorType, types.MemberDescriptorType)

# id of a class → whether the attributes of its objects lie in memory, and the class, so that its id stays its own.
_asked: dict[int, tuple[bool, type]] = {}
MAX_ASKED = 1_024


def own_dict(value: Any) -> dict[str, Any]:
    """Return the attributes of an object's own, asking nothing but its memory; empty where it has none.

    A proxy's `__dict__` is a property, which would load what it stands for.
    """
    return attributes_of(value) if is_in_memory(type(value)) else {}


def is_in_memory(kind: type) -> bool:
    """Return whether the attributes of a class's objects lie in memory, and no code is asked for them."""
    found = _asked.get(id(kind))
    if found is None:
        if len(_asked) >= MAX_ASKED:
            _asked.clear()
        found = _asked[id(kind)] = (type(of_class(kind, "__dict__")) in _IN_MEMORY, kind)
    return found[0]


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the `__dict__` of an object of whose class it is known that it lies in memory."""
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return attributes if type(attributes) is dict else {}


def of_class(kind: type, name: str) -> Any:
    """Return what a class or one of its bases defines under a name, past any descriptor, or None."""
    for base in bases_of(kind):
        names = _names_in(base)
        if name in names:
            return names[name]
    return None


def key_of(attributes: dict[str, Any], meta: Any) -> Any:
    """Return the primary key of a model's instance as it lies in memory: a deferred field is not loaded."""
    return attributes.get(key_name(meta))


def key_name(meta: Any) -> str:
    """Return the attribute in which the objects of a model keep their primary key."""
    name = own_dict(own_dict(meta).get("pk")).get("attname")
    return name if type(name) is str else "id"
