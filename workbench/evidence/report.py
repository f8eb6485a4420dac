"""What evidence consists of: runs, their tests, flags and the verdict, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from workbench.evidence.fault import Raised, RecordedFault, Response

Verdict = Literal["demonstrated", "partial", "inconclusive", "refuted", "not run"]
Outcome = Literal["passed", "failed", "error", "skipped"]
Network = Literal["auto", "on", "off"]
Trouble = Literal["", "infrastructure", "disagreement", "no tests"]

BASE = "base"
NEW_ON_BASE = "new tests on base"
NEW_ON_FIX = "new tests on fix"
SUITE_ON_FIX = "suite on fix"
OLD_ON_FIX = "old tests on fix"
# A second time, to know tests that turn out now one way and now the other; of the base, where one fails on the fix.
NEW_ON_BASE_AGAIN = "new tests on base again"
NEW_ON_FIX_AGAIN = "new tests on fix again"
BASE_AGAIN = "base again"
# Made only where something broke, up to three times: does it break every time, and was it always so?
BROKEN_AGAIN = "broken tests again"
BROKEN_ON_BASE = "broken tests on base"
# The recorded request or call once more; and what stands for both where there was none.
REPLAY_ON_BASE = "replay on base"
REPLAY_ON_FIX = "replay on fix"
REPLAY = "replay"
REPLAYS = (REPLAY_ON_BASE, REPLAY_ON_FIX)

# The flag of code that takes hold of the test runner: what such code has run beside cannot be believed.
REACHES_RUNNER = "reaches into the runner"

# Passing tests that a run lists by name when it is shown or stored: a suite of thousands would be megabytes.
MOST_LISTED = 200


@dataclass(frozen=True)
class Replay:
    """The recorded request, or call, as a test: the file `path` of `commit`, which is the base with this file more.

    Without a commit, `why_not` says in a few words why there is none. `differences` are what it does not do as the
    recorded one did. `caveat` says why showing the fault on a fix means nothing, where that is so.
    """

    kind: str = "request"
    path: str = ""
    commit: str = ""
    why_not: str = ""
    differences: tuple[str, ...] = ()
    caveat: str = ""


@dataclass(frozen=True)
class EvidenceRequest:
    """What to prove: that `result` fixes `fault` of `base`.

    `command` is how the repository runs its tests, `timeout` the seconds after which one run is ended, `workdir` a
    folder of ours for clean trees and results, outside the checkout. `cache` is a folder of ours that may be shared
    and emptied at any time. `network` says whether tests keep the machine's: "off" takes it away where the machine
    can, "auto" gives it back to tests that fail without it. `personal` are values of the event that belong to nobody
    but a visitor of the site. With `each_hunk`, the new tests also run without each piece of the fix. `at_once` is how
    many runs may be made at the same time; it is one wherever they would share a network. `replay` is made on base and
    fix as well. New tests are made a second time, and what broke up to three times, where one run takes no longer than
    `cheap_seconds`.
    """

    repository: Path
    base: str
    result: str
    fault: RecordedFault | None
    command: str
    timeout: int
    workdir: Path
    cache: Path | None = None
    network: Network = "auto"
    personal: tuple[str, ...] = ()
    each_hunk: bool = False
    at_once: int = 2
    replay: Replay | None = None
    cheap_seconds: float = 15.0


@dataclass(frozen=True)
class TestResult:
    """One test of one run. `phase` is where its outcome was decided: setup, call, teardown or collect.

    `chain` holds the exception that ended it and those behind it; `raised` and `responses` what Django did meanwhile.
    """

    __test__ = False

    id: str
    outcome: Outcome
    phase: str
    seconds: float = 0.0
    message: str = ""
    chain: tuple[Raised, ...] = ()
    raised: tuple[Raised, ...] = ()
    responses: tuple[Response, ...] = ()

    @property
    def path(self) -> str:
        """The file that the test is in."""
        return self.id.partition("::")[0]

    @property
    def is_red(self) -> bool:
        """True where it failed, in whichever phase."""
        return self.outcome in ("failed", "error")

    def as_dict(self) -> dict[str, Any]:
        """Return it as screens and commands show it."""
        surfaced = self.chain[0] if self.chain else None
        return {
            "id": self.id,
            "outcome": self.outcome,
            "phase": self.phase,
            "seconds": self.seconds,
            "exception": surfaced.type if surfaced else None,
            "message": self.message,
            "file": surfaced.file if surfaced else None,
            "line": surfaced.line or None if surfaced else None,
            "function": surfaced.function if surfaced else None,
        }


@dataclass(frozen=True)
class Run:
    """One run of tests on one clean tree. With `trouble`, its results say nothing, and `note` says why.

    `network` is "off", "on", or "on: " and why it could not be taken away; `sandbox` is "on", or "none: " and why there
    was none, or empty for runs of before it was told; `plugins` are the files of the tree that the test runner itself
    was made of.
    """

    name: str
    commit: str
    command: tuple[str, ...] = ()
    tests: tuple[TestResult, ...] = ()
    trouble: Trouble = ""
    note: str = ""
    seconds: float = 0.0
    network: str = "on"
    sandbox: str = ""
    versions: str = ""
    plugins: tuple[str, ...] = ()

    def test(self, id: str) -> TestResult | None:  # noqa: A002 - pytest's own word
        """Return the result of one test, or None where it did not run."""
        return next((test for test in self.tests if test.id == id), None)

    def ids(self, *outcomes: Outcome) -> frozenset[str]:
        """Return the tests with one of these outcomes, or all that were collected."""
        return frozenset(
            test.id for test in self.tests if (test.outcome in outcomes if outcomes else test.phase != "collect")
        )

    @property
    def outcome(self) -> str:
        """Passed, failed, or not run."""
        if self.trouble:
            return "not run"
        return "failed" if any(test.is_red for test in self.tests) else "passed"

    def as_dict(self) -> dict[str, Any]:
        """Return it as screens and commands show it; of very many passing tests, only the first are listed."""
        counts = [test.outcome for test in self.tests]
        passing = [test for test in self.tests if test.outcome == "passed"]
        left_out = {test.id for test in passing[MOST_LISTED:]}
        note = f"{len(left_out)} more passing tests are not listed" if left_out else ""
        return {
            "name": self.name,
            "commit": self.commit,
            "command": list(self.command),
            "outcome": self.outcome,
            "passed": counts.count("passed"),
            "failed": counts.count("failed"),
            "errors": counts.count("error"),
            "skipped": counts.count("skipped"),
            "seconds": self.seconds,
            "tests": [test.as_dict() for test in self.tests if test.id not in left_out],
            "note": self.note or note,
            "network": self.network,
            "sandbox": self.sandbox,
            "versions": self.versions,
        }


@dataclass(frozen=True)
class Flag:
    """Something in the agent's changes that a person has to look at, with the lines it means."""

    kind: str
    path: str
    message: str
    lines: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as screens and commands show it."""
        return {"kind": self.kind, "path": self.path, "lines": list(self.lines), "message": self.message}


@dataclass(frozen=True)
class EvidenceReport:
    """The verdict with its reason, and everything that it rests on."""

    verdict: Verdict
    reason: str
    flags: tuple[Flag, ...]
    runs: tuple[Run, ...]
    base: str
    result: str
    started_at: datetime
    ended_at: datetime

    @property
    def replay(self) -> str:
        """What sending the recorded request again showed, in one sentence; empty where there was none to send."""
        return next((run.note for run in self.runs if run.name in (REPLAY, REPLAY_ON_FIX)), "")

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "flags": [flag.as_dict() for flag in self.flags],
            "runs": [run.as_dict() for run in self.runs],
            "replay": self.replay or None,
            "base": self.base,
            "result": self.result,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
        }


def raised_from(record: Mapping[str, Any]) -> Raised:
    """Return an exception as the plugin wrote it."""
    words = {name: str(record[name]) for name in Raised.__dataclass_fields__ if name != "line"}
    return Raised(**words, line=int(record["line"]))
