"""The terminal's configuration: where each value comes from and what it is.

Lowest first: defaults, `[tool.workbench]` of the repository's pyproject.toml, `workbench.toml`, `WORKBENCH_*`
variables, flags. Secrets are never configured here: the GitHub token is looked up when it is used.

In a repository of several projects the nearest folder with such a file counts, from the current one up to the top.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from workbench.errors import ConfigurationError
from workbench.project_folder import database_below, in_repository, project_folder, run_in
from workbench.settings import SETTINGS


class Value(NamedTuple):
    """A setting's value and where it came from: default, a file's name, a variable's name, or a flag."""

    value: Any
    source: str


@dataclass(frozen=True)
class Config:
    """All settings, resolved. `repo` is the absolute path of the checkout, `state_dir` where our own files live.

    `folder` is that of the project in it, "" for the whole.
    """

    repo: Path
    state_dir: Path
    values: Mapping[str, Value] = field(repr=False)
    views: Mapping[str, Value] = field(default_factory=dict, repr=False)  # of the bug list, as they are written
    keys: Mapping[str, Value] = field(default_factory=dict, repr=False)  # of the screen, as they are written
    folder: str = ""
    github_rules: tuple[Value, ...] = ()  # which bugs' issues go to another repository, as they are written

    @property
    def database_url(self) -> str:
        """The database URL; a relative SQLite path is taken from the repository, not from the current folder."""
        url: str = self.values["database_url"].value
        scheme, separator, path = url.partition(":///")
        if scheme == "sqlite" and separator and path and not path.startswith(("/", ":")):
            return f"sqlite:///{self.repo / path}"
        return url

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed. Raises `ConfigurationError` where the setting is neither on nor off."""
        value = self.values["database.read_only"]
        if value.value not in ("on", "off"):
            raise ConfigurationError(
                f"{value.source}: database.read_only = {value.value!r} is neither on nor off.", cure="Write on or off."
            )
        return bool(value.value == "on")

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
    start = (start / named).resolve() if named else start
    repo = _checkout(start)
    folder = project_folder(start, repo)

    values: dict[str, Value] = {setting.key: Value(setting.default, "default") for setting in SETTINGS}
    views: dict[str, Value] = {}
    keys: dict[str, Value] = {}
    rules: tuple[Value, ...] = ()
    for path, table in _files(repo / folder):
        views |= _views(table, path)
        keys |= _keys(table, path)
        rules = _rules(table, path) or rules
        values |= {key: Value(_typed(key, raw, str(path)), path.name) for key, raw in _flat(table, path)}
    if folder:
        _place(values, folder)
    for setting in SETTINGS:
        if environ.get(setting.variable):
            values[setting.key] = Value(
                _typed(setting.key, environ[setting.variable], setting.variable), setting.variable
            )
    for key, raw in flags.items():
        values[key] = Value(_typed(key, raw, "the command line"), "flag")
    if folder:
        command, source = values["tests.command"]
        values["tests.command"] = Value(_tests_of(repo, folder, command), source)
    return Config(repo, state_dir(environ), values, views, keys, folder, rules)


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


def _place(values: dict[str, Value], folder: str) -> None:
    """Let what the files of a project's folder say of places be meant from there."""
    url, bugs = values["database_url"], values["bugs.directory"]
    values["database_url"] = url._replace(value=database_below(folder, url.value))
    values["bugs.directory"] = bugs._replace(value=in_repository(folder, bugs.value))


def _tests_of(repo: Path, folder: str, command: str) -> str:
    from workbench.suite import is_understood  # here: most repositories are one project
    from workbench.suite_found import found_in

    return run_in(folder, command or found_in(repo / folder, is_understood).command)


def _files(repo: Path) -> list[tuple[Path, dict[str, Any]]]:
    tables = []
    for name, below in (("pyproject.toml", ("tool", "workbench")), ("workbench.toml", ())):
        path = repo / name
        if not path.is_file():
            continue
        import tomllib  # here: without a file, the first paint need not wait for it

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


def _rules(table: dict[str, Any], path: Path) -> tuple[Value, ...]:
    """Take the rules out of a file's table. What each of them says is for the tracker to judge."""
    github = table.get("github")
    rules = github.pop("rules", []) if isinstance(github, dict) else []
    if not isinstance(rules, list):
        raise ConfigurationError(
            f"{path}: github.rules is not a list of tables.", cure="Write each as [[tool.workbench.github.rules]]."
        )
    return tuple(Value(rule, path.name) for rule in rules)


def _keys(table: dict[str, Any], path: Path) -> dict[str, Value]:
    """Take the keys out of a file's table, `[keys.list] mute` as `list.mute`. They are for the screen to judge."""
    keys = table.pop("keys", {})
    if not isinstance(keys, dict):
        raise ConfigurationError(f"{path}: keys is not a table.", cure='Write [tool.workbench.keys] mute = "ctrl+k".')
    flat: dict[str, Any] = {}
    for name, value in keys.items():
        flat |= {f"{name}.{inner}": each for inner, each in value.items()} if isinstance(value, dict) else {name: value}
    return {name: Value(value, str(path)) for name, value in flat.items()}


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
