"""A subclass of the project's own Django test runner that tells the recorder what unittest does.

Made where Django asks for a runner, or where a script takes Django's by its name, so no file of the tree is edited.
"""

from __future__ import annotations

import os
import sys
import unittest
from typing import Any

import workbench_evidence_record as record
from workbench_evidence_record import seen
from workbench_evidence_unittest import Telling

# A run of ours asks nobody, leaves no database behind, goes on after a failure, and stays in one process.
_FORCED = {"interactive": False, "keepdb": False, "failfast": False, "pdb": False, "parallel": 1}
_NOT_HEARD = " does not run Django's suite; if it calls pytest, set tests.command to `python -m pytest`"
_made: dict[Any, Any] = {}  # our subclass of each runner class


def __getattr__(name: str) -> Any:
    """Make the subclass when Django asks for it: only then its settings are there."""
    if name != "Runner":
        raise AttributeError(name)
    from django.conf import settings
    from django.test.utils import get_runner

    made = runner_of(get_runner(settings, record.spec["testrunner"] or None))
    globals()[name] = made
    return made


def stand_in() -> None:
    """Give scripts our subclass of the runner that they take from Django, by asking for it or by its name."""
    from django.test import runner, utils

    original = utils.get_runner

    def get_runner(settings: Any, test_runner_class: Any = None) -> Any:
        return runner_of(original(settings, test_runner_class))

    utils.get_runner = get_runner
    runner.DiscoverRunner = runner_of(runner.DiscoverRunner)  # type: ignore[misc]


def runner_of(base: Any) -> Any:
    """Return a subclass of a test runner that records.

    `base` may have such a class among its own bases, where a script took it from Django: only the outermost records.
    """
    if base in _made.values():
        return base
    if base in _made:
        return _made[base]

    class Runner(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if type(self) not in _made.values():  # a script's own subclass, which may leave out what we listen to
                self.__class__ = runner_of(type(self))
            kwargs.update({name: value for name, value in _FORCED.items() if name in kwargs})
            super().__init__(*args, **kwargs)

    for name, step in _STEPS.items():
        setattr(Runner, name, _recorded(Runner, name, step))
    Runner.__name__, Runner.__qualname__, Runner.__doc__ = base.__name__, base.__qualname__, base.__doc__
    _made[base] = Runner
    return Runner


def _recorded(owner: Any, name: str, step: Any) -> Any:
    """Return a method that does `step` with what its base does under this name, where `owner` is the outermost."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        original = getattr(super(owner, self), name)
        return step(self, original, *args, **kwargs) if type(self) is owner else original(*args, **kwargs)

    return method


def _run_tests(runner: Any, original: Any, *args: Any, **kwargs: Any) -> int:
    _start(runner)
    failures = original(*args, **kwargs)
    if not getattr(runner, "is_heard", False):
        record.writer.write(kind="trouble", message=type(runner).__name__ + _NOT_HEARD)
    foreign = sorted(record.foreign(record.spec))
    record.writer.write(kind="finish", exit=1 if failures else 0, foreign=foreign[:20])
    if record.spec["takes_labels"]:  # a script may run more
        record.writer.close()
    return 1 if failures else 0  # scripts make it their exit code, which holds no more than 255


def _start(runner: Any) -> None:
    import django

    for name, value in _FORCED.items():
        if hasattr(runner, name):
            setattr(runner, name, value)
    record.writer.write(
        kind="start",
        runner="Django " + django.get_version(),
        python=sys.version.split()[0],
        framework=django.__file__,
    )
    record.writer.write(kind="plugins", files=record.own_files(type(runner).__mro__[:-1]))


def _chosen(given: Any) -> list[str]:
    """Return the labels of the files that this run is restricted to; of a script, those that this call would run."""
    files = {path: _label(path) for path in record.spec["only"]}
    if record.spec["takes_labels"]:
        record.writer.write(kind="labels", labels=list(files.values()))
        return list(files.values())
    if not given:
        return list(files.values())
    found = []
    for path, dotted in files.items():
        for label in map(str, given):
            folder = record.relative(os.path.join(os.path.abspath(label), "x"), seen.root)  # noqa: PTH100, PTH118
            if (dotted + ".").startswith(label + ".") or (folder and path.startswith(folder[:-1])):
                found.append(dotted)
                break
            if label.startswith(dotted + "."):  # a class or a method of it
                found.append(label)
    return found


def _build_suite(_: Any, original: Any, test_labels: Any = None, *args: Any, **kwargs: Any) -> Any:
    if record.spec["only"]:
        test_labels = _chosen(test_labels)
        if not test_labels:  # another call of the same script runs them
            return unittest.TestSuite()
    suite = original(test_labels, *args, **kwargs)
    folder = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120
    if test_labels or suite.countTestCases() or record.relative(folder, seen.root) == "":
        return suite
    # `python site/manage.py test`: discovery looks where it is run, and the project lies below.
    return original([folder], *args, **kwargs)


def _setup_databases(_: Any, original: Any, *args: Any, **kwargs: Any) -> Any:
    record.own_databases(record.spec["suffix"])
    return _or_trouble(original, *args, **kwargs)


def _run_checks(_: Any, original: Any, *args: Any, **kwargs: Any) -> Any:
    return _or_trouble(original, *args, **kwargs)


def _run_suite(runner: Any, original: Any, suite: Any, *args: Any, **kwargs: Any) -> Any:
    runner.is_heard = True
    Telling(record.writer).listen(suite)
    return original(suite, *args, **kwargs)


_STEPS = {
    "run_tests": _run_tests,
    "build_suite": _build_suite,
    "setup_databases": _setup_databases,
    "run_checks": _run_checks,
    "run_suite": _run_suite,
}


def _or_trouble(step: Any, *args: Any, **kwargs: Any) -> Any:
    """Do what comes before the first test; where that fails, no test has."""
    try:
        return step(*args, **kwargs)
    except Exception as error:
        what = f"{type(error).__name__}: {record.message(error).strip()}"
        record.writer.write(kind="trouble", message=what, type=type(error).__name__)
        raise


def _label(path: str) -> str:
    """Return the dotted name of a test file, as it is imported: from the nearest folder that is on the path."""
    parts = path[: -len(".py")].split("/")
    package = len(parts) - 1
    while package and os.path.exists(os.path.join(seen.root, *parts[:package], "__init__.py")):  # noqa: PTH110, PTH118
        package -= 1
    # Folders without an __init__.py may be packages too.
    roots = [record.relative(os.path.join(folder, "x"), seen.root).split("/")[:-1] for folder in sys.path]  # noqa: PTH118
    above = [len(root) for root in roots if len(root) <= package and parts[: len(root)] == root]
    return ".".join(parts[max(above, default=package) :])
