"""What a changed test says and leaves out, read as Python: its assertions, its emptiness, what it replaces."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

_PATCHING = frozenset({"patch", "object", "setattr", "multiple", "setitem", "create_autospec"})
_CHECKING = ("assert", "fail")
_CHECKS = frozenset({"raises", "warns", "approx"})


@dataclass(frozen=True)
class Weakened:
    """A test that asserts less than before, or something else. `lines` are line numbers of the old file."""

    name: str
    is_fewer: bool
    lines: tuple[int, ...]


def weakened(before: str, after: str) -> list[Weakened]:
    """Return the tests of `before` whose assertions are fewer or other ones in `after`."""
    old, new = _tests(before), _tests(after)
    found = []
    for name in old.keys() & new.keys():
        was, is_ = _assertions(old[name]), _assertions(new[name])
        gone = [line for said, line in was if said not in {now for now, _ in is_}]
        if gone or len(is_) < len(was):
            found.append(Weakened(name, len(is_) < len(was), tuple(gone or [line for _, line in was])))
    return sorted(found, key=lambda one: one.lines)


def empty(before: str, after: str) -> list[tuple[str, int]]:
    """Return the new or changed tests of `after` that do nothing that could fail, each with its line."""
    old = {name: ast.dump(node) for name, node in _tests(before).items()}
    return [
        (name, node.lineno)
        for name, node in _tests(after).items()
        if old.get(name) != ast.dump(node) and all(_says_nothing(statement) for statement in node.body)
    ]


def replaced(after: str, function: str) -> list[int]:
    """Return the lines on which a test puts something in the place of `function`."""
    try:
        tree = ast.parse(after)
    except (SyntaxError, ValueError):
        return []
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in _PATCHING and function in _words(node):
            lines.add(node.lineno)
        elif isinstance(node, ast.Assign):
            targets = [target for target in node.targets if isinstance(target, ast.Attribute)]
            lines |= {node.lineno for target in targets if target.attr == function}
    return sorted(lines)


def _tests(text: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    return dict(_named(tree.body, ""))


def _named(body: Iterable[ast.stmt], prefix: str) -> Iterable[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield prefix + node.name, node


def _assertions(node: ast.AST) -> list[tuple[str, int]]:
    """Return what a test asserts, as normal text with its line."""
    found = []
    for part in ast.walk(node):
        is_check = isinstance(part, ast.Call) and (_called(part).startswith(_CHECKING) or _called(part) in _CHECKS)
        if isinstance(part, ast.Assert | ast.Call) and (is_check or isinstance(part, ast.Assert)):
            found.append((ast.unparse(part), part.lineno))
    return found


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assert):
        return isinstance(statement.test, ast.Constant)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _words(node: ast.Call) -> set[str]:
    """Return the names and the parts of dotted texts among the arguments of a call."""
    words: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            words.update(part.value.split("."))
        elif isinstance(part, ast.Name):
            words.add(part.id)
        elif isinstance(part, ast.Attribute):
            words.add(part.attr)
    return words
