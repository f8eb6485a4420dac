"""Runners as processes: started so that they outlive us, and recognised again by pid and start time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from workbench.ended import runs, still_running
from workbench.errors import OutsideError, Refused

GRACE_SECONDS = 5.0
# Start times are told from the time of booting, in whole seconds, which moves when the clock is set or rounded anew.
SLACK_SECONDS = 10.0

# Starts the runner in a session of its own and goes away, so that the runner belongs to no terminal and no parent.
_DETACH = """
import os, subprocess, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
runner = subprocess.Popen(sys.argv[2:], stdout=log, stderr=log, start_new_session=True, cwd="/")
print(runner.pid, flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid. `started` is in seconds since 1970."""

    pid: int
    started: float

    @property
    def is_alive(self) -> bool:
        """True while the process runs; a dead one that nobody has collected is not alive."""
        try:
            return self.is_start(psutil.Process(self.pid).create_time()) and runs(self.pid)
        except psutil.NoSuchProcess:
            return False

    @property
    def is_above_us(self) -> bool:
        """True where this very process was begun by that one, over any number of others, and that one still runs."""
        if not self.is_alive:
            return False
        return os.getsid(0) == self.pid or any(parent.pid == self.pid for parent in psutil.Process().parents())

    def is_start(self, started: float) -> bool:
        """Say whether `started` is when this process was started, as far as that can be told."""
        return abs(started - self.started) < SLACK_SECONDS


def holder(variables: Sequence[str]) -> Identity:
    """Return the nearest process above us that was begun without any of these variables in its environment.

    What an agent runs has the agent's variables, and the agent itself has not: so it is the agent, and the shell of a
    person where there is none. Where every one has them, it is the topmost.
    """
    above = psutil.Process().parents()
    for process in above:
        try:
            if not process.environ().keys() & set(variables):
                return Identity(process.pid, process.create_time())
        except (psutil.Error, OSError):
            continue  # it is gone, or somebody else's
    return Identity(above[-1].pid, above[-1].create_time())


class Detached:
    """A detached process that waits on its standard input for the word to begin.

    Leaving the `with` block without `begin` ends its input, on which it goes away having done nothing.
    """

    def __init__(self, argv: Sequence[str], *, environ: Mapping[str, str], log: Path) -> None:
        try:
            self._starter = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _DETACH, str(log), *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # the terminal may be showing a screen
                env=dict(environ),
            )
        except OSError as error:
            raise OutsideError(
                f"The runner cannot be started: {error}.", cure="Look at the machine's limits."
            ) from error
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._input = self._starter.stdin
        with self._starter.stdout as said:
            pid = said.readline()
        self._starter.wait()
        try:
            self.identity = Identity(int(pid), psutil.Process(int(pid)).create_time())
        except (ValueError, psutil.NoSuchProcess) as error:
            self._input.close()
            raise OutsideError("The runner ended as it began.", cure=f"See {log}.") from error

    def begin(self, word: bytes) -> None:
        """Give the process its input; from here on it is on its own."""
        try:
            self._input.write(word)
            self._input.close()
        except BrokenPipeError as error:
            raise OutsideError("The runner ended as it began.", cure="See runner.log of the session.") from error

    def __enter__(self) -> Detached:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BrokenPipeError):  # it is gone already, which is what closing is for
            self._input.close()


def end_leftovers(runner: Identity, *, mark: str) -> int:
    """End what a dead runner left running, and return how many processes that were.

    These are the processes in its session, and those outside of it whose variable `mark` names the runner: by its pid
    and its start, with a space between them.
    """
    if runner.is_alive:
        return 0
    # While a process of its session lives, the kernel gives the runner's pid to nobody else.
    is_reused = runs(runner.pid)
    left = [
        process
        for process in psutil.process_iter()
        if process.pid != runner.pid
        and ((not is_reused and _session_of(process.pid) == runner.pid) or _names(_variable(process, mark), runner))
    ]
    _end(left)
    return len(left)


def end_ours(*, mark: str) -> int:
    """End what this process, a detached one, has left running beside it, and return how many processes that was.

    A killed child leaves its own children to nobody. They are in our session, or `mark` names us as in `end_leftovers`.
    """
    if os.getsid(0) != os.getpid():
        return 0
    us = identity_of_us()
    left = [
        process
        for process in psutil.process_iter()
        if process.pid != us.pid and (_session_of(process.pid) == us.pid or _names(_variable(process, mark), us))
    ]
    _end(left)
    return len(left)


def identity_of_us() -> Identity:
    """Return the identity of this process."""
    return Identity(os.getpid(), psutil.Process().create_time())


def marked(mark: str, runner: Identity | None = None) -> dict[str, str]:
    """Return the variable that names a runner to `end_leftovers` and `end_ours` in whatever is started with it.

    None stands for this process.
    """
    named = runner or identity_of_us()
    return {mark: f"{named.pid} {named.started}"}


def children() -> frozenset[int]:
    """Return the process ids of this process's children."""
    return frozenset(child.pid for child in psutil.Process().children())


def end_children(of: int, *, but: Collection[int] = ()) -> None:
    """End every process below the process `of`, except for its children `but`, which somebody else began."""
    own = [child for child in psutil.Process(of).children() if child.pid not in but]
    below: list[psutil.Process] = []
    for child in own:
        with suppress(psutil.NoSuchProcess):
            below += child.children(recursive=True)
    _end([*own, *below])


def end_with_children(of: Identity) -> None:
    """End a process that is not ours, and every one below it. Raises `Refused` where it is somebody else's."""
    if not of.is_alive:
        return
    try:
        top = psutil.Process(of.pid)
        below = top.children(recursive=True)
        _end([top])  # first, so that it may still write down what it has
        _end([process for process in below if process.is_running()])
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise Refused(f"Process {of.pid} belongs to another user.", cure="Ask them to end it.") from error


def _end(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        _signal(process, kill=False)
    for process in still_running(processes, GRACE_SECONDS):
        _signal(process, kill=True)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill() if kill else process.terminate()


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return process.environ().get(name, "")
    except (psutil.Error, OSError):  # it is gone, or somebody else's
        return ""


def _names(mark: str, runner: Identity) -> bool:
    try:
        pid, started = mark.split(" ")
        return int(pid) == runner.pid and runner.is_start(float(started))
    except ValueError:
        return False
