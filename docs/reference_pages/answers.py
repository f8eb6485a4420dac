"""The page of what `--json` prints, and the JSON Schema of every answer."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from reference_pages import examples
from reference_pages.markdown import code, table

from workbench.cli import output, shapes
from workbench.cli.answers import schemas


def json_shapes() -> list[str]:
    """Return the page of what `--json` prints, by examples that the code itself makes."""
    extra = {key: value for key, value in shapes.page(examples.PAGE).items() if key not in shapes.bug(examples.BUG)}
    return [
        "# What `--json` prints",
        "",
        "These keys stay: more may be added, none is renamed or taken away. Times are ISO 8601 in UTC. All text is",
        "ASCII with escapes, so that no captured character can act on a terminal.",
        "",
        "[schemas.json](schemas.json) is a JSON Schema of every answer, made from the types that the code is held to:",
        "the one of `workbench bugs list --json` is at `#/properties/bugs list`. Each line of `workbench fingerprint`",
        "is an answer of its own.",
        "",
        *table(("command", "answers with"), ((code(name), _answer(found)) for name, found in _answers())),
        "",
        "## A bug",
        "",
        "One object of the array of `workbench bugs list --json`:",
        "",
        *_example(shapes.bug(examples.BUG)),
        "",
        "`workbench bugs show B-012 --json` has these as well. `event` is the latest stored event whole:",
        "",
        *_example(extra),
        "",
        "## A session",
        "",
        "One object of the array of `workbench sessions list --json`:",
        "",
        *_example(shapes.session(examples.SESSION)),
        "",
        "## Evidence",
        "",
        "`workbench evidence B-012 --json`; freshly collected evidence (`--base`, `--result`) has the same keys but",
        "for `id` and `session`:",
        "",
        *_example(shapes.evidence(examples.EVIDENCE)),
    ]


def _answers() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from schemas.document()["properties"].items()


def _answer(schema: dict[str, Any]) -> str:
    """Return in words what a schema asks for."""
    if "anyOf" in schema:
        return " or ".join(map(_answer, schema["anyOf"]))
    if "items" in schema:
        return f"an array of {_answer(schema['items'])}"
    return code(schema["$ref"].rpartition("/")[2]) if "$ref" in schema else f"{schema['type']}s"


def _example(value: Any) -> list[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        output.emit(value)
    return ["```json", *printed.getvalue().splitlines(), "```"]


def schema_text() -> str:
    """Return docs/reference/schemas.json as it should be."""
    return json.dumps(schemas.document(), indent=1) + "\n"
