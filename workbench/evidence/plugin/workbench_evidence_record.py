"""Records what a test run really did, and hands it to the workbench while it happens.

It runs inside the interpreter of the project under test, next to code that an agent wrote. So it imports nothing but
the standard library, is loaded before anything of the project, takes its instructions from a pipe that it closes, and
writes to a pipe that nobody can take back from: what was told before cannot be unsaid, and each line is chained to the
one before it with a seal whose key is nowhere in Python's memory.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import threading
from typing import Any

_MESSAGE_LIMIT = 500
_CHAIN_LIMIT = 10
_SEEN_LIMIT = 50
# PostgreSQL cuts names at 63 bytes, and pytest-xdist adds its own four.
_NAME_LIMIT = 58

spec: dict[str, Any] = {}
writer: Any = None


def begin(given: dict[str, Any]) -> None:
    """Take the instructions of this run."""
    global writer
    key = given.pop("key")
    writer = Writer(given.pop("results"), hmac.new(key.encode(), digestmod=hashlib.sha256))
    spec.update(given)
    seen.root = spec["root"]


class Writer:
    """Writes one sealed JSON line for each thing that happened."""

    def __init__(self, descriptor: int, seal: Any) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003
        self._descriptor, self._seal, self._last = descriptor, seal, b""
        self._process, self._lock = os.getpid(), threading.Lock()

    def write(self, **record: Any) -> None:
        """Append a record. A fork of the process is silent: its lines would break the chain."""
        if os.getpid() != self._process or self._descriptor < 0:
            return
        with self._lock:
            body = json.dumps(record, sort_keys=True)
            seal = self._seal.copy()
            seal.update(self._last + body.encode())
            self._last = seal.hexdigest().encode()
            line = json.dumps({"seal": self._last.decode(), "body": body}).encode() + b"\n"
            while line:
                line = line[os.write(self._descriptor, line) :]

    def close(self) -> None:
        """Say nothing more."""
        if os.getpid() == self._process and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Seen:
    """What Django did while a test ran: exceptions of views, and responses."""

    def __init__(self) -> None:
        self.root = ""
        self.watching = False
        self.attached = False
        self.raised: list[Any] = []
        self.responses: list[Any] = []

    def watch(self) -> None:
        """Begin anew, with the body of a test."""
        self._attach()
        self.raised, self.responses, self.watching = [], [], True

    def _attach(self) -> None:
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
            seen._on_response(request, response)
            return response

        async def get_response_async(handler: Any, request: Any) -> Any:
            response = await original_async(handler, request)
            seen._on_response(request, response)
            return response

        handlers.BaseHandler.get_response = get_response
        handlers.BaseHandler.get_response_async = get_response_async

    def _on_exception(self, **_: Any) -> None:
        if self.watching and len(self.raised) < _SEEN_LIMIT:
            self.raised.extend(chain(sys.exc_info()[1], self.root))

    def _on_response(self, request: Any, response: Any) -> None:
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


seen = Seen()


def own_databases(suffix: str) -> None:
    """Give the test databases names of this run alone, so that runs beside each other do not drop each other's."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    if settings is None or not settings.configured:
        return
    from django.db import connections

    for alias in connections:
        values = connections.settings[alias]
        test = values.setdefault("TEST", {})
        name = str(test.get("NAME") or "")
        if name.endswith(suffix):  # of a script that runs tests twice
            continue
        if "sqlite" not in str(values.get("ENGINE")):
            test["NAME"] = ((name or "test_" + str(values.get("NAME") or ""))[: _NAME_LIMIT - len(suffix)]) + suffix
        elif name and name != ":memory:" and "mode=memory" not in name:
            # In the folder of the run, wherever the settings put it: another run has the same settings.
            test["NAME"] = os.path.join(os.environ["TMPDIR"], os.path.basename(name) + suffix)  # noqa: PTH118, PTH119


def chain(error: Any, root: str) -> list[dict[str, Any]]:
    """Return an exception and those behind it, the surfaced one first, each with where it was raised."""
    found: list[dict[str, Any]] = []
    while error is not None and len(found) < _CHAIN_LIMIT:
        frames = _frames(error.__traceback__)
        own = [(relative(file, root), function, line) for file, function, line in frames if relative(file, root)]
        file, function, line = own[-1] if own else ("", "", 0)
        leaf_file, leaf_function, _ = frames[-1] if frames else ("", "", 0)
        found.append(
            {
                "type": type(error).__name__,
                "message": message(error),
                "file": file,
                "function": function,
                "line": line,
                "leaf_file": leaf_file,
                "leaf_function": leaf_function,
            }
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _frames(traceback: Any) -> list[tuple[str, str, int]]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, code.co_name, traceback.tb_lineno or 0))
        traceback = traceback.tb_next
    return frames


def message(error: BaseException) -> str:
    """Return what an exception says, whatever its own code does."""
    try:
        return str(error)[:_MESSAGE_LIMIT]
    except Exception:  # noqa: BLE001 - an exception's own code may do anything
        return "(its message cannot be read)"


def last_line(text: object) -> str:
    """Return the line of pytest's long text that says what went wrong: its last one marked with E, or its last."""
    lines = [line for line in str(text).splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked or [line.strip() for line in lines] or [""])[-1][:_MESSAGE_LIMIT]


def relative(path: str, root: str) -> str:
    """Return `path` relative to the tree, or an empty string where it is not the project's own code."""
    real = os.path.realpath(path)
    if not real.startswith(root + os.sep) or _is_installed(real):
        return ""
    return os.path.relpath(real, root).replace(os.sep, "/")


def _is_installed(path: str) -> bool:
    return "/site-packages/" in path or "/dist-packages/" in path


def foreign(shared: Any) -> list[str]:
    """Return the modules that should have come from the tree under test and did not."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.startswith("workbench_evidence_") or name == "__main__":
            continue
        real = os.path.realpath(file)
        if real.startswith(shared["root"] + os.sep):
            continue
        in_checkout = real.startswith(shared["repository"] + os.sep) and not _is_installed(real)
        if in_checkout or name in shared["watched"]:
            found.append(name + " from " + real)
    return found


def own_files(things: Any) -> list[str]:
    """Return the files of the tree that hold the code of these modules and classes."""
    files = set()
    for thing in things:
        module = sys.modules.get(thing.__module__) if isinstance(thing, type) else thing
        path = relative(str(getattr(module, "__file__", None) or ""), spec["root"])
        if path:
            files.add(path)
    return sorted(files)
