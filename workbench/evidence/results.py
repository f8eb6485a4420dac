"""Reads what a test run told, and checks that its three sources say the same.

The sources are the records of our plugin or runner, a second reporter (pytest's JUnit file, the summary that unittest
prints), and the exit code of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from workbench.evidence.fault import Response
from workbench.evidence.report import Outcome, Run, TestResult, Trouble, raised_from

# Exceptions that speak of the machine the tests run on, when they come before the test itself.
_MACHINE = frozenset({"OperationalError", "ConnectionRefusedError", "ConnectionError", "ImproperlyConfigured"})
_RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
_COUNTED = re.compile(r"(?<!expected )(failures|errors|unexpected successes)=(\d+)")
_NO_SERVICE = re.compile(
    r"Connection refused|ConnectionRefusedError|Network is unreachable|Name or service not known|gaierror"
    r"|[Nn]ame resolution|could not connect|connection failed|Cannot assign requested address|[Nn]o route to host"
)
_PRINTED_BYTES = 64 * 1024

Records = list[dict[str, Any]]
# Returns what a second source counts otherwise, in words, or an empty string.
Reporter = Callable[[tuple[TestResult, ...], Records], str]


@dataclass(frozen=True)
class Results:
    """The tests of a run, or the trouble that keeps them from saying anything.

    `plugins` are the files of the tree that the runner is made of or has loaded as its plugins; `labels` is how it
    names the files that it was restricted to.
    """

    tests: tuple[TestResult, ...] = ()
    trouble: Trouble = ""
    note: str = ""
    network: str = "on"
    versions: str = ""
    plugins: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def read(told: Records | None, exit_code: int, second: Reporter) -> Results | None:
    """Return the results of a run, or None where it ended before its runner began."""
    if told is None:
        return _disagree("the recorded results were changed by somebody else")
    kinds = {record.get("kind", ""): record for record in told}
    if "start" not in kinds:
        return None
    try:
        found = _judged(told, exit_code, second)
    except (KeyError, TypeError, ValueError, AttributeError):  # sealed, and yet no record of ours
        found = _disagree("the recorded results were changed by somebody else")
    started, launched = kinds["start"], kinds.get("launch", {})
    return replace(
        found,
        network=launched.get("network", "on"),
        versions=f"{started['runner']}, Python {started['python']}",
        plugins=tuple(_each(told, "plugins", "files")),
        labels=tuple(kinds.get("labels", {}).get("labels", ())),
    )


def _judged(told: Records, exit_code: int, second: Reporter) -> Results:
    if trouble := next((record for record in told if record["kind"] == "trouble"), None):
        return Results(trouble="infrastructure", note=f"no test could start: {trouble['message'][:300]}")
    calls = _calls(told)
    if not all(any(record["kind"] == "finish" for record in call) for call in calls):
        return _disagree(f"the run ended early, with exit code {exit_code} and without a last word")
    if foreign := _each(told, "finish", "foreign"):
        note = "the tests imported code from outside of the tree under test: " + "; ".join(foreign)
        return Results(trouble="infrastructure", note=note)
    tests = tuple(_tests(told))
    if exit_code == 5 or (exit_code == 0 and not tests):
        return Results(trouble="no tests", note="no tests were found")
    if 1 < exit_code <= len(calls) and any(test.is_red for test in tests):
        exit_code = 1  # a script that adds up what its calls returned
    if exit_code not in (0, 1):
        return Results(trouble="infrastructure", note=f"the test runner ended with exit code {exit_code}")
    incomplete = next((found for call in calls if (found := _incomplete(tuple(_tests(call)), call))), None)
    return _machine_trouble(tests) or incomplete or _checked(tests, told, exit_code, second)


def _calls(told: Records) -> list[Records]:
    """Return the records of each time that the runner was called: a script may do so more than once."""
    calls: list[Records] = []
    for record in told:
        if record["kind"] == "start":
            calls.append([])
        if calls:
            calls[-1].append(record)
    return calls


def _each(told: Records, kind: str, name: str) -> list[str]:
    """Return what all records of a kind list under a name, each once."""
    return list(dict.fromkeys(one for record in told if record["kind"] == kind for one in record[name]))


def _tests(records: Iterable[Mapping[str, Any]]) -> Iterable[TestResult]:
    """Return one result for each test: of its phases, the first that went wrong decides."""
    phases: dict[str, list[Mapping[str, Any]]] = {}
    broken = set()
    for record in records:
        if record["kind"] == "phase" and record["outcome"] != "rerun":
            phases.setdefault(record["id"], []).append(record)
        elif record["kind"] == "collect" and record["id"] not in broken:
            broken.add(record["id"])
            yield TestResult(id=record["id"], outcome="error", phase="collect", message=record["message"])
    for id_, met in phases.items():
        deciding = next((phase for phase in met if phase["outcome"] == "failed"), None)
        deciding = deciding or next((phase for phase in met if phase["outcome"] == "skipped"), None)
        deciding = deciding or next((phase for phase in met if phase["when"] == "call"), met[0])
        call = next((phase for phase in met if phase["when"] == "call"), deciding)
        yield TestResult(
            id=id_,
            outcome=_outcome(deciding),
            phase=deciding["when"],
            seconds=round(sum(phase["seconds"] for phase in met), 4),
            message=deciding["message"],
            chain=tuple(raised_from(found) for found in deciding["chain"]),
            raised=tuple(raised_from(found) for found in call["raised"]),
            responses=tuple(Response(**found) for found in call["responses"]),
        )


def _outcome(phase: Mapping[str, Any]) -> Outcome:
    if phase["outcome"] == "failed":
        return "failed" if phase["when"] == "call" else "error"
    return "skipped" if phase["outcome"] == "skipped" else "passed"


def _machine_trouble(tests: tuple[TestResult, ...]) -> Results | None:
    """Return the trouble of a run in which no test got as far as its body, for want of a service or a setting."""
    stopped = [test for test in tests if test.outcome == "error" and test.phase == "setup" and test.chain]
    if len(stopped) < len(tests) or stopped[0].chain[0].type not in _MACHINE:
        return None
    return Results(trouble="infrastructure", note=f"no test could start: {stopped[0].message}")


def _incomplete(tests: tuple[TestResult, ...], records: list[dict[str, Any]]) -> Results | None:
    """Return the trouble of a run that ended before all of its tests had, or that reworded an outcome."""
    ended = sum(test.phase != "collect" for test in tests)
    chosen = next((record["count"] for record in records if record["kind"] == "chosen"), ended)
    for record in records:
        if record["kind"] == "phase" and record["outcome"] == "passed" and record["chain"]:
            return _disagree(f"{record['id']} raised {record['chain'][0]['type']} and was reported as passed")
    begun = next((test.id for test in tests if (test.outcome, test.phase) == ("passed", "setup")), None)
    if begun is not None:
        return _disagree(f"{begun} began and never ended")
    return _disagree(f"{chosen} tests were to run and {ended} ended") if chosen != ended else None


def _checked(tests: tuple[TestResult, ...], told: Records, exit_code: int, second: Reporter) -> Results:
    expected = 1 if any(test.is_red for test in tests) else 0
    if exit_code != expected:
        return _disagree(f"the exit code is {exit_code} where the recorded outcomes make it {expected}")
    otherwise = second(tests, told)
    return _disagree(otherwise) if otherwise else Results(tests)


def junit(file: Path, tests: tuple[TestResult, ...], told: Records) -> str:
    """Return what pytest's own JUnit file counts otherwise."""
    counted = _junit_counts(file)
    if counted is None:
        return "the JUnit file is missing or damaged"
    red = [record for record in told if record["kind"] == "phase" and record["outcome"] == "failed"]
    failures = len({record["id"] for record in red if record["when"] == "call"})
    errors = len({record["id"] for record in red if record["when"] != "call"})
    errors += sum(test.phase == "collect" for test in tests)
    if counted == (failures, errors):
        return ""
    return f"the JUnit file counts {_counted(counted)}, our own record {failures} and {errors}"


def summary(output: Path, _tests: tuple[TestResult, ...], told: Records) -> str:
    """Return what unittest's result object, or the summary that it printed, counts otherwise."""
    counts = []
    for call in _calls(told):
        found = [record for record in call if record["kind"] == "counts"]
        if len(found) != 1:
            return f"there are {len(found)} results of one run"
        own, result = found[0]["own"], found[0]["result"]
        counts.append(own)
        if own != result:
            return f"the result object counts {_counted(result.values())}, our own record {_counted(own.values())}"
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - _PRINTED_BYTES))
        printed = file.read().decode("utf-8", "replace")
    ran = list(_RAN.finditer(printed))  # nothing, where a runner of the project's own prints what it likes
    end = len(printed)
    for match, own in zip(reversed(ran), reversed(counts), strict=False):
        named = {name: int(number) for name, number in _COUNTED.findall(printed[match.end() : end])}
        said = [int(match[1]), *(named.get(name, 0) for name in ("failures", "errors", "unexpected successes"))]
        told_us = [own[name] for name in ("ran", "failures", "errors", "unexpected")]
        if said != told_us:
            return f"the printed summary counts {_counted(said)}, our own record {_counted(told_us)}"
        end = match.start()
    return ""


def _counted(numbers: Iterable[int]) -> str:
    first, *others = [str(number) for number in numbers]
    names = ("failures and", "errors") if len(others) == 1 else ("tests,", "failures,", "errors,", "unexpected passes")
    return " ".join(f"{number} {name}" for number, name in zip([first, *others], names, strict=True))


def _junit_counts(junit: Path) -> tuple[int, int] | None:
    # Written by the run itself, so it is read as plain text first: entities are how XML does harm.
    try:
        text = junit.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return None
        root = ElementTree.fromstring(text)  # noqa: S314
    except (OSError, ValueError, ElementTree.ParseError):
        return None
    # By name: with pytest-xdist, a file that cannot be imported is told once for each worker.
    cases = [
        (kind, case.get("classname"), case.get("name"))
        for kind in ("failure", "error")
        for case in root.iter()
        if case.find(kind) is not None
    ]
    kinds = [kind for kind, _, _ in set(cases)]
    return kinds.count("failure"), kinds.count("error")


def wants_network(run: Run) -> bool:
    """Say whether a run, made without the machine's network, looks as if it missed a service on it."""
    if run.trouble:
        return run.trouble == "infrastructure" and _NO_SERVICE.search(run.note) is not None
    return any(
        _NO_SERVICE.search(f"{said.type} {said.message}")
        for test in run.tests
        if test.is_red
        for said in (*test.chain, *test.raised)
    ) or any(_NO_SERVICE.search(test.message) for test in run.tests if test.is_red)


def _disagree(note: str) -> Results:
    return Results(trouble="disagreement", note=note)
