"""Tests in a real browser run where there is a Chromium. Elsewhere they are deselected, and the run says so."""

from __future__ import annotations

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_COUNT = pytest.StashKey[int]()


def found() -> str | None:
    """Return the path of a Chromium, or None where the PATH has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what needs a browser, on a machine that has none."""
    browsing = [item for item in items if item.get_closest_marker("browser")]
    if not browsing or found():
        return
    items[:] = [item for item in items if item not in browsing]
    config.hook.pytest_deselected(items=browsing)
    config.stash[_COUNT] = len(browsing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was taken out, and why."""
    if count := config.stash.get(_COUNT, 0):
        told = f"{count} tests in a browser deselected: there is no Chromium on the PATH. apt install chromium"
        terminalreporter.write_line(told, yellow=True)
