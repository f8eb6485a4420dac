"""Which environment variables a runner and its agent get: those named here, and no others.

The agent inherits the runner's environment, and its shell commands inherit the agent's. So the runner starts with
as little as works: no database URL, no GitHub token, no secret of the site, no ssh agent.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from capture.conf import DISABLED_VARIABLE
from workbench.errors import ConfigurationError
from workbench.suite import NotSupported, TestCommand, folder_of, interpreter

KEPT = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "VIRTUAL_ENV"),
        *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    }
)
# How the user's own Claude Code finds its login and its way out. Not handed to a rehearsal, which needs neither.
KEYS = frozenset({"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"})
CLOUDS = frozenset({"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"})
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})
LOGIN = frozenset(
    {
        *KEYS,
        *CLOUDS,
        *("ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CONFIG_DIR"),
        *("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL"),
        "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        *PROXIES,
        *("AWS_REGION", "AWS_PROFILE", "ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "ANTHROPIC_FOUNDRY_RESOURCE"),
    }
)
# What may hold a secret: never written down anywhere.
SENSITIVE = KEYS | PROXIES | {"ANTHROPIC_CUSTOM_HEADERS"}
# A developer of the workbench measures what the runner executes; the runner takes these out again for the agent.
MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")

QUIET_CLIENT: Mapping[str, str] = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_TERMINAL_TITLE": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_CRON": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    DISABLED_VARIABLE: "1",  # what fails in an agent's test runs is no bug of production
}


def for_client(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the user's own Claude Code gets: the allowed names, those of its login, and our quiet settings."""
    return _allowed(environ, KEPT | LOGIN) | dict(QUIET_CLIENT)


def for_runner(
    environ: Mapping[str, str], *, repo: Path, rehearsal_home: Path | None, folder: str = ""
) -> dict[str, str]:
    """Return the whole environment of a runner; `folder` is that of the project in the repository.

    With `rehearsal_home`, the client has a home of its own there and knows nothing of the user's login.
    """
    measuring = {name: environ[name] for name in MEASURING if name in environ}
    path = search_path(environ, repo, folder)
    if rehearsal_home is None:
        return for_client(environ) | measuring | {"PATH": path}
    home = {"HOME": str(rehearsal_home), "CLAUDE_CONFIG_DIR": str(rehearsal_home / ".claude")}
    return _allowed(environ, KEPT) | dict(QUIET_CLIENT) | measuring | home | {"PATH": path}


def handed_to_runners(environ: Mapping[str, str], *, rehearsal: bool) -> dict[str, str]:
    """Return what of an environment reaches a runner at all."""
    return _allowed(environ, KEPT if rehearsal else KEPT | LOGIN)


def for_chores(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the user's own commands around a worktree get: what a runner gets, without any key of the model.

    An environment that is active in the terminal is not theirs: they make one, or name one.
    """
    return _allowed(environ, (KEPT | PROXIES) - {"VIRTUAL_ENV"}) | {DISABLED_VARIABLE: "1"}


def search_path(environ: Mapping[str, str], repo: Path, folder: str = "") -> str:
    """Return the PATH on which `python` is the interpreter of the tests of a project, which is in `folder` of `repo`.

    That is the own `.venv` of the project or of the repository, or the one we run in, as for the evidence.
    """
    path = environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return f"{Path(interpreter(repo, folder)).parent}:{path}"


def in_front(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the PATH with `folder`, that of a virtual environment's programs, in front of the others."""
    path = environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {"PATH": f"{folder}:{path}", "VIRTUAL_ENV": str(folder.parent)}


def test_command(command: str, environ: Mapping[str, str], repo: Path) -> list[str]:
    """Return the words of the setting `tests.command`, its program as an absolute path.

    Variables that are set in front of the program stay in front. The folder that it runs in is `tests_folder`. What
    evidence cannot run is left as it stands: a session can.
    """
    cure = "Set tests.command to what runs the tests, such as: python -m pytest"
    try:
        found = TestCommand.parse(command, repo)
        words = [*(f"{name}={value}" for name, value in found.variables.items()), *found.argv()]
    except NotSupported:
        try:
            words = folder_of(shlex.split(command))[1]
        except (NotSupported, ValueError) as error:
            raise ConfigurationError(f"tests.command = {command!r} is not a command: {error}.", cure=cure) from error
    variables = list(itertools.takewhile(ASSIGNMENT.match, words))
    words = words[len(variables) :]
    program = shutil.which(words[0], path=search_path(environ, repo)) if words else None
    if program is None:
        raise ConfigurationError(f"tests.command = {command!r}: there is no such program.", cure=cure)
    return [*variables, os.path.abspath(program), *words[1:]]  # noqa: PTH100 - a venv's python is a link to keep


def spelled(words: Sequence[str]) -> str:
    """Return a command as a shell takes it: variables in front stay assignments, whatever they are set to."""
    variables = [word.partition("=") for word in itertools.takewhile(ASSIGNMENT.match, words)]
    assignments = [f"{name}={shlex.quote(value)}" for name, _, value in variables]
    return " ".join([*assignments, *map(shlex.quote, words[len(variables) :])])


def tests_folder(command: str, repo: Path) -> str:
    """Return the folder below the repository that the setting `tests.command` runs in, or an empty string."""
    try:
        return folder_of(shlex.split(command))[0] if command else TestCommand.parse(command, repo).folder
    except (NotSupported, ValueError):
        return ""


def _allowed(environ: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name in names or name.startswith("LC_")}
