"""The pytest plugin that tells the recorder what pytest does.

PYTEST_DONT_REWRITE: it is imported before pytest, which would warn of that, and has no assertions.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
import workbench_evidence_record as record
from workbench_evidence_record import seen


def pytest_configure(config: Any) -> None:
    """Start recording, unless this is a worker that only reports to its controller."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        record.spec.update(worker["workbench_evidence"])
        seen.root = record.spec["root"]
    config.pluginmanager.register(_Selection(record.spec["only"]))
    if hasattr(config.option, "reuse_db"):
        config.option.reuse_db = False  # its name is ours alone, so nobody would use it again
    if worker is None:
        config.pluginmanager.register(_Telling(record.writer))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand pytest-xdist's workers the instructions."""
    node.workerinput["workbench_evidence"] = dict(record.spec)


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(early_config: Any) -> Any:
    """Switch coverage off: it costs time, writes files, and a threshold of it would change the exit code."""
    if hasattr(early_config.known_args_namespace, "no_cov"):
        early_config.known_args_namespace.no_cov = True
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop() -> Any:
    """Name the test databases before anything makes them, and after all conftests have had their say."""
    record.own_databases(record.spec["suffix"])
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call() -> Any:
    """Watch Django while the body of a test runs."""
    seen.watch()
    yield
    seen.watching = False


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: Any) -> Any:
    """Add to each report what was raised, and where, as it was before anybody could reword it."""
    raised = call.excinfo.value if call.excinfo else None
    outcome = yield
    report = outcome.get_result()
    in_call = call.when == "call"
    report.workbench_evidence = {
        "chain": record.chain(raised, seen.root),
        "raised": seen.raised if in_call else [],
        "responses": seen.responses if in_call else [],
    }


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: Any) -> None:
    """In a worker: say which modules were imported from elsewhere."""
    if getattr(session.config, "workerinput", None) is not None:
        session.config.workeroutput["workbench_evidence"] = record.foreign(record.spec)


class _Selection:
    """Keeps the tests of the named files only; an empty selection keeps all."""

    def __init__(self, only: Any) -> None:
        self._only = frozenset(only)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Any, items: Any) -> None:
        if not self._only:
            return
        chosen = [item for item in items if record.relative(str(item.fspath), seen.root) in self._only]
        others = [item for item in items if item not in chosen]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = chosen


class _Telling:
    """Tells the recorder each thing that happens."""

    def __init__(self, writer: Any) -> None:
        self._write, self._close = writer.write, writer.close
        self._foreign: list[str] = []
        version = sys.version.split()[0]
        self._write(kind="start", runner="pytest " + pytest.__version__, python=version, framework=pytest.__file__)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._write(kind="collect", id=report.nodeid, message=record.last_line(report.longreprtext))

    def pytest_deselected(self, items: Any) -> None:
        for item in items:
            self._write(kind="deselected", id=item.nodeid)

    def pytest_collection_finish(self, session: Any) -> None:
        # With pytest-xdist the controller collects nothing: its workers do.
        if session.items:
            self._write(kind="chosen", count=len({item.nodeid for item in session.items}))
        modules = [plugin for plugin in session.config.pluginmanager.get_plugins() if isinstance(plugin, type(os))]
        self._write(kind="plugins", files=record.own_files(modules))

    def pytest_runtest_logreport(self, report: Any) -> None:
        found = getattr(report, "workbench_evidence", None) or {"chain": [], "raised": [], "responses": []}
        self._write(
            kind="phase",
            id=report.nodeid,
            when=report.when,
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            seconds=round(report.duration, 4),
            message="" if report.passed else record.last_line(report.longreprtext),
            **found,
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._foreign += getattr(node, "workeroutput", {}).get("workbench_evidence", [])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        foreign = sorted(set(self._foreign + record.foreign(record.spec)))
        self._write(kind="finish", exit=int(exitstatus), foreign=foreign[:20])
        self._close()
