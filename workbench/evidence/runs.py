"""Runs a repository's tests once, on one clean tree, with everything recorded outside of it."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from capture.conf import DISABLED_VARIABLE
from workbench import contained
from workbench.ended import still_running
from workbench.evidence import results
from workbench.evidence.channel import Channel, Count
from workbench.evidence.interpreters import Interpreter
from workbench.evidence.report import Run
from workbench.suite import TestCommand

PLUGIN = Path(__file__).parent / "plugin" / "workbench_evidence_plugin.py"
_LAUNCHER = PLUGIN.with_name("workbench_evidence_launch.py")

# Everything else stays behind: tokens, passwords, and settings that would change what the tests do.
PASSED_ON: tuple[str, ...] = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DJANGO_SETTINGS_MODULE")

# Names the one run, by its folder, so that what detached itself from it is found when it is over.
_RUN_MARK = "WORKBENCH_EVIDENCE_RUN"
_STRAYS_SECONDS = 5
# What a run that is told to stop gets to take its databases down.
_GRACE_SECONDS = 5
# How often a run looks whether it is to be ended.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Runner:
    """How tests are run: the command, its time limit, and which checkout must not be imported by mistake.

    `watched` are the modules that the agent changed: they have to come from the tree under test. `network` says
    whether the tests keep the machine's; without it they have a loopback of their own, where the machine can. `over`
    ends a run from another thread.
    """

    command: TestCommand
    timeout: int
    repository: Path
    workdir: Path
    watched: tuple[str, ...] = ()
    network: bool = True
    count: Count = lambda _done, _total: None
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, name: str, commit: str, tree: Path, only: Sequence[str] = ()) -> Run:
        """Run the tests of `tree`, or those of the files `only`, and return what came out."""
        # What the tests left in it is not worth losing their results for.
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.workdir, ignore_cleanup_errors=True) as folder:
            begun = time.monotonic()
            run = self._run(Run(name, commit), tree, Path(folder), tuple(only))
            return replace(run, seconds=round(time.monotonic() - begun, 2))

    def _run(self, run: Run, tree: Path, folder: Path, only: tuple[str, ...]) -> Run:
        why_not = contained.why_not()
        spec = {
            "root": os.path.realpath(tree),
            "repository": os.path.realpath(self.repository),
            "only": only,
            "watched": self.watched,
            "testrunner": self.command.testrunner,
            "takes_labels": self.command.takes_labels,
            "network": "on" if self.network else "off" if why_not else "apart",
            "suffix": f"_wb{secrets.token_hex(4)}",
        }
        output, junit = folder / "output.txt", folder / "junit.xml"
        # Shown as it can be typed in a checkout: without what only serves the recording.
        run = replace(run, command=self.command.argv(*(only if self.command.kind == "pytest" else ())))
        argv = self.command.launched(_LAUNCHER, *self._options(tree, junit, only))
        place = tree / self.command.folder
        run = replace(run, sandbox=f"none: {why_not}" if why_not else "on")
        if not why_not and os.access(argv[0], os.X_OK):  # what is missing is told of as everywhere
            argv = self._sandbox(tree, folder).wrap(argv, place)
        try:
            with Channel.open(spec, self.count) as channel:
                environment = {**self._environment(tree, folder), "WORKBENCH_EVIDENCE_SPEC": str(channel.orders)}
                exit_code = _execute(argv, place, environment, output, self.timeout, channel, self.over)
        except OSError as error:
            return replace(run, trouble="infrastructure", note=f"{argv[0]} cannot be started: {error.strerror}")
        if exit_code is None:
            return replace(run, trouble="infrastructure", note=f"ended by us after {self.timeout} seconds")
        exit_code = exit_code if why_not else contained.exit_code(exit_code)
        if exit_code < 0:
            return replace(run, trouble="infrastructure", note=f"ended by signal {signal.Signals(-exit_code).name}")
        second: results.Reporter = functools.partial(results.junit, junit)
        if self.command.kind == "django":
            second = functools.partial(results.summary, output)
        found = results.read(channel.told(), exit_code, second)
        if found is None:
            return replace(run, trouble="infrastructure", note=_why_not_started(output, exit_code, self.command))
        return replace(
            run,
            command=(*run.command, *found.labels),
            tests=found.tests,
            trouble=found.trouble,
            note=found.note,
            network=found.network,
            versions=found.versions,
            plugins=found.plugins,
        )

    def _sandbox(self, tree: Path, folder: Path) -> contained.Sandbox:
        """Return what this run may do: write to its tree and its own folder, and read what it runs from."""
        interpreter = Path(self.command.python)
        real = Path(os.path.realpath(interpreter))
        imported = [Path(path) for path in Interpreter.of(self.command.python).path]
        # What the person's own command names is meant to be read.
        said = [os.environ.get("LD_LIBRARY_PATH", ""), *self.command.variables.values(), *self.command.arguments]
        beside = [Path(part) for each in said for part in each.split(os.pathsep) if part.startswith("/")]
        return contained.Sandbox(
            writable=(tree, folder),
            readable=(
                *(self.repository, _git_folder(tree), interpreter.parent.parent, real.parent.parent, PLUGIN.parent),
                *(*imported, *beside),
            ),
            homes=contained.homes(os.environ),
            network=self.network,
        )

    def _options(self, tree: Path, junit: Path, only: tuple[str, ...]) -> tuple[str, ...]:
        if self.command.kind == "pytest":
            above = [".."] * len(Path(self.command.folder).parts)
            return (
                *("-p", PLUGIN.stem, "-p", "no:cacheprovider", f"--rootdir={tree}", f"--junitxml={junit}"),
                *("--maxfail=0", "--continue-on-collection-errors"),
                *("/".join([*(above or ["."]), path]) for path in only),  # a name that begins with a dash is no option
            )
        if self.command.takes_labels:
            return ("--testrunner=workbench_evidence_django.Runner", "--noinput")
        return ()  # a script asks Django for its runner, and gets ours

    def _environment(self, tree: Path, folder: Path) -> Mapping[str, str]:
        home = folder / "home"
        home.mkdir()
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        roots = [tree, tree / "src"] if (tree / "src").is_dir() else [tree]
        if self.command.folder:
            roots.insert(0, tree / self.command.folder)
        # An editable install of the checkout names folders of the checkout: here it means the same ones of the tree.
        roots += [tree / path for path in Interpreter.of(self.command.python).folders_of(self.repository)]
        named = self.command.variables.get("PYTHONPATH", "").split(os.pathsep)
        roots += [tree / self.command.folder / part for part in named if part]
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
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, [*roots, PLUGIN.parent]))),
            _RUN_MARK: str(folder),
            contained.RUNNER_MARK: f"{os.getpid()} {psutil.Process().create_time()}",
        }


def _execute(
    argv: Sequence[str],
    tree: Path,
    environment: Mapping[str, str],
    output: Path,
    timeout: int,
    channel: Channel,
    over: threading.Event,
) -> int | None:
    """Return the exit code, or None when the time was up. No process of the run is left behind."""
    with output.open("wb") as sink:
        process = subprocess.Popen(
            argv,
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            pass_fds=channel.passed_on,
        )
        channel.started()
        try:
            return _waited(process, timeout, over)
        except subprocess.TimeoutExpired:
            _ask_to_end(process)
            return None
        finally:
            _end_group(process)
            _end_strays(environment[_RUN_MARK])


def _waited(process: subprocess.Popen[bytes], timeout: int, over: threading.Event) -> int:
    """Return the exit code. Raises `TimeoutExpired` when the time is up, and ends what is `over` before."""
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            return process.wait(max(0.0, min(left, _LOOK_SECONDS)))
        except subprocess.TimeoutExpired:
            if over.is_set():
                _end_group(process)
            elif left <= 0:
                raise


def _git_folder(tree: Path) -> Path:
    """Return where the git data of a worktree is: reading it is part of many a test."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        pointer = Path((tree / ".git").read_text(encoding="utf-8").removeprefix("gitdir:").strip())
        if pointer.is_absolute() and pointer.parent.name == "worktrees":
            return pointer.parent.parent
    return tree


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the tests as a person would, so that they take their databases down."""
    contained.interrupt(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)


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
    still_running(strays, _STRAYS_SECONDS)


def _run_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_RUN_MARK)
    except (psutil.Error, OSError):  # it is gone, or somebody else's
        return None


_RUNS_PYTEST = re.compile(r"^=+ (test session starts|short test summary info) =+$", re.MULTILINE)
_RAN_TESTS = re.compile(r"^Ran \d+ tests? in ", re.MULTILINE)
_MISSING: Mapping[str, Callable[[str], bool]] = {
    "pytest": lambda line: line.endswith("No module named pytest"),
    "django": lambda line: line.endswith(("No module named django", "No module named 'django'")),
}


def _why_not_started(output: Path, exit_code: int, command: TestCommand) -> str:
    """Return why the runner ended before its first word, from the last lines that it printed."""
    printed = output.read_bytes()[-4000:].decode("utf-8", "replace")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    kind = command.kind
    if lines and _MISSING[kind](lines[-1]):
        return f"{kind.replace('d', 'D')} is not installed for the interpreter that runs the tests"
    told = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "nothing was printed")
    if kind == "django" and _RUNS_PYTEST.search(printed):
        return f"`{' '.join(command.program)}` calls pytest: set tests.command to `python -m pytest`"
    # 5 is unittest's own from Python 3.12 on: no test was run.
    if kind == "django" and not command.takes_labels and exit_code in (0, 1, 5) and _RAN_TESTS.search(printed):
        return (
            f"`{' '.join(command.program)}` ran tests without asking Django for its runner in its own process: set"
            " tests.command to what it starts, such as `python -m django test --settings=…`"
        )
    name = "pytest" if kind == "pytest" else "Django's test runner"
    return f"{name} did not start (exit code {exit_code}): {told[:300]}"
