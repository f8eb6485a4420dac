"""The JSON Schemas of all answers, as one document."""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.cli.answers.table import ANSWERS


def document() -> dict[str, Any]:
    """Return the document: under `properties` each answer by its command, under `$defs` what they are made of."""
    kinds = {command: kind if isinstance(kind, tuple) else (kind,) for command, kind in ANSWERS.items()}
    every = [one for some in kinds.values() for one in some]
    found, parts = msgspec.json.schema_components(every, ref_template="#/$defs/{name}")
    made = iter(found)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the commands of Bug workbench answer to --json",
        "type": "object",
        "properties": {command: _one_of([next(made) for _ in some]) for command, some in kinds.items()},
        "$defs": {name: _told(parts[name]) for name in sorted(parts)},
    }


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose description, a docstring, stands on one line."""
    return schema | {"description": " ".join(schema["description"].split())}


def _one_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    return found[0] if len(found) == 1 else {"anyOf": found}
