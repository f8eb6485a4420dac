"""Whether a block of a page that nobody runs is right: what it names is there, and no kind of block goes unread."""

from __future__ import annotations

import ast
import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from docs.walkthrough import Block

from capture import conf
from workbench.bugs.filters import language
from workbench.errors import WorkbenchError
from workbench.settings import SETTINGS

_KEYS = {setting.key for setting in SETTINGS}
# Tables with names of the reader's own, and those that are judged where they are used.
_OPEN = ("keys.", "views.", "github.rules")
_COMMAND = re.compile(r" +(curl|export|git|make|manage\.py|nox|pip|psql|pytest|python|systemctl|workbench) [\w.'/-]")


def problem_of(block: Block) -> str:
    """Return what is wrong with a block, or nothing."""
    if block.do == "not run:":
        return "" if block.what else "it is not run, and nobody says why"
    if block.do or block.kind == "console":
        return ""  # it is done
    try:
        return next(_PROBLEMS[block.kind](block.text), "")
    except KeyError:
        return f"nothing looks at a block of {block.kind or 'no kind'}"
    except (SyntaxError, ValueError, WorkbenchError) as error:
        return str(error)


def indented_commands(text: str) -> list[str]:
    """Return the lines of indented blocks that tell a reader to type something: nothing would try them."""
    rest = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"(?:^|\n\n)((?: {4}[^\n]*\n)+)", rest)
    return [line.strip() for block in lines for line in block.splitlines() if _COMMAND.match(line)]


def _of_python(text: str) -> Iterator[str]:
    """What is imported of ours is there, and the keys of CAPTURE are."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _of_import(node)
        elif (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "CAPTURE"
            and isinstance(node.value, ast.Dict)
        ):
            keys = [ast.literal_eval(key) for key in node.value.keys if key is not None]
            yield from (f"CAPTURE has no key {key}" for key in keys if key not in conf.PURPOSES)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "capture":
            yield from _missing("capture", node.attr)


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
    if module.partition(".")[0] in ("capture", "workbench"):
        for name in node.names if isinstance(node, ast.ImportFrom) else []:
            yield from _missing(module, name.name)


def _missing(module: str, name: str) -> Iterator[str]:
    try:
        if not hasattr(importlib.import_module(module), name):
            yield f"{module} has no {name}"
    except ModuleNotFoundError as error:  # a package that only some versions of Django have
        if (error.name or "").startswith(("capture", "workbench")):
            yield str(error)


def _of_toml(text: str) -> Iterator[str]:
    """The settings exist."""
    for key in _flat(tomllib.loads(text).get("tool", {}).get("workbench", {})):
        if key not in _KEYS and not key.startswith(_OPEN) and not any(key.startswith(f"{one}.") for one in _KEYS):
            yield f"there is no setting {key}"


def _flat(table: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in table.items():
        yield from _flat(value, f"{before}{name}.") if isinstance(value, dict) else [before + name]


def _of_json(text: str) -> Iterator[str]:
    json.loads(text)
    yield from ()


def _of_filter(text: str) -> Iterator[str]:
    for line in text.splitlines():
        language.parse(line)
    yield from ()


_PROBLEMS = {"python": _of_python, "toml": _of_toml, "json": _of_json, "filter": _of_filter}
