"""The terminal's configuration: where each value comes from and what it is.

Lowest first: defaults, `[tool.workbench]` of the repository's pyproject.toml, `workbench.toml`, `WORKBENCH_*`
variables, flags. Secrets are never configured here: the GitHub token is looked up when it is used.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from workbench.errors import ConfigurationError


@dataclass(frozen=True)
class Setting:
    """One key: its name in the file, the variable that overrides it, its type and default, and what it is for."""

    key: str
    variable: str
    kind: type
    default: Any
    purpose: str


SETTINGS: tuple[Setting, ...] = (
    Setting("database_url", "WORKBENCH_DATABASE_URL", str, "sqlite:///workbench.db", "the shared database"),
    Setting("repository", "WORKBENCH_REPO", str, ".", "the checkout that bugs are fixed in"),
    Setting(
        "bugs.directory", "WORKBENCH_BUGS_DIRECTORY", str, "bugs", "where bug files are written, below the repository"
    ),
    Setting(
        "github.repository", "WORKBENCH_GITHUB_REPOSITORY", str, "", "owner/name of the repository that gets the issues"
    ),
    Setting(
        "github.base_url",
        "WORKBENCH_GITHUB_BASE_URL",
        str,
        "https://api.github.com",
        "GitHub's API; https://HOST/api/v3 for Enterprise",
    ),
    Setting(
        "agent.cli_path",
        "WORKBENCH_AGENT_CLI_PATH",
        str,
        "",
        "your own `claude`; empty: the one that comes with claude-agent-sdk",
    ),
    Setting(
        "agent.model", "WORKBENCH_AGENT_MODEL", str, "", "the model of a fix session; empty: Claude Code's default"
    ),
    Setting(
        "agent.max_cost_usd",
        "WORKBENCH_AGENT_MAX_COST_USD",
        float,
        5.0,
        "a fix session ends when it has cost this much",
    ),
    Setting(
        "agent.daily_usd",
        "WORKBENCH_AGENT_DAILY_USD",
        float,
        0.0,
        "no further session begins on a day (UTC) whose sessions have cost this much; 0: no cap",
    ),
    Setting(
        "agent.parallel",
        "WORKBENCH_AGENT_PARALLEL",
        int,
        8,
        "so many sessions work at once on this machine; further ones wait for a place",
    ),
    Setting("agent.max_turns", "WORKBENCH_AGENT_MAX_TURNS", int, 60, "a fix session ends after so many turns"),
    Setting("agent.max_minutes", "WORKBENCH_AGENT_MAX_MINUTES", int, 60, "a fix session ends after so many minutes"),
    Setting(
        "agent.rehearse",
        "WORKBENCH_AGENT_REHEARSE",
        str,
        "",
        "the scenario that a rehearsal model plays in fix sessions; empty: only where there is no login",
    ),
    Setting(
        "agent.offer_repro",
        "WORKBENCH_AGENT_OFFER_REPRO",
        str,
        "on",
        "whether an agent gets a failing test written from what was recorded, where that shows the fault: on or off",
    ),
    Setting(
        "signoff.then",
        "WORKBENCH_SIGNOFF_THEN",
        str,
        "leave",
        "what becomes of a fix that was signed off: leave (its branch), merge, or pull_request",
    ),
    Setting(
        "signoff.branch",
        "WORKBENCH_SIGNOFF_BRANCH",
        str,
        "main",
        "the branch that a fix is merged into, or that its pull request is for",
    ),
    Setting(
        "signoff.tag",
        "WORKBENCH_SIGNOFF_TAG",
        str,
        "signed",
        "whether a sign-off makes a tag: signed (where git has a signing key), always, or never",
    ),
    Setting(
        "signoff.quiet_minutes",
        "WORKBENCH_SIGNOFF_QUIET_MINUTES",
        int,
        60,
        "so long after a sign-off an event without a release is no recurrence: the fix is still on its way",
    ),
    Setting("tests.command", "WORKBENCH_TESTS_COMMAND", str, "python -m pytest", "how the repository runs its tests"),
    Setting("tests.timeout", "WORKBENCH_TESTS_TIMEOUT", int, 900, "seconds after which one test run is ended"),
    Setting(
        "tests.network",
        "WORKBENCH_TESTS_NETWORK",
        str,
        "auto",
        "whether evidence lets tests use the network: off, on, or auto: off, unless they fail for want of a service",
    ),
    Setting(
        "tests.at_once",
        "WORKBENCH_TESTS_AT_ONCE",
        int,
        2,
        "so many runs of evidence at the same time, 1 or 2; two only where each has a network of its own",
    ),
)


@dataclass(frozen=True)
class Value:
    """A setting's value and where it came from: default, a file's name, a variable's name, or a flag."""

    value: Any
    source: str


@dataclass(frozen=True)
class Config:
    """All settings, resolved. `repo` is the absolute path of the checkout, `state_dir` where our own files live."""

    repo: Path
    state_dir: Path
    values: Mapping[str, Value] = field(repr=False)
    views: Mapping[str, Value] = field(default_factory=dict, repr=False)  # of the bug list, as they are written

    @property
    def database_url(self) -> str:
        """The database URL; a relative SQLite path is taken from the repository, not from the current folder."""
        url: str = self.values["database_url"].value
        scheme, separator, path = url.partition(":///")
        if scheme == "sqlite" and separator and path and not path.startswith(("/", ":")):
            return f"sqlite:///{self.repo / path}"
        return url

    @property
    def bugs_directory(self) -> Path:
        """The folder that bug files are written to."""
        return self.repo / str(self.values["bugs.directory"].value)

    def __getitem__(self, key: str) -> Any:
        return self.values[key].value


def load(
    *,
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    start: Path | None = None,
) -> Config:
    """Return the configuration for the checkout at or above `start` (default: the current folder).

    `flags` maps keys of `SETTINGS` to what the command line said. Raises `ConfigurationError` naming the file and
    the key for an unknown key, a wrong type or a file that is not TOML.
    """
    environ = os.environ if environ is None else environ
    flags = {key: value for key, value in (flags or {}).items() if value is not None}
    start = (start or Path.cwd()).resolve()
    named = flags.get("repository") or environ.get("WORKBENCH_REPO")
    repo = _checkout(start / named) if named else _checkout(start)

    values: dict[str, Value] = {setting.key: Value(setting.default, "default") for setting in SETTINGS}
    views: dict[str, Value] = {}
    for path, table in _files(repo):
        views |= _views(table, path)
        values |= {key: Value(_typed(key, raw, str(path)), path.name) for key, raw in _flat(table, path)}
    for setting in SETTINGS:
        if environ.get(setting.variable):
            values[setting.key] = Value(
                _typed(setting.key, environ[setting.variable], setting.variable), setting.variable
            )
    for key, raw in flags.items():
        values[key] = Value(_typed(key, raw, "the command line"), "flag")
    return Config(repo=repo, state_dir=state_dir(environ), values=values, views=views)


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for worktrees, briefs and the demo: `WORKBENCH_STATE_DIR`, or the user's state directory."""
    environ = os.environ if environ is None else environ
    named = environ.get("WORKBENCH_STATE_DIR")
    return Path(named).expanduser().resolve() if named else platformdirs.user_state_path("bug-workbench")


def _checkout(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds `.git`, or `start` itself where there is none."""
    if not start.is_dir():
        raise ConfigurationError(f"There is no folder {start}.", cure="Name the repository's folder with --repo.")
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def _files(repo: Path) -> list[tuple[Path, dict[str, Any]]]:
    tables = []
    for name, below in (("pyproject.toml", ("tool", "workbench")), ("workbench.toml", ())):
        path = repo / name
        if not path.is_file():
            continue
        try:
            table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} is not valid TOML: {error}", cure="Mend the file.") from error
        for key in below:
            table = table.get(key, {}) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: [tool.workbench] is not a table.", cure="Write it as a table.")
        tables.append((path, table))
    return tables


def _views(table: dict[str, Any], path: Path) -> dict[str, Value]:
    """Take the views out of a file's table. What each of them says is for the list to judge."""
    views = table.pop("views", {})
    if not isinstance(views, dict):
        raise ConfigurationError(f"{path}: views is not a table.", cure='Write [tool.workbench.views] Name = "filter".')
    return {name: Value(value, path.name) for name, value in views.items()}


def _flat(table: dict[str, Any], path: Path, prefix: str = "") -> list[tuple[str, Any]]:
    known = {setting.key for setting in SETTINGS}
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        full = prefix + key
        if isinstance(value, dict):
            pairs += _flat(value, path, f"{full}.")
        elif full in known:
            pairs.append((full, value))
        else:
            raise ConfigurationError(
                f"{path}: unknown setting {full!r}.", cure="Known settings: " + ", ".join(sorted(known)) + "."
            )
    return pairs


def _typed(key: str, raw: Any, source: str) -> Any:
    kind = next(setting.kind for setting in SETTINGS if setting.key == key)
    try:
        if isinstance(raw, bool) or (kind is str and not isinstance(raw, str)):
            raise ValueError
        return kind(raw)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{source}: {key} = {raw!r} is not {_named(kind)}.", cure=f"Give {key} {_named(kind)}."
        ) from error


def _named(kind: type) -> str:
    return {str: "a string", int: "a whole number", float: "a number"}[kind]
