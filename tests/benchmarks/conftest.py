"""Benchmarks print ratios against a raw limit measured in the same run. They run on `make bench` only."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

if not os.environ.get("WORKBENCH_BENCHMARKS"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def aside(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """Let `report` print past pytest's capturing."""
    return capsys


@pytest.fixture
def report(aside: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print one measured line: what, the figure, its peer, and the ratio."""

    def line(what: str, ours: float, peer: str, theirs: float, unit: str) -> None:
        with aside.disabled():
            print(f"\n{what}: {ours:,.1f} {unit}; {peer}: {theirs:,.1f} {unit}; ratio {ours / theirs:.2f}")  # noqa: T201

    return line
