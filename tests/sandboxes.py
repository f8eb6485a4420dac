"""Tests of the agent's sandbox run where there is one. Elsewhere they are deselected, and the run says so."""

from __future__ import annotations

import os

import pytest

from workbench.sessions import sandbox

_TROUBLE = pytest.StashKey[str]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what needs a sandbox, on a machine that cannot make one."""
    boxed = [item for item in items if item.get_closest_marker("sandbox")]
    trouble = sandbox.trouble(os.environ) if boxed else None
    if trouble is None:
        return
    items[:] = [item for item in items if item not in boxed]
    config.hook.pytest_deselected(items=boxed)
    config.stash[_TROUBLE] = f"{len(boxed)} tests of the sandbox deselected: {trouble.reason}. {trouble.cure}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was taken out, and why."""
    if told := config.stash.get(_TROUBLE, ""):
        terminalreporter.write_line(told, yellow=True)
