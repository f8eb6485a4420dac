"""Runs a repository's tests once, on one clean tree, with everything recorded outside of it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from capture.conf import DISABLED_VARIABLE
from workbench.evidence import results
from workbench.evidence.command import TestCommand
from workbench.evidence.report import Run

PLUGIN = Path(__file__).parent / "plugin" / "workbench_evidence_plugin.py"

# Everything else stays behind: tokens, passwords, and settings that would change what the tests do.
PASSED_ON: tuple[str, ...] = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DJANGO_SETTINGS_MODULE")

# Says in the environment of the tests which process runs them, by pid and start: when that one is killed, they would
# go on without a time limit, and whoever finds it dead can end them.
RUNNER_MARK = "WORKBENCH_EVIDENCE_RUNNER"
# Names the one run, by its folder, so that what detached itself from it is found when it is over.
_RUN_MARK = "WORKBENCH_EVIDENCE_RUN"
_STRAYS_SECONDS = 5


@dataclass(frozen=True)
class Runner:
    """How tests are run: the command, its time limit, and which checkout must not be imported by mistake.

    `watched` are the modules that the agent changed: they have to come from the tree under test.
    """

    command: TestCommand
    timeout: int
    repository: Path
    workdir: Path
    watched: tuple[str, ...] = ()

    def run(self, name: str, commit: str, tree: Path, only: Sequence[str] = ()) -> Run:
        """Run the tests of `tree`, or those of the files `only`, and return what came out."""
        # What the tests left in it is not worth losing their results for.
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.workdir, ignore_cleanup_errors=True) as folder:
            begun = time.monotonic()
            run = self._run(Run(name, commit), tree, Path(folder), tuple(only))
            return replace(run, seconds=round(time.monotonic() - begun, 2))

    def _run(self, run: Run, tree: Path, folder: Path, only: tuple[str, ...]) -> Run:
        key = secrets.token_hex(32)
        spec = {
            "key": key,
            "results": str(folder / "results.jsonl"),
            "root": os.path.realpath(tree),
            "repository": os.path.realpath(self.repository),
            "only": only,
            "watched": self.watched,
        }
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        junit = folder / "junit.xml"
        argv = self.command.argv(
            *("-p", PLUGIN.stem, "-p", "no:cacheprovider", f"--rootdir={tree}", f"--junitxml={junit}"),
            *("--maxfail=0", "--continue-on-collection-errors"),
            *(f"./{path}" for path in only),  # a name that begins with a dash is no option
        )
        # Shown as it can be typed in a checkout: without what only serves the recording.
        run = replace(run, command=self.command.argv(*only))
        output = folder / "output.txt"
        try:
            exit_code = _execute(argv, tree, self._environment(tree, folder), output, self.timeout)
        except OSError as error:
            return replace(run, trouble="infrastructure", note=f"{argv[0]} cannot be started: {error.strerror}")
        if exit_code is None:
            return replace(run, trouble="infrastructure", note=f"ended by us after {self.timeout} seconds")
        if exit_code < 0:
            return replace(run, trouble="infrastructure", note=f"ended by signal {signal.Signals(-exit_code).name}")
        found = results.read(folder / "results.jsonl", junit, key, exit_code)
        if found is None:
            return replace(run, trouble="infrastructure", note=_why_not_started(output, exit_code))
        return replace(run, tests=found.tests, trouble=found.trouble, note=found.note)

    def _environment(self, tree: Path, folder: Path) -> Mapping[str, str]:
        home = folder / "home"
        home.mkdir()
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        roots = [tree, tree / "src"] if (tree / "src").is_dir() else [tree]
        roots += [tree / part for part in self.command.variables.get("PYTHONPATH", "").split(os.pathsep) if part]
        return {
            **passed_on,
            "HOME": str(home),
            "TMPDIR": str(home),
            "TZ": "UTC",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
            DISABLED_VARIABLE: "1",  # what fails in here is no bug of production
            **self.command.variables,
            # The tree comes first, so that an editable install of the checkout cannot take its place.
            "PYTHONPATH": os.pathsep.join(map(str, [*roots, PLUGIN.parent])),
            "WORKBENCH_EVIDENCE_SPEC": str(folder / "spec.json"),
            _RUN_MARK: str(folder),
            RUNNER_MARK: f"{os.getpid()} {psutil.Process().create_time()}",
        }


def _execute(argv: Sequence[str], tree: Path, environment: Mapping[str, str], output: Path, timeout: int) -> int | None:
    """Return the exit code, or None when the time was up. No process of the run is left behind."""
    with output.open("wb") as sink:
        process = subprocess.Popen(
            argv, cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_group(process)
            _end_strays(environment[_RUN_MARK])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_strays(run: str) -> None:
    """End what left the group of a run and still carries the run's mark: a server that a test detached."""
    strays = [process for process in psutil.process_iter() if _run_of(process) == run]
    for process in strays:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(strays, timeout=_STRAYS_SECONDS)


def _run_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_RUN_MARK)
    except (psutil.Error, OSError):  # it is gone, or somebody else's
        return None


def _why_not_started(output: Path, exit_code: int) -> str:
    """Return why pytest ended before its first word, from the last lines that it printed."""
    printed = output.read_bytes()[-4000:].decode("utf-8", "replace")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    if lines and lines[-1].endswith("No module named pytest"):
        return "pytest is not installed for the interpreter that runs the tests"
    told = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "nothing was printed")
    return f"pytest did not start (exit code {exit_code}): {told[:300]}"
