"""Tests that need a program run where there is one. Elsewhere they are deselected, and the run says so at its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from workbench.sessions import sandbox

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
_TOLD = pytest.StashKey[list[str]]()


def chromium() -> str | None:
    """Return the path of a Chromium, or None where the PATH has none."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def _no_browser() -> str:
    return "" if chromium() else "there is no Chromium on the PATH. apt install chromium"


def _no_pooler() -> str:
    return "" if shutil.which("pgbouncer") else "there is no PgBouncer on the PATH. apt install pgbouncer"


def _no_sandbox() -> str:
    trouble = sandbox.trouble(os.environ)
    return f"{trouble.reason}. {trouble.cure}" if trouble else ""


# By marker, what is missing on this machine.
NEEDS: dict[str, Callable[[], str]] = {"browser": _no_browser, "pooler": _no_pooler, "sandbox": _no_sandbox}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what needs a program that is not there."""
    told = config.stash.setdefault(_TOLD, [])
    for marker, missing in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and (what := missing()):
            items[:] = [item for item in items if item not in marked]
            config.hook.pytest_deselected(items=marked)
            told.append(f"{len(marked)} tests of the {marker} deselected: {what}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was taken out, and why."""
    for told in config.stash.get(_TOLD, []):
        terminalreporter.write_line(told, yellow=True)
