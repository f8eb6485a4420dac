"""On request, a skipped test fails the run: a machine that has every service must not skip quietly."""

from __future__ import annotations

import os

import pytest

_DEMANDED = bool(os.environ.get("WORKBENCH_TESTS_MAY_NOT_SKIP"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a green run with skipped tests into a failed one, where that was asked for."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not _DEMANDED or reporter is None or not reporter.stats.get("skipped"):
        return
    reporter.write_line("WORKBENCH_TESTS_MAY_NOT_SKIP is set, and tests were skipped.", red=True)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED
