"""Benchmarks measure ratios against a peer or a raw limit in the same run. They run on `make bench` only.

Each reports lines to one table, printed at the end and written to build/benchmarks.md. A bar that is missed is printed
as missed, since the machine may be busy; a benchmark fails only where it could not measure.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.table import Row, as_markdown, as_text

WRITTEN = Path(__file__).parents[2] / "build" / "benchmarks.md"
_rows = pytest.StashKey[list[Row]]()

if not os.environ.get("WORKBENCH_BENCHMARKS"):
    # All but the one that looks up, with every run of the suite, whether the names that the others use are still there.
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_names.py"]


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Add one line to the table: what, our figure, the peer and its figure, the unit; then the bar, and whether met."""
    rows = request.config.stash.setdefault(_rows, [])

    def line(
        what: str, ours: float, peer: str, theirs: float, unit: str, *, bar: str = "", met: bool | None = None
    ) -> None:
        rows.append(Row(what, ours, peer, theirs, unit, bar, met))

    return line


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table and write it down."""
    if rows := config.stash.get(_rows, []):
        terminalreporter.section("benchmarks")
        for line in as_text(rows):
            terminalreporter.write_line(line)
        WRITTEN.parent.mkdir(exist_ok=True)
        WRITTEN.write_text(as_markdown(rows), encoding="utf-8")
        terminalreporter.write_line(f"\nwritten to {WRITTEN.relative_to(WRITTEN.parents[1])}")
