"""Remembers what the suite of a base commit came to, and how long runs took, outside of every checkout.

Each entry is one file, written beside and put in place, so that several workbenches may share the folder; the oldest
go when there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.evidence.interpreters import Interpreter
from workbench.evidence.report import Run, TestResult
from workbench.suite import TestCommand

_MOST_ENTRIES = 64
_OURS = (Path(__file__).parent / "plugin", Path(__file__).parent / "results.py")


@dataclass(frozen=True)
class Past:
    """What the last evidence of a repository took: seconds for a run of the suite and for a tree, and its tests."""

    suite_seconds: float
    new_seconds: float
    tree_seconds: float
    tests: int


@dataclass(frozen=True)
class Cache:
    """The memory of one repository's test command, in `folder`. Without a folder nothing is remembered."""

    folder: Path | None
    command: TestCommand
    repository: Path
    environ: Sequence[tuple[str, str]] = ()

    def base(self, commit: str) -> tuple[Run, ...]:
        """Return the runs of the suite of a base commit, or nothing where they are not known or not ours to trust."""
        found = self._read(self._of_base(commit))
        try:
            return tuple(_run(plain) for plain in found["runs"]) if found else ()
        except (KeyError, TypeError, AttributeError):
            return ()

    def keep_base(self, commit: str, runs: Sequence[Run]) -> None:
        """Remember the runs of the suite of a base commit."""
        self._write(self._of_base(commit), {"runs": [_plain(run) for run in runs]})

    def past(self) -> Past | None:
        """Return what the last evidence took, or None before the first."""
        found = self._read(self._of_past())
        try:
            return Past(**found) if found else None
        except TypeError:
            return None

    def keep_past(self, past: Past) -> None:
        """Remember what this evidence took."""
        self._write(self._of_past(), past.__dict__)

    def _of_base(self, commit: str) -> str:
        interpreter = Interpreter.of(self.command.python)
        if not interpreter.fingerprint:
            return ""  # an interpreter that cannot be asked may have changed
        files = sorted(file for place in _OURS for file in ([place] if place.is_file() else place.glob("*.py")))
        ours = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        known = [commit, self._words(), interpreter.fingerprint, sorted(self.environ), ours]
        return f"base-{hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]}.json"

    def _of_past(self) -> str:
        known = [str(self.repository), self._words()]
        return f"past-{hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]}.json"

    def _words(self) -> list[Any]:
        return [self.command.argv(), sorted(self.command.variables.items()), self.command.folder]

    def _read(self, name: str) -> Any:
        if self.folder is None or not name:
            return None
        try:
            path = self.folder / name
            found = json.loads(path.read_text(encoding="utf-8"))
            os.utime(path)  # what is used stays
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, name: str, plain: Any) -> None:
        if self.folder is None or not name:
            return
        with contextlib.suppress(OSError):  # a memory that cannot be kept costs time and nothing else
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, beside = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".tmp")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(plain, file)
            Path(beside).replace(self.folder / name)
            entries = sorted(self.folder.glob("*-*.json"), key=lambda path: path.stat().st_mtime)
            for old in entries[:-_MOST_ENTRIES]:
                old.unlink(missing_ok=True)


def _plain(run: Run) -> dict[str, Any]:
    tests = [[test.id, test.outcome, test.phase, test.seconds, test.message] for test in run.tests]
    kept = ("name", "commit", "command", "trouble", "seconds", "network", "sandbox", "versions", "plugins")
    return {**{name: getattr(run, name) for name in kept}, "tests": tests}


def _run(plain: dict[str, Any]) -> Run:
    tests = tuple(
        TestResult(id_, outcome, phase, seconds, said) for id_, outcome, phase, seconds, said in plain["tests"]
    )
    lists = {name: tuple(plain[name]) for name in ("command", "plugins")}
    note = "remembered from an earlier run on the same commit, with the same packages"
    return Run(**{**plain, **lists, "tests": tests, "note": note})
