"""Commands of the user's own around a worktree: one that makes it ready, one before it goes. No shell, a time limit.

They run the user's code, not the agent's: the setup before an agent has written anything, the teardown from the
checkout.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from workbench.errors import ConfigurationError, OutsideError
from workbench.sessions.visible import visible

_LOOK_SECONDS = 0.5
_SHOWN_LINES = 40
_SHOWN_CHARACTERS = 4000


class ChoreFailed(OutsideError):
    """A command around a worktree failed."""


def words_of(command: str, setting: str) -> list[str]:
    """Return a command as an argv. Raises `ConfigurationError` that names the setting."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(
            f"{setting} = {command!r} is not a command: {error}.", cure=f"Mend {setting}, or leave it empty."
        ) from error
    if not words:
        raise ConfigurationError(f"{setting} = {command!r} is empty.", cure=f"Give {setting} a command, or nothing.")
    return words


def run(
    setting: str,
    command: str,
    *,
    folder: Path,
    environ: Mapping[str, str],
    log: Path,
    seconds: float,
    tick: Callable[[float], None] = lambda _: None,
) -> None:
    """Run the command of a setting in `folder`, its output in the file `log`.

    `tick` hears every half second how many seconds it has taken. Raises `ChoreFailed` where it does not start, does
    not end in time, or ends with an error; nothing that it started is left then.
    """
    words = words_of(command, setting)
    begun = time.monotonic()
    with log.open("wb") as sink:
        sink.write(f"$ {shlex.join(words)}\n".encode())
        sink.flush()
        try:
            # A group of its own and no session of its own: a dead runner's leftovers are found by its session.
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                process_group=0,
            )
        except OSError as error:
            raise ChoreFailed(
                f"{setting} cannot be started: {words[0]}: {error.strerror}.", cure=f"Mend {setting}, or install it."
            ) from error
        try:
            while (status := _status(process)) is None:
                taken = time.monotonic() - begun
                if taken > seconds:
                    raise ChoreFailed(
                        f"{setting} was ended after {seconds:g} seconds.",
                        cure=f"Raise worktree.timeout, or see what it waits for: {log}",
                    )
                tick(taken)
        finally:
            _end_group(process)
    if status:
        how = f"exit code {status}" if status > 0 else f"signal {signal.Signals(-status).name}"
        raise ChoreFailed(f"{setting} failed ({how}).", cure=f"Its output is in {log}. Mend it and try again.")


def tail(log: Path) -> str:
    """Return the end of a log, ready to be shown."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4 * _SHOWN_CHARACTERS))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(visible(line, 300) for line in lines[-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:]


def _status(process: subprocess.Popen[bytes]) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_LOOK_SECONDS)
    return None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nothing of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
