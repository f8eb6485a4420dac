"""What changed source asks that is no data of the request: the clock's date, and names that are put together to hide.

A site that answers otherwise until a day, on a machine, or to the one recorded request, passes its tests and fails in
production.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

_CLOCK = frozenset({"now", "utcnow", "today", "time", "time_ns", "monotonic", "localdate", "localtime", "gmtime"})
# What may stand beside the clock and still leave nothing but fixed values.
_TIMES = _CLOCK | {"datetime", "date", "timezone", "dt", "timedelta", "UTC", "utc", "timestamp", "year", "month", "day"}
_DISGUISES = frozenset({"chr", "b64decode", "fromhex", "unhexlify", "rot13"})


def fixed_times(after: str, lines: Collection[int]) -> list[int]:
    """Return those of `lines` on which the clock is compared with nothing but fixed values."""
    return _among(lines, [node for node in _nodes(after) if isinstance(node, ast.Compare) and _is_fixed(node)])


def hidden_names(after: str, lines: Collection[int]) -> list[int]:
    """Return those of `lines` on which a word is put together from constant pieces, which only hides it."""
    return _among(lines, [node for node in _nodes(after) if _hides(node)])


def singled_out(after: str, lines: Collection[int], values: Collection[str]) -> list[int]:
    """Return those of `lines` on which something is compared with one of `values`: only that one may be mended."""
    asking = [node for node in _nodes(after) if isinstance(node, ast.Compare | ast.MatchValue)] if values else []
    named = [part for node in asking for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return _among(lines, [part for part in named if str(part.value) in values])


def _nodes(text: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return []


def _among(lines: Collection[int], nodes: Collection[ast.AST]) -> list[int]:
    wanted = set(lines)
    return sorted({found.lineno for found in nodes if isinstance(found, ast.expr) and found.lineno in wanted})


def _is_fixed(node: ast.Compare) -> bool:
    parts = list(ast.walk(node))
    called = {_name(part.func) for part in parts if isinstance(part, ast.Call)}
    names = {_name(part) for part in parts if isinstance(part, ast.Name | ast.Attribute)}
    return bool(called & _CLOCK) and names <= _TIMES


def _hides(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return _is_text(node.left) and _is_constant(node.right)
    if isinstance(node, ast.JoinedStr):
        pieces = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return bool(pieces) and all(_is_constant(piece) for piece in pieces)
    if isinstance(node, ast.Subscript):
        return _is_text(node.value) and isinstance(node.slice, ast.Slice)
    if isinstance(node, ast.Call):
        if _name(node.func) == "join" and isinstance(node.func, ast.Attribute) and node.args:
            return _is_text(node.func.value) and _is_constant(node.args[0])
        return _name(node.func) in _DISGUISES and all(_is_constant(argument) for argument in node.args)
    return False


def _is_text(node: ast.AST) -> bool:
    # A sentence in two lines hides nothing.
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and " " not in str(node.value)


def _is_constant(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(_is_constant(part) for part in node.elts)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.BinOp) and _hides(node))


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
