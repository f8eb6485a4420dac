"""Benchmarks run on request only. What they take from our packages is looked up with every run of the suite."""

from __future__ import annotations

import ast
import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BENCHMARKS = sorted(set(HERE.rglob("*.py")) - {Path(__file__)})
OURS = ("capture", "workbench", "benchmarks", "standins", "terminal")


@pytest.mark.parametrize("file", [str(path.relative_to(HERE)) for path in BENCHMARKS])
def test_every_name_that_a_benchmark_takes_exists(file: str) -> None:
    assert _missing(ast.parse((HERE / file).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("from capture.store import gone", "capture.store.gone"),
        ("import capture.gone", "capture.gone"),
        ("def test():\n    from capture.gone import anything", "capture.gone.anything"),
        ("from capture.store import engine\nengine.gone()", "capture.store.engine.gone"),
        ("PROGRAM = 'import sys\\nfrom capture.store import gone'", "capture.store.gone"),
    ],
)
def test_a_name_that_is_gone_is_told(source: str, missing: str) -> None:
    assert _missing(ast.parse(source)) == [missing]


def _missing(tree: ast.Module) -> list[str]:
    """Return each name of ours that the program takes in vain, as do the programs that it holds as text."""
    taken = dict(_taken(tree))
    used = (
        f"{taken[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and _is_module(taken.get(node.value.id, ""))
    )
    missing = [name for name in (*taken.values(), *used) if not _exists(name)]
    return missing + [name for program in _programs(tree) for name in _missing(program)]


def _taken(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what the program calls something of ours, and the whole name of that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.asname or name.name, name.name) for name in node.names if _is_ours(name.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
            yield from ((name.asname or name.name, f"{node.module}.{name.name}") for name in node.names)


def _programs(tree: ast.Module) -> Iterator[ast.Module]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            with contextlib.suppress(SyntaxError):  # prose, or a program with places to be filled
                yield ast.parse(node.value)


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in OURS


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (ModuleNotFoundError, ValueError):
        return False
    return True


def _exists(name: str) -> bool:
    parent, _, last = name.rpartition(".")
    return _is_module(name) or (_is_module(parent) and hasattr(importlib.import_module(parent), last))
