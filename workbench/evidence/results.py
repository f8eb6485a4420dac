"""Reads what a test run left behind, and checks that its three sources say the same.

The sources are the lines of our plugin, the JUnit file of pytest itself, and the exit code of the process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from workbench.evidence.fault import Response
from workbench.evidence.report import Outcome, TestResult, Trouble, raised_from

# Exceptions that speak of the machine the tests run on, when they come before the test itself.
_MACHINE = frozenset({"OperationalError", "ConnectionRefusedError", "ConnectionError", "ImproperlyConfigured"})


@dataclass(frozen=True)
class Results:
    """The tests of a run, or the trouble that keeps them from saying anything."""

    tests: tuple[TestResult, ...] = ()
    trouble: Trouble = ""
    note: str = ""


def read(results: Path, junit: Path, key: str, exit_code: int) -> Results | None:
    """Return the results of a run, or None where it ended before our plugin began."""
    if not results.exists():
        return None
    records = _unsealed(results, key)
    if records is None:
        return _disagree("the recorded results were changed by somebody else")
    finish = next((record for record in records if record["kind"] == "finish"), None)
    if finish is None:
        return _disagree(f"the run ended early, with exit code {exit_code} and without a last word")
    if finish["foreign"]:
        return Results(
            trouble="infrastructure",
            note="the tests imported code from outside of the tree under test: " + "; ".join(finish["foreign"]),
        )
    tests = tuple(_tests(records))
    if exit_code == 5 or (exit_code == 0 and not tests):
        return Results(trouble="no tests", note="no tests were found")
    if exit_code not in (0, 1):
        return Results(trouble="infrastructure", note=f"pytest ended with exit code {exit_code}")
    return _machine_trouble(tests) or _incomplete(tests, records) or _checked(tests, records, junit, exit_code)


def _unsealed(results: Path, key: str) -> list[dict[str, Any]] | None:
    """Return the plugin's records, or None where a line was added, lost or changed."""
    records, last = [], b""
    try:
        for line in results.read_text(encoding="utf-8").splitlines():
            sealed = json.loads(line)
            seal = hmac.new(key.encode(), last + sealed["body"].encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(seal, sealed["seal"]):
                return None
            last = seal.encode()
            records.append(json.loads(sealed["body"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return records


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


def _checked(tests: tuple[TestResult, ...], records: list[dict[str, Any]], junit: Path, exit_code: int) -> Results:
    expected = 1 if any(test.is_red for test in tests) else 0
    if exit_code != expected:
        return _disagree(f"the exit code is {exit_code} where the recorded outcomes make it {expected}")
    counted = _junit_counts(junit)
    if counted is None:
        return _disagree("the JUnit file is missing or damaged")
    red = [record for record in records if record["kind"] == "phase" and record["outcome"] == "failed"]
    failures = len({record["id"] for record in red if record["when"] == "call"})
    errors = len({record["id"] for record in red if record["when"] != "call"})
    errors += sum(test.phase == "collect" for test in tests)
    if counted != (failures, errors):
        return _disagree(
            f"the JUnit file counts {counted[0]} failures and {counted[1]} errors,"
            f" our own record {failures} and {errors}"
        )
    return Results(tests)


def _junit_counts(junit: Path) -> tuple[int, int] | None:
    # Written by the run itself, so it is read as bounded plain text first: entities are how XML does harm.
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


def _disagree(note: str) -> Results:
    return Results(trouble="disagreement", note=note)
