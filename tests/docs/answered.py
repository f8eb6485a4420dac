"""Whether an answer to `--json` is what its schema in docs/reference/schemas.json says, without a key more."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCHEMAS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "schemas.json").read_text(encoding="utf-8")
)


def command_of(arguments: Sequence[str]) -> str:
    """Return the command of a command line, as the schemas call it."""
    line = f" {' '.join(arguments)} "
    found = [(line.find(f" {name} "), -len(name), name) for name in SCHEMAS["properties"] if f" {name} " in line]
    return min(found)[2]


def problem_of_answer(command: str, printed: str) -> str:
    """Return what of an answer its schema does not know, or nothing."""
    answers = printed.splitlines() if command == "fingerprint" else [printed]
    for answer in answers:
        for error in _validator(command).iter_errors(json.loads(answer)):
            return f"{command} --json: {error.json_path}: {error.message}"
    return ""


@functools.cache
def _validator(command: str) -> Any:
    from jsonschema import Draft202012Validator

    # Not below `$ref` of the document: its `properties`, the commands, would be those of the answer as well.
    return Draft202012Validator(SCHEMAS["properties"][command] | {"$defs": _closed(SCHEMAS["$defs"])})


def _closed(schema: Any) -> Any:
    """Return a schema that knows every key: what is not in the reference is missed there."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False} | closed if isinstance(schema.get("properties"), dict) else closed
