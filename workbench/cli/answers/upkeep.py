"""What commands that look after an installation print with `--json`."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from workbench.bugs.database_copy import CopiedTable


class Delivered(TypedDict):
    """What became of an action owed to the outside."""

    kind: str
    bug: str
    state: Literal["done", "due", "parked"]
    outcome: str


class Schema(TypedDict):
    """A database whose schema is that of this version."""

    database: str
    schema: Literal["current"]


Copied = TypedDict(
    "Copied", {"from": str, "to": str, "rows": int, "tables": list[CopiedTable], "moved_meanwhile": bool}
)
Copied.__doc__ = "A database that was copied into another."


class Value(TypedDict):
    """The value of a setting, and where it came from."""

    value: Any
    source: str
    variable: str
    purpose: str


class Configuration(TypedDict):
    """Every setting of the terminal."""

    repository: str
    state_directory: str
    settings: dict[str, Value]


SkillFile = TypedDict("SkillFile", {"for": str, "what": Literal["skill", "hook"], "state": str, "path": str})
SkillFile.__doc__ = "A file of ours for Claude Code."
