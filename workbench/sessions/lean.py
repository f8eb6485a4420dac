"""The agent's door without what the SDK brings for tools that run in its own process.

A runner has no such tools. `mcp` and `jsonschema` would take a third of its memory, and a second before its first word.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# For glibc, which would give each thread of a runner memory of its own. The runner takes it out again for its agent.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
_DOOR, _SDK = "workbench.sessions.agent", "claude_agent_sdk"
_ABSENT = ("jsonschema", "mcp", "mcp.types", "mcp.server", "mcp.shared", "mcp.shared.memory", "mcp.shared.message")


class _Name:
    """Stands for a class that others may be made from."""

    def __init_subclass__(cls, **_given: Any) -> None:
        """Take any words that the real one would take."""


class _Absent(ModuleType):
    """Stands for a module of which only names are needed, in annotations and aliases."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (_Name,), {})
        setattr(self, name, made)
        return made


def load_agent() -> None:
    """Import the door to the agent without those modules, or with them where it does not come without."""
    if any(name in sys.modules for name in (_SDK, *_ABSENT)):
        return
    stands = {name: _Absent(name) for name in _ABSENT}
    for name, module in stands.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(stands[parent], child, module)
    sys.modules.update(stands)
    try:
        importlib.import_module(_DOOR)
    except (ImportError, AttributeError, TypeError):  # another version of the SDK: the next import takes it whole
        for name in [name for name in sys.modules if name == _DOOR or name.partition(".")[0] == _SDK]:
            del sys.modules[name]
    finally:
        for name, module in stands.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
