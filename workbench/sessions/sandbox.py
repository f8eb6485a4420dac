"""The sandbox around an agent's commands: Claude Code's own, on bubblewrap and socat, or on Seatbelt on a Mac.

A command in it writes only into the worktree and a temporary folder of its own. It sees no home but what Python needs
of it, no checkout but git's data, no other session and no database, and it has no network at all: the model is talked
to by the client, outside. A sandbox that cannot start ends the session; nothing runs outside of it instead.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.ended import runs
from workbench.sessions.environment import ASSIGNMENT, KEYS

# What the client listens at for the bridges of its sandbox, named after its process; killed, it leaves that behind.
_SOCKET = re.compile(r"srt-mux-(\d+)-\d+\.sock")

TIMEOUT_SECONDS = 10
_TRIAL: tuple[str, ...] = (
    "bwrap",
    "--new-session",
    "--die-with-parent",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
)
_TRIAL += ("--unshare-net", "--unshare-pid", "true")
_SEATBELT = ("sandbox-exec", "-p", "(version 1)(allow default)", "/usr/bin/true")
# Never the agent's to write, though they are in its worktree.
_LOCKED = (".git", ".claude", ".mcp.json")
# What the client mounts over so that commands cannot make it. Killed in the middle, it leaves these behind, empty.
PLACEHOLDERS = (
    *(".bash_profile", ".bashrc", ".gitconfig", ".gitmodules", ".idea", ".mcp.json", ".profile", ".ripgreprc"),
    *(".vscode", ".zprofile", ".zshrc"),
)


@dataclass(frozen=True)
class NoSandbox:
    """Why commands cannot be contained on this machine, and what to do about it."""

    reason: str
    cure: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Box:
    """What one session's commands may see and do; everything that is not named is read-only.

    `hidden` is not there at all, but for what `shown` names below it. `secrets` are variables that are taken out.
    """

    worktree: Path
    hidden: tuple[Path, ...]
    shown: tuple[Path, ...]
    unwritable: tuple[Path, ...]
    secrets: tuple[str, ...] = tuple(sorted(KEYS))

    def as_settings(self) -> dict[str, Any]:
        """Return it as Claude Code's setting `sandbox`."""
        return {
            "enabled": True,
            "failIfUnavailable": True,
            "allowUnsandboxedCommands": False,
            "autoAllowBashIfSandboxed": False,  # the guard decides, as without a sandbox
            "filesystem": {
                "denyRead": [str(path) for path in self.hidden],
                "allowRead": [str(path) for path in self.shown],
                "denyWrite": [str(path) for path in self.unwritable],
            },
            "credentials": {"envVars": [{"name": name, "mode": "deny"} for name in self.secrets]},
            "network": {"allowedDomains": [], "strictAllowlist": True},
        }

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        lists = {name: [str(path) for path in getattr(self, name)] for name in ("hidden", "shown", "unwritable")}
        return {"worktree": str(self.worktree), **lists, "secrets": list(self.secrets)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Box:
        """Return what `as_dict` gave."""
        hidden, shown, unwritable = (
            tuple(Path(path) for path in plain[name]) for name in ("hidden", "shown", "unwritable")
        )
        return cls(Path(plain["worktree"]), hidden, shown, unwritable, tuple(plain["secrets"]))


def box(
    worktree: Path,
    *,
    event_file: Path,
    homes: Sequence[Path],
    checkout: Path,
    git_dir: Path,
    state_dir: Path,
    database_url: str,
    tests: Sequence[str],
    given: Sequence[Path] = (),
) -> Box:
    """Return the sandbox of one session. `tests` is the command that runs the tests, `given` what else it may read."""
    hidden = [*homes, checkout, state_dir, *_database_files(database_url)]
    shown = [worktree, event_file, *given, git_dir, *interpreters(tests)]
    outside = [path for path in hidden if not any(_is_same(path, each) for each in shown)]
    locked = [*(worktree / name for name in _LOCKED), git_dir]
    return Box(worktree, _existing(outside), _existing(shown), tuple(dict.fromkeys(locked)))


def trouble(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> NoSandbox | None:
    """Return why there is no sandbox on this machine, or None where one was made and worked."""
    path = (os.environ if environ is None else environ).get("PATH", os.defpath)
    if platform == "darwin":
        return _tried(_SEATBELT, path, "sandbox-exec is part of macOS: see why `sandbox-exec -p` fails here.")
    if not platform.startswith("linux"):
        return NoSandbox(f"Claude Code has no sandbox on {platform}", "Run the workbench in Linux, WSL 2 or macOS.")
    missing = [
        package
        for program, package in (("bwrap", "bubblewrap"), ("socat", "socat"))
        if shutil.which(program, path=path) is None
    ]
    if missing:
        names = " and ".join(missing)
        are = "is" if len(missing) == 1 else "are"
        return NoSandbox(f"{names} {are} missing", f"Install {names}. {_installer(path)} {' '.join(missing)}")
    return _tried(
        _TRIAL,
        path,
        "Let users make namespaces (Ubuntu 24.04: an AppArmor profile for bwrap; in a container: allow user namespaces,"
        " for Docker --security-opt seccomp=unconfined), then see: workbench doctor",
    )


def homes_of(environ: Mapping[str, str]) -> list[Path]:
    """Return the user's homes: the one that is set, and the one that the system knows."""
    found = [environ["HOME"]] if environ.get("HOME") else []
    with suppress(KeyError):  # a user without an entry, in a container
        found.append(pwd.getpwuid(os.getuid()).pw_dir)
    return [path for path in dict.fromkeys(map(Path, found)) if path != Path("/")]


def interpreters(tests: Sequence[str]) -> list[Path]:
    """Return the folders that the interpreters of the workbench and of the tests run from."""
    program = next((word for word in tests if not ASSIGNMENT.match(word)), sys.executable)
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    environment = Path(program).parent.parent
    if (environment / "pyvenv.cfg").exists():
        found.append(environment)
        # Its `python` is a link into the installation that it was made from.
        found.append(Path(os.path.realpath(program)).parent.parent)
    return [path for path in dict.fromkeys(found) if path != Path("/")]


def clear_placeholders(worktree: Path, kept: Iterable[str] = ()) -> None:
    """Take out the empty files that a killed client left; `kept` are names that the repository has."""
    for name in set(PLACEHOLDERS) - set(kept):
        path = worktree / name
        with suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_size == 0:
                path.unlink()


def clear_sockets() -> None:
    """Take away the sockets that killed clients left: named after a process that is gone, and nobody listens there."""
    for path in Path(tempfile.gettempdir()).glob("srt-mux-*.sock"):
        named = _SOCKET.fullmatch(path.name)
        with suppress(OSError):
            if named and path.is_socket() and not runs(int(named[1])) and _is_deaf(path):
                path.unlink()


def _is_deaf(path: Path) -> bool:
    # A process of another namespace has a pid that is none here.
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def _tried(command: Sequence[str], path: str, cure: str) -> NoSandbox | None:
    program = shutil.which(command[0], path=path)
    if program is None:
        return NoSandbox(f"{command[0]} is missing", cure)
    try:
        ran = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            env={"PATH": path},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return NoSandbox(f"{command[0]} does not start: {error}", cure)
    if ran.returncode:
        said = " ".join(ran.stderr.split())[:200] or f"exit code {ran.returncode}"
        return NoSandbox(f"{command[0]} cannot contain a command here: {said}", cure)
    return None


def _installer(path: str) -> str:
    known = {"apt-get": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S", "zypper": "zypper install"}
    known |= {"apk": "apk add", "yum": "yum install"}
    return next(
        (f"sudo {words}" for name, words in known.items() if shutil.which(name, path=path)), "your package manager:"
    )


def _database_files(url: str) -> list[Path]:
    scheme, separator, path = url.partition(":///")
    if not scheme.startswith("sqlite") or not separator or not path or path.startswith(":"):
        return []
    return [Path(f"{path}{end}") for end in ("", "-wal", "-shm", "-journal")]


def _existing(paths: Iterable[Path]) -> tuple[Path, ...]:
    # Links resolved, since a mount over a link would leave the other name open.
    return tuple(dict.fromkeys(Path(os.path.realpath(path)) for path in paths if path.exists()))


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
