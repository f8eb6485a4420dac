"""Which existing tests an edit of a test file touches: removed ones, changed ones, and code around them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

_ASKING = (ast.If, ast.IfExp, ast.While, ast.Try, ast.Match, ast.Return)


@dataclass(frozen=True)
class TestEdit:
    """One touched piece of the old file. `lines` are line numbers of the old file, `name` is empty for loose code."""

    __test__ = False

    name: str
    lines: tuple[int, int]
    is_removed: bool = False


def edits(before: str, after: str) -> list[TestEdit] | None:
    """Return what `after` takes away from `before` or changes in it, or None where one of them is not Python.

    New functions, classes and imports touch nothing. New loose code does: it may skip or replace what is there.
    """
    try:
        old, new = _pieces(ast.parse(before)), _pieces(ast.parse(after))
    except (SyntaxError, ValueError):
        return None
    found = []
    for name, (dump, lines) in old.items():
        if name not in new:
            found.append(TestEdit("" if name.startswith("<") else name, lines, is_removed=True))
        elif new[name][0] != dump:
            found.append(TestEdit(name, lines))
    added = [lines for name, (_, lines) in new.items() if name not in old and name.startswith("<")]
    return found + [TestEdit("", lines) for lines in added]


def conditional(before: str, after: str) -> list[tuple[str, int]]:
    """Return the new or changed tests of `after` that can pass without reaching their end, each with a line.

    A test that asks a question first, swallows exceptions or returns early may look at the code instead of what it
    does. What functions inside of a test do is their own matter.
    """
    try:
        known = {dump for dump, _ in _pieces(ast.parse(before)).values()}
        tree = ast.parse(after)
    except (SyntaxError, ValueError):
        return []
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test"):
            continue
        asking = next((part for part in _own(node) if isinstance(part, _ASKING)), None)
        if asking is not None and ast.dump(node) not in known:
            found.append((node.name, asking.lineno))
    return found


def _own(node: ast.AST) -> Iterable[ast.AST]:
    for part in ast.iter_child_nodes(node):
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield part
            yield from _own(part)


def _pieces(tree: ast.Module) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return each function by its qualified name, and each loose statement by its own text in angle brackets."""
    return dict(_walk(tree.body, ""))


def _walk(body: Iterable[ast.stmt], prefix: str) -> Iterable[tuple[str, tuple[str, tuple[int, int]]]]:
    for node in body:
        lines = (node.lineno, node.end_lineno or node.lineno)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, (ast.dump(node), lines)
        elif isinstance(node, ast.ClassDef):
            # What a class is made of (its bases and decorators) counts like a piece of its own.
            head = [*node.bases, *node.keywords, *node.decorator_list]
            yield prefix + node.name, (" ".join(ast.dump(part) for part in head), lines)
            yield from _walk(node.body, f"{prefix}{node.name}.")
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            yield f"<{prefix}{ast.dump(node)}>", ("", lines)
