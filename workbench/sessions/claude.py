"""Where Claude Code is, whether it can start, and whether it has a login. Its credentials are never read."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from workbench.errors import ConfigurationError, OutsideError
from workbench.sessions import environment

# The first version that keeps a prompt as it is, without expanding `@/path` in it.
OLDEST = (2, 1, 248)
TIMEOUT_SECONDS = 20


def find(cli_path: str, environ: Mapping[str, str] | None = None) -> Path:
    """Return the program to start: the setting `agent.cli_path`, the bundled one, or `claude` on the PATH.

    Raises `ConfigurationError` or `OutsideError` when it is missing, broken or too old.
    """
    environ = os.environ if environ is None else environ
    if cli_path:
        named = shutil.which(os.path.expanduser(cli_path), path=environ.get("PATH"))  # noqa: PTH111
        if named is None:
            raise ConfigurationError(
                f"agent.cli_path = {cli_path!r}: there is no such program.",
                cure="Name your claude, or leave agent.cli_path empty for the one that comes with claude-agent-sdk.",
            )
        _check_version(Path(named), environ)
        return Path(named)
    bundled = _bundled()
    if bundled is not None:
        return bundled
    on_path = shutil.which("claude", path=environ.get("PATH"))
    if on_path is None:
        raise OutsideError(
            "There is no Claude Code here: claude-agent-sdk came without it and there is no claude on the PATH.",
            cure="Install Claude Code, or set agent.cli_path to it.",
        )
    _check_version(Path(on_path), environ)
    return Path(on_path)


def has_login(program: Path, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the user's own Claude Code has a login or a key, by asking it. The answer is kept for a while."""
    allowed = environment.for_client(os.environ if environ is None else environ)
    if not _was_ever_used(allowed):
        return False  # asking would make it write its first files into the user's home
    return _asked_login(program, tuple(sorted(allowed.items())))


@lru_cache(maxsize=8)
def _asked_login(program: Path, allowed: tuple[tuple[str, str], ...]) -> bool:
    try:
        # It prints a JSON object and exits with 1 when there is no login.
        answer = json.loads(_run(program, ["auth", "status"], dict(allowed)).stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return False
    return isinstance(answer, dict) and answer.get("loggedIn") is True


def _was_ever_used(environ: Mapping[str, str]) -> bool:
    if any(name in environ for name in environment.KEYS | environment.CLOUDS):
        return True
    home = Path(environ.get("HOME", "~")).expanduser()
    named = environ.get("CLAUDE_CONFIG_DIR")
    return any(path.exists() for path in ([Path(named)] if named else [home / ".claude", home / ".claude.json"]))


def _bundled() -> Path | None:
    # Found without importing the SDK, which takes more than a second.
    spec = importlib.util.find_spec("claude_agent_sdk")
    for folder in spec.submodule_search_locations or [] if spec else []:
        program = Path(folder, "_bundled", "claude")
        if program.is_file():
            return program
    return None


def _check_version(program: Path, environ: Mapping[str, str]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-claude-") as home:
            allowed = environment.for_client(environ) | {"HOME": home, "CLAUDE_CONFIG_DIR": home}
            ran = _run(program, ["--version"], allowed)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutsideError(f"{program} does not start: {error}.", cure=_cure(program)) from error
    found = re.match(r"(\d+)\.(\d+)\.(\d+) \(Claude Code\)", ran.stdout)
    if ran.returncode or found is None:
        said = (ran.stdout or ran.stderr).strip()[:200]
        raise OutsideError(f"{program} is not a working Claude Code. It said: {said!r}", cure=_cure(program))
    version = tuple(int(number) for number in found.groups())
    if version < OLDEST:
        raise OutsideError(
            f"{program} is Claude Code {found[0].split()[0]}; we need {'.'.join(map(str, OLDEST))} or later.",
            cure="Update it: claude update",
        )


def _cure(program: Path) -> str:
    return f"Run {program} --version yourself, or leave agent.cli_path empty for the one that comes with the SDK."


def _run(program: Path, words: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *words],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
