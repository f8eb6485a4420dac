"""Add capture to the source of a Django settings module, where that is safe.

Safe means: the lists are written out once, at the top level. Anything cleverer is left alone and told, since a wrong
guess would break a site. The source is only looked at, never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

APP = "capture"
_APPS = {APP, "capture.apps.CaptureConfig"}
MIDDLEWARE = "capture.middleware.CaptureMiddleware"
BLOCK = """\
# Errors of this site become bugs. `manage.py check` names what is wrong here, and how to mend it.
CAPTURE = {
    "DATABASE_URL": "sqlite:///workbench.db",
}
"""
BY_HAND = (
    f'add "{APP}" to INSTALLED_APPS',
    f'make "{MIDDLEWARE}" the first entry of MIDDLEWARE',
    'set CAPTURE = {"DATABASE_URL": "sqlite:///workbench.db"}',
)


class CannotEdit(Exception):
    """The settings are written in a way that we do not change; the message says which."""


def with_capture(source: str) -> str:
    """Return `source` with capture in INSTALLED_APPS, first in MIDDLEWARE and CAPTURE set; what is there stays.

    Raises `CannotEdit` where any of the three cannot be done safely.
    """
    newline = "\r\n" if "\r\n" in source else "\n"
    try:
        if _is_done(ast.parse(source)):
            return source
        for step in (_add_app, _add_middleware, _add_setting):
            source = step(source, newline)
            compile(source, "settings", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise CannotEdit(f"is not Python that we can read ({error})") from error
    return source


def sets_apps(source: str) -> bool:
    """Say whether a settings file sets INSTALLED_APPS itself."""
    try:
        return any(_is_name(target, "INSTALLED_APPS") for target, _ in _assignments(ast.parse(source)))
    except (SyntaxError, ValueError):
        return False


def star_imports(source: str, package: str) -> list[str]:
    """Return the modules that a file of `package` takes everything from, relative ones spelled out."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            found.append(".".join([*above, *([node.module] if node.module else [])]))
    return found


def _is_done(tree: ast.Module) -> bool:
    """Say whether somebody has installed capture already, in lists that we would not dare to change ourselves."""
    if not any(_is_name(target, "CAPTURE") for target, _ in _assignments(tree)):
        return False
    texts = {_text(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    if MIDDLEWARE not in texts or texts.isdisjoint(_APPS):
        return False
    lists = [value for target, value in _assignments(tree) if _is_name(target, "MIDDLEWARE")]
    written_out = [value for value in lists if isinstance(value, ast.List | ast.Tuple)]
    return not written_out or all(value.elts and _text(value.elts[0]) == MIDDLEWARE for value in written_out)


def _add_app(source: str, newline: str) -> str:
    found = _literal(source, "INSTALLED_APPS")
    later = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AugAssign)]
    entries = [*found.elts, *(entry for value in later for entry in ast.walk(value) if isinstance(entry, ast.expr))]
    if any(_text(entry) in _APPS for entry in entries):
        return source
    return _insert_last(source, found, APP, newline)


def _add_middleware(source: str, newline: str) -> str:
    found = _literal(source, "MIDDLEWARE")
    names = [_text(entry) for entry in found.elts]
    if MIDDLEWARE in names[:1]:
        return source
    if MIDDLEWARE in names:
        raise CannotEdit("has the capture middleware, but not as the first entry of MIDDLEWARE")
    return _insert_first(source, found, MIDDLEWARE, newline)


def _add_setting(source: str, newline: str) -> str:
    if any(_is_name(target, "CAPTURE") for target, _ in _assignments(ast.parse(source))):
        return source
    return source.rstrip("\r\n") + newline * 2 + BLOCK.replace("\n", newline)


def _literal(source: str, name: str) -> ast.List | ast.Tuple:
    """Return the one list or tuple that is written out for `name`; `CannotEdit` for anything else."""
    tree = ast.parse(source)
    values = [value for target, value in _assignments(tree) if _is_name(target, name)]
    if not values:
        raise CannotEdit(f"does not set {name} itself")
    if len(values) > 1 or not isinstance(values[0], ast.List | ast.Tuple) or _is_reworked(tree, name):
        raise CannotEdit(f"builds {name} in more than one step")
    return values[0]


def _assignments(tree: ast.Module) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Yield target and value of every assignment outside functions and classes; the value is None inside a branch."""
    top = set(map(id, tree.body))
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Assign):
            yield from ((target, node.value if id(node) in top else None) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield node.target, node.value if id(node) in top else None
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _is_reworked(tree: ast.Module, name: str) -> bool:
    """Say whether something puts entries in front of the list, or takes some out: `insert`, `remove`, a slice."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_name(node.value, name) and node.attr not in ("append", "extend"):
            return True
        if isinstance(node, ast.Subscript) and _is_name(node.value, name) and isinstance(node.ctx, ast.Store | ast.Del):
            return True
    return False


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _insert_first(source: str, found: ast.List | ast.Tuple, entry: str, newline: str) -> str:
    if not found.elts:
        return _into_empty(source, found, entry)
    first = found.elts[0]
    at = _offset(source, first.lineno, first.col_offset)
    indent = _before_on_line(source, at)
    quoted = _quoted(source, first, entry)
    between = f"{newline}{indent}" if not indent.strip() else " "
    return source[:at] + f"{quoted},{between}" + source[at:]


def _insert_last(source: str, found: ast.List | ast.Tuple, entry: str, newline: str) -> str:
    if not found.elts:
        return _into_empty(source, found, entry)
    last = found.elts[-1]
    quoted = _quoted(source, last, entry)
    end = _offset(source, last.end_lineno or 0, last.end_col_offset or 0)
    if found.end_lineno == last.end_lineno:
        return source[:end] + f", {quoted}" + source[end:]
    indent = _before_on_line(source, _offset(source, last.lineno, last.col_offset))
    indent = indent[: len(indent) - len(indent.lstrip())]
    line_end = source.index(newline, end)
    rest = source[end:line_end]
    comma = "" if rest.lstrip().startswith(",") else ","
    return source[:end] + comma + rest + f"{newline}{indent}{quoted}," + source[line_end:]


def _into_empty(source: str, found: ast.List | ast.Tuple, entry: str) -> str:
    at = _offset(source, found.lineno, found.col_offset) + 1
    return source[:at] + f'"{entry}",' + source[at:]


def _quoted(source: str, neighbour: ast.expr, entry: str) -> str:
    """Return `entry` as a string literal with the quotes that its neighbour has."""
    written = ast.get_source_segment(source, neighbour) or ""
    quote = "'" if written.startswith("'") else '"'
    return f"{quote}{entry}{quote}"


def _before_on_line(source: str, at: int) -> str:
    return source[source.rfind("\n", 0, at) + 1 : at]


def _offset(source: str, line: int, column: int) -> int:
    """Return the index in `source` of a position of `ast`, which counts columns in bytes of UTF-8."""
    # Only the line ends that Python itself knows: str.splitlines would also break at a form feed.
    lines = source.split("\n")
    within = lines[line - 1].encode("utf-8")[:column].decode("utf-8")
    return sum(len(text) + 1 for text in lines[: line - 1]) + len(within)
