"""The pytest plugin that records what a test run really did.

It runs inside the interpreter of the project under test, next to code that an agent wrote. So it imports nothing
but pytest and the standard library, takes its instructions once and deletes them, and chains every line of its
results with a secret, so that lines that are added, lost or changed afterwards show.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from typing import Any

import pytest

SPEC_VARIABLE = "WORKBENCH_EVIDENCE_SPEC"
_MESSAGE_LIMIT = 500
_CHAIN_LIMIT = 10
_SEEN_LIMIT = 50


def _take_spec() -> Any:
    """Return our instructions, or None in a worker of pytest-xdist, where the controller has taken them."""
    path = os.environ.pop(SPEC_VARIABLE, None)
    if path is None:
        return None
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - for interpreters of any age
        spec = json.load(file)
    os.unlink(path)  # noqa: PTH108
    return spec


_spec = _take_spec()


class _Seen:
    """What Django did while a test ran: exceptions of views, and responses."""

    def __init__(self) -> None:
        self.root = ""
        self.watching = False
        self.attached = False
        self.raised: list[Any] = []
        self.responses: list[Any] = []

    def attach(self) -> None:
        """Listen to Django, once it is there."""
        handlers = sys.modules.get("django.core.handlers.base")
        signals = sys.modules.get("django.core.signals")
        if self.attached or handlers is None or signals is None:
            return
        self.attached = True
        signals.got_request_exception.connect(self._on_exception, weak=False)
        original = handlers.BaseHandler.get_response
        original_async = handlers.BaseHandler.get_response_async
        seen = self

        def get_response(handler: Any, request: Any) -> Any:
            response = original(handler, request)
            seen.on_response(request, response)
            return response

        async def get_response_async(handler: Any, request: Any) -> Any:
            response = await original_async(handler, request)
            seen.on_response(request, response)
            return response

        handlers.BaseHandler.get_response = get_response
        handlers.BaseHandler.get_response_async = get_response_async

    def _on_exception(self, **_: Any) -> None:
        if self.watching and len(self.raised) < _SEEN_LIMIT:
            self.raised.extend(_chain(sys.exc_info()[1], self.root))

    def on_response(self, request: Any, response: Any) -> None:
        """Note the response of a request of the test."""
        if self.watching and len(self.responses) < _SEEN_LIMIT:
            match = getattr(request, "resolver_match", None)
            route = getattr(match, "route", None)
            self.responses.append(
                {
                    "method": str(getattr(request, "method", "")),
                    "path": str(getattr(request, "path", "")),
                    "route": None if route is None else "/" + str(route).lstrip("^/"),
                    "status": int(getattr(response, "status_code", 0)),
                }
            )


_seen = _Seen()


def pytest_configure(config: Any) -> None:
    """Start recording, unless this is a worker that only reports to its controller."""
    worker = getattr(config, "workerinput", None)
    shared = worker["workbench_evidence"] if worker is not None else _shared(_spec)
    _seen.root = shared["root"]
    config.pluginmanager.register(_Selection(shared["only"]))
    if worker is None:
        config.pluginmanager.register(_Writer(_spec))


def _shared(spec: Any) -> dict[str, Any]:
    return {"root": spec["root"], "only": spec["only"], "repository": spec["repository"], "watched": spec["watched"]}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand pytest-xdist's workers the part of our instructions that they need."""
    node.workerinput["workbench_evidence"] = _shared(_spec)


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(early_config: Any) -> Any:
    """Switch coverage off: it costs time, writes files, and a threshold of it would change the exit code."""
    if hasattr(early_config.known_args_namespace, "no_cov"):
        early_config.known_args_namespace.no_cov = True
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call() -> Any:
    """Watch Django while the body of a test runs."""
    _seen.attach()
    _seen.raised, _seen.responses, _seen.watching = [], [], True
    yield
    _seen.watching = False


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: Any) -> Any:
    """Add to each report what was raised, and where, as it was before anybody could reword it."""
    outcome = yield
    report = outcome.get_result()
    in_call = call.when == "call"
    report.workbench_evidence = {
        "chain": _chain(call.excinfo.value if call.excinfo else None, _seen.root),
        "raised": _seen.raised if in_call else [],
        "responses": _seen.responses if in_call else [],
    }


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: Any) -> None:
    """In a worker: say which modules were imported from elsewhere."""
    worker = getattr(session.config, "workerinput", None)
    if worker is not None:
        session.config.workeroutput["workbench_evidence"] = _foreign(worker["workbench_evidence"])


class _Selection:
    """Keeps the tests of the named files only; an empty selection keeps all."""

    def __init__(self, only: Any) -> None:
        self._only = frozenset(only)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Any, items: Any) -> None:
        if not self._only:
            return
        chosen = [item for item in items if _relative(str(item.fspath), _seen.root) in self._only]
        others = [item for item in items if item not in chosen]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = chosen


class _Writer:
    """Writes one JSON line for each thing that happened."""

    def __init__(self, spec: Any) -> None:
        self._spec = spec
        self._key = spec.pop("key").encode()
        self._last = b""
        self._foreign: list[str] = []
        self._file = open(spec["results"], "x", encoding="utf-8")  # noqa: PTH123, SIM115 - closed at the end
        self._write(kind="start", pytest=pytest.__version__, python=sys.version.split()[0], framework=pytest.__file__)

    def _write(self, **record: Any) -> None:
        body = json.dumps(record, sort_keys=True)
        seal = hmac.new(self._key, self._last + body.encode(), hashlib.sha256).hexdigest()
        self._last = seal.encode()
        self._file.write(json.dumps({"seal": seal, "body": body}) + "\n")
        self._file.flush()

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._write(kind="collect", id=report.nodeid, message=_last_line(report.longreprtext))

    def pytest_deselected(self, items: Any) -> None:
        for item in items:
            self._write(kind="deselected", id=item.nodeid)

    def pytest_collection_finish(self, session: Any) -> None:
        # With pytest-xdist the controller collects nothing: its workers do.
        if session.items:
            self._write(kind="chosen", count=len({item.nodeid for item in session.items}))

    def pytest_runtest_logreport(self, report: Any) -> None:
        found = getattr(report, "workbench_evidence", None) or {"chain": [], "raised": [], "responses": []}
        self._write(
            kind="phase",
            id=report.nodeid,
            when=report.when,
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            seconds=round(report.duration, 4),
            message="" if report.passed else _last_line(report.longreprtext),
            **found,
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._foreign += getattr(node, "workeroutput", {}).get("workbench_evidence", [])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        foreign = sorted(set(self._foreign + _foreign(self._spec)))
        self._write(kind="finish", exit=int(exitstatus), foreign=foreign[:20])
        self._file.close()


def _chain(error: Any, root: str) -> list[dict[str, str]]:
    """Return an exception and those behind it, the surfaced one first, each with where it was raised."""
    chain: list[dict[str, str]] = []
    while error is not None and len(chain) < _CHAIN_LIMIT:
        frames = _frames(error.__traceback__)
        own = [(_relative(file, root), function) for file, function in frames if _relative(file, root)]
        file, function = own[-1] if own else ("", "")
        leaf_file, leaf_function = frames[-1] if frames else ("", "")
        chain.append(
            {
                "type": type(error).__name__,
                "message": _message(error),
                "file": file,
                "function": function,
                "leaf_file": leaf_file,
                "leaf_function": leaf_function,
            }
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def _frames(traceback: Any) -> list[tuple[str, str]]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, code.co_name))
        traceback = traceback.tb_next
    return frames


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE_LIMIT]
    except Exception:  # noqa: BLE001 - an exception's own code may do anything
        return "(its message cannot be read)"


def _last_line(text: object) -> str:
    """Return the line of pytest's long text that says what went wrong: its last one marked with E, or its last."""
    lines = [line for line in str(text).splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked or [line.strip() for line in lines] or [""])[-1][:_MESSAGE_LIMIT]


def _relative(path: str, root: str) -> str:
    """Return `path` relative to the tree, or an empty string where it is not the project's own code."""
    real = os.path.realpath(path)
    if not real.startswith(root + os.sep) or _is_installed(real):
        return ""
    return os.path.relpath(real, root).replace(os.sep, "/")


def _is_installed(path: str) -> bool:
    return "/site-packages/" in path or "/dist-packages/" in path


def _foreign(shared: Any) -> list[str]:
    """Return the modules that should have come from the tree under test and did not."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name == __name__:
            continue
        real = os.path.realpath(file)
        if real.startswith(shared["root"] + os.sep):
            continue
        in_checkout = real.startswith(shared["repository"] + os.sep) and not _is_installed(real)
        if in_checkout or name in shared["watched"]:
            found.append(name + " from " + real)
    return found
