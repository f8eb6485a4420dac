"""Tells the recorder what unittest does.

What a test raised is taken from the calls that unittest makes on the result object, before the project's own result
class hears of them.
"""

from __future__ import annotations

import os
import sys
import time
import unittest
from typing import Any

import workbench_evidence_record as record
from workbench_evidence_record import seen

_PHASES = {
    "_callSetUp": "setup",
    "_callTestMethod": "call",
    "_callTearDown": "teardown",
    "_callCleanup": "teardown",
    "doCleanups": "teardown",
}


class Telling:
    """Tells the recorder each call that unittest makes on the result object."""

    def __init__(self, writer: Any) -> None:
        self._write = writer.write
        self._chosen: dict[str, list[str]] = {}  # the tests of each class and each module, by its dotted name
        self._counts = dict.fromkeys(("ran", "failures", "errors", "unexpected"), 0)
        self._begun: dict[str, float] = {}

    def listen(self, suite: Any) -> None:
        """Stand between the tests of `suite` and whichever result they will be given."""
        ids = set()
        for test in _flat(suite):
            if not _is_failed(test):
                ids.add(_id(test))
                for owner in (type(test).__module__, _dotted(type(test))):
                    self._chosen.setdefault(owner, []).append(_id(test))
        self._write(kind="chosen", count=len(ids))
        run = suite.run

        def recorded(result: Any, *args: Any, **kwargs: Any) -> Any:
            self._stand_before(result)
            try:
                return run(result, *args, **kwargs)
            finally:
                red = {name: len(getattr(result, attribute, ())) for name, attribute in _RED.items()}
                self._write(kind="counts", own=self._counts, result={"ran": result.testsRun, **red})

        suite.run = recorded

    def _stand_before(self, result: Any) -> None:
        def stand(name: str, told: Any) -> None:
            original = getattr(result, name)

            def both(*args: Any, **kwargs: Any) -> Any:
                told(*args, **kwargs)
                return original(*args, **kwargs)

            setattr(result, name, both)

        stand("startTest", self._start)
        stand("stopTest", self._stop)
        stand("addSuccess", lambda test: self._phase(test, "call", "passed"))
        stand("addError", lambda test, error: self._red("errors", test, error))
        stand("addFailure", lambda test, error: self._red("failures", test, error))
        stand("addSkip", lambda test, reason: self._phase(test, "call", "skipped", message=str(reason)))
        stand("addExpectedFailure", lambda test, _: self._phase(test, "call", "skipped", message="expected to fail"))
        stand("addUnexpectedSuccess", self._unexpected)
        stand("addSubTest", self._subtest)

    def _start(self, test: Any) -> None:
        self._counts["ran"] += 1
        if _is_failed(test):
            return
        self._begun[_id(test)] = time.monotonic()
        self._phase(test, "setup", "passed")
        seen.watch()

    def _stop(self, test: Any) -> None:
        seen.watching = False
        if not _is_failed(test):
            seconds = time.monotonic() - self._begun.pop(_id(test), time.monotonic())
            self._phase(test, "teardown", "passed", seconds=seconds)

    def _unexpected(self, test: Any) -> None:
        self._counts["unexpected"] += 1
        self._phase(test, "call", "failed", message="it passed though it is expected to fail")

    def _subtest(self, test: Any, subtest: Any, error: Any) -> None:
        if error is not None:
            is_failure = issubclass(error[0], test.failureException)
            self._red("failures" if is_failure else "errors", test, error, f" {subtest._subDescription()}")  # noqa: SLF001

    def _red(self, kind: str, test: Any, error: Any, where: str = "") -> None:
        self._counts[kind] += 1
        raised = error[1]
        if _is_failed(test):
            name = test._testMethodName  # noqa: SLF001 - of unittest's stand-in for a module
            self._write(kind="collect", id=_file_of(name), message=record.last_line(raised))
            return
        what = record.message(raised).strip().split("\n")[0]
        message = f"{type(raised).__name__}: {what}{where}" if what else f"{type(raised).__name__}{where}"
        # A subtest's traceback begins in the test itself.
        self._phase(test, "call" if where else _phase_of(raised), "failed", message=message, error=raised)

    def _phase(
        self, test: Any, when: str, outcome: str, *, message: str = "", error: Any = None, seconds: float = 0.0
    ) -> None:
        if _is_failed(test):
            return
        ids = [_id(test)]
        if not isinstance(test, unittest.TestCase):
            # A class or a module that could not be set up or torn down: that is said of each of its tests.
            step, _, owner = str(getattr(test, "description", test)).partition(" (")
            ids = self._chosen.get(owner.rstrip(")"), [])
            when = "teardown" if step.startswith("tearDown") else "setup"
        for id_ in ids:
            in_call = when == "call"
            self._write(
                kind="phase",
                id=id_,
                when=when,
                outcome=outcome,
                xfail=False,
                seconds=round(seconds, 4),
                message=message[:500],
                chain=record.chain(error, seen.root),
                raised=seen.raised if in_call else [],
                responses=seen.responses if in_call else [],
            )


_RED = {"failures": "failures", "errors": "errors", "unexpected": "unexpectedSuccesses"}


def _flat(suite: Any) -> Any:
    for part in suite:
        if hasattr(part, "__iter__"):
            yield from _flat(part)
        else:
            yield part


def _is_failed(test: Any) -> bool:
    return type(test).__name__ == "_FailedTest"


def _dotted(cls: Any) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _id(test: Any) -> str:
    """Return a test's id as pytest would write it: file, class, method."""
    cls = type(test)
    module = sys.modules.get(cls.__module__)
    path = record.relative(str(getattr(module, "__file__", None) or ""), seen.root)
    return f"{path or cls.__module__}::{cls.__qualname__}::{getattr(test, '_testMethodName', test)}"


def _phase_of(error: Any) -> str:
    """Return where unittest was when a test raised: what comes before its own frames is preparation."""
    traceback, phase = error.__traceback__, "setup"
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name in _PHASES and "unittest" in code.co_filename:
            phase = _PHASES[code.co_name]
            break
        traceback = traceback.tb_next
    return phase


def _file_of(name: str) -> str:
    """Return the file of a test module that could not be imported, as far as its name tells."""
    wanted = "/" + name.replace(".", "/") + ".py"
    only: list[str] = record.spec["only"]
    for path in only:
        if ("/" + path).endswith(wanted):
            return path
    for folder in (os.getcwd(), *sys.path):  # noqa: PTH109
        for end in (".py", "/__init__.py"):
            path = str(record.relative(os.path.join(folder, name.replace(".", "/") + end), seen.root))  # noqa: PTH118
            if path and os.path.exists(os.path.join(seen.root, path)):  # noqa: PTH110, PTH118
                return path
    return name
