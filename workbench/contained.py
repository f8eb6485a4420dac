"""A command in a sandbox of bubblewrap, for code that an agent wrote and we start ourselves: runs of tests.

It writes only where it is told to and in temporary folders of its own. It sees no home but what its interpreter runs
from, and no sockets of the user's; what it starts ends with it. Without the network it has a loopback of its own.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# Says in the environment of what an agent and our runs of tests start which runner they belong to, by pid and start:
# when that one is killed they would go on without a time limit, and whoever finds it dead can end them.
RUNNER_MARK = "WORKBENCH_EVIDENCE_RUNNER"
_TRIAL_SECONDS = 10
_BASE = (
    "--die-with-parent",
    "--unshare-pid",
    "--unshare-ipc",
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
)
# What of a checkout is not for the code of an agent, though the rest of it may be read.
_SECRET = (".env", ".env.*", "*.pem", "*.key", ".netrc", ".pypirc", ".npmrc", ".pgpass")
# Doors to more rights than the tests have. With a network, services may listen in /run all the same.
_DOORS = ("docker.sock", "podman", "containerd", "user", "dbus", "keyring")
_SERVICES = ("/tmp/.s.PGSQL.*", "/tmp/mysql*.sock")  # noqa: S108 - they are looked for there, and nothing is written


@dataclass(frozen=True)
class Sandbox:
    """What one command may do: `writable` to write, `readable` to see though it lies in a home or in /tmp."""

    writable: tuple[Path, ...]
    readable: tuple[Path, ...] = ()
    homes: tuple[Path, ...] = ()
    network: bool = False

    def wrap(self, argv: Sequence[str], folder: Path) -> tuple[str, ...]:
        """Return `argv` as a command that runs in this sandbox, in `folder`."""
        words = [*_BASE, *(() if self.network else ("--unshare-net",))]
        for place in (*self.homes, Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - the sandbox's own, in memory
            if place.is_dir() and not place.is_symlink():
                words += ["--tmpfs", str(place)]
        words += self._sockets()
        for path in _outermost(self.readable):
            words += ["--ro-bind", str(path), str(path)]
            words += [word for secret in _secrets(path) for word in ("--ro-bind", "/dev/null", str(secret))]
        for path in _outermost(self.writable):
            words += ["--bind", str(path), str(path)]
        return (_program() or "bwrap", *words, "--chdir", str(folder), "--", *argv)

    def _sockets(self) -> list[str]:
        run = Path("/run")
        if not self.network:
            return ["--tmpfs", str(run)] if run.is_dir() else []
        words: list[str] = []
        for path in (run / name for name in _DOORS):
            if path.is_dir():
                words += ["--tmpfs", str(path)]
            elif path.exists():
                words += ["--ro-bind", "/dev/null", str(path)]
        for pattern in _SERVICES:
            for path in Path("/").glob(pattern.lstrip("/")):
                words += ["--bind", str(path), str(path)]
        return words


def homes(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the user's homes: the one that is set, and the one that the system knows."""
    found = [environ["HOME"]] if environ.get("HOME") else []
    with suppress(KeyError):  # a user without an entry, in a container
        found.append(pwd.getpwuid(os.getuid()).pw_dir)
    return tuple(path for path in dict.fromkeys(map(Path, found)) if path != Path("/") and path.is_absolute())


def why_not() -> str:
    """Return why commands cannot be contained on this machine, or an empty string where one was."""
    if not sys.platform.startswith("linux"):
        return f"there is no bubblewrap on {sys.platform}"
    program = _program()
    return _tried(program) if program else "bubblewrap is missing"


def exit_code(status: int) -> int:
    """Return how the contained command ended, by the status of the sandbox: below 0 for a signal."""
    by_signal = status - 128
    return -by_signal if 0 < by_signal < signal.NSIG else status


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the contained command as a person would; the sandbox around it would take it down at once."""
    with suppress(psutil.NoSuchProcess):
        for each in psutil.Process(process.pid).children(recursive=True):
            if each.name() != "bwrap":
                each.send_signal(signal.SIGINT)
                return
    process.send_signal(signal.SIGINT)


def _program() -> str | None:
    return shutil.which("bwrap")


@functools.lru_cache(maxsize=4)
def _tried(program: str) -> str:
    try:
        ran = subprocess.run(
            [program, *_BASE, "--unshare-net", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap does not start: {error}"
    said = " ".join(ran.stderr.decode("utf-8", "replace").split())[:200]
    return f"bubblewrap cannot contain a command here: {said or ran.returncode}" if ran.returncode else ""


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that exist, their links resolved, each once; those above others come before them."""
    return sorted({Path(os.path.realpath(path)) for path in paths if path.exists()} - {Path("/")})


def _secrets(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = {path for pattern in _SECRET for path in folder.glob(pattern) if path.is_file() and not path.is_symlink()}
    return sorted(path for path in found if not path.name.endswith((".example", ".sample", ".template")))
