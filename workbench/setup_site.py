"""`workbench init`: set up the repository of a Django project.

`plan` looks, and says exactly what would be written; `apply` writes it, all or nothing. Whatever cannot be changed
safely is put into words for a person. A second run finds nothing left to do.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench import django_settings, edits
from workbench.config import Config
from workbench.django_settings import CannotEdit
from workbench.edits import Edit
from workbench.errors import ConfigurationError
from workbench.git import Repository

_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist"}
_GITHUB = re.compile(r"github\.com[:/](?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?$")
_PYTEST = re.compile(r"^\[(tool\.pytest\b|tool:pytest\]|pytest\])", re.MULTILINE)
_IGNORED = ("workbench.db*", ".capture/")
# Who ignores nothing yet would commit it, and evidence is only partial where a fix brings what nobody can read.
_COMPILED = "__pycache__/"


@dataclass(frozen=True)
class Plan:
    """What was found in the repository, what would be written, and what is left to a person.

    `found` are lines of what was detected; `edits` is empty when everything is set up; `by_hand` are lines that say
    what cannot be changed safely, and what to write there.
    """

    repo: Path
    manage: Path
    settings_module: str
    github: str
    found: tuple[str, ...]
    edits: tuple[Edit, ...]
    by_hand: tuple[str, ...]

    @property
    def diff(self) -> str:
        """All edits as a unified diff."""
        return edits.diff(self.edits, self.repo)


def plan(config: Config, *, manage: Path | None = None) -> Plan:
    """Return what would set up the Django project in the repository; nothing is written.

    `manage` names its manage.py where there are several. Raises `ConfigurationError` where there is no repository,
    no Django project, or more than one.
    """
    github = _github(Repository.open(config.repo).remotes())
    manage = (config.repo / manage).resolve() if manage else _manage(config.repo)
    module = _named_settings(manage)
    settings = _target(module, _settings(manage, module))
    steps: tuple[tuple[Path, Callable[[str], str], tuple[str, ...]], ...] = (
        (settings, django_settings.with_capture, django_settings.BY_HAND),
        (config.repo / "pyproject.toml", *_project_table(config.repo, manage, github)),
        (config.repo / ".gitignore", _with_ignored, _IGNORED),
    )
    planned: list[Edit] = []
    by_hand: list[str] = []
    for path, change, wanted in steps:
        try:
            planned += _edit(path, change)
        except CannotEdit as problem:
            by_hand.append(f"{_shown(path, config.repo)} {problem}, so it stays as it is. Write there, by hand:")
            by_hand += [f"  {line}" for line in wanted]
    found = (
        f"Django project   {module.partition('.')[0]}",
        f"Settings         {_shown(settings, config.repo)} ({module})",
        f"GitHub           {github or 'no remote there: the bug files alone are the tracker'}",
    )
    return Plan(config.repo, manage, module, github, found, tuple(planned), tuple(by_hand))


def apply(plan: Plan) -> list[Path]:
    """Write all edits of `plan`, or none of them, and return the files that were written.

    Raises `Refused` when a file is no longer what the plan was made from.
    """
    return edits.write(plan.edits)


def _manage(repo: Path) -> Path:
    found = sorted(_manage_files(repo))
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(
            f"There is no manage.py in {repo}, so no Django project to set up.",
            cure="Run init in the repository of a Django project, or name it with --repo.",
        )
    raise ConfigurationError(
        "There are several Django projects here: " + ", ".join(_shown(path, repo) for path in found) + ".",
        cure="Name the manage.py of the one you mean with --manage.",
    )


def _manage_files(folder: Path, depth: int = 2) -> Iterator[Path]:
    """Yield each manage.py in `folder` and, up to `depth` levels down, below it."""
    if (folder / "manage.py").is_file():
        yield (folder / "manage.py").resolve()
        return
    for below in folder.iterdir() if depth else ():
        if below.is_dir() and not below.is_symlink() and below.name not in _SKIPPED and below.name[0] != ".":
            yield from _manage_files(below, depth - 1)


def _named_settings(manage: Path) -> str:
    """Return the settings module that `manage.py` names."""
    try:
        tree = ast.parse(manage.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{manage} is not Python that we can read: {error}", cure="Mend the file.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            name, value = (given.value if isinstance(given, ast.Constant) else None for given in node.args)
            if name == "DJANGO_SETTINGS_MODULE" and isinstance(value, str):
                return value
    raise ConfigurationError(
        f"{manage} does not name a settings module.",
        cure='It should call os.environ.setdefault("DJANGO_SETTINGS_MODULE", "…").',
    )


def _settings(manage: Path, module: str) -> Path:
    found = next((path for root in (manage.parent, manage.parent / "src") for path in _module(root, module)), None)
    if found is None:
        raise ConfigurationError(
            f"The settings module {module}, named in {manage}, has no file below {manage.parent}.",
            cure="Name a settings module of this repository there.",
        )
    return found


def _module(root: Path, module: str) -> Iterator[Path]:
    """Yield the file of a module below `root`, where there is one."""
    path = root.joinpath(*module.split("."))
    for candidate in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if candidate.is_file():
            yield candidate.resolve()


def _target(module: str, settings: Path) -> Path:
    """Return the file that sets INSTALLED_APPS: the settings themselves, or what they take everything from."""
    for path in _sources(module, settings):
        if django_settings.sets_apps(_text(path)):
            return path
    return settings


def _sources(module: str, settings: Path) -> list[Path]:
    """Return the settings file and the files of the project that it star-imports, nearest first."""
    root = settings.parents[len(module.split(".")) - (settings.name != "__init__.py")]
    package = module if settings.name == "__init__.py" else module.rpartition(".")[0]
    found = [settings]
    for named in django_settings.star_imports(_text(settings), package):
        found += [path for path in _module(root, named) if path not in found]
    return found


def _github(remotes: dict[str, str]) -> str:
    """Return owner/name of the GitHub repository among the remotes: origin's, or else the first there is."""
    for remote in sorted(remotes, key=lambda name: name != "origin"):
        match = _GITHUB.search(remotes[remote])
        if match:
            return f"{match['owner']}/{match['name']}"
    return ""


def _project_table(repo: Path, manage: Path, github: str) -> tuple[Callable[[str], str], tuple[str, ...]]:
    """Return what adds `[tool.workbench]` to a pyproject.toml, and the lines that it adds."""
    lines = ["[tool.workbench]"]
    inside = manage.parent.relative_to(repo)
    if inside.parts:
        lines.append(f"database_url = {json.dumps(f'sqlite:///{inside.as_posix()}/workbench.db')}")
    if github:
        lines.append(f"github.repository = {json.dumps(github)}")
    lines.append(f"tests.command = {json.dumps(_tests_command(repo, manage))}")

    def add(source: str) -> str:
        try:
            if (repo / "workbench.toml").exists() or "workbench" in tomllib.loads(source).get("tool", {}):
                return source
            extended = (source.rstrip() + "\n\n" if source.strip() else "") + "\n".join(lines) + "\n"
            tomllib.loads(extended)
        except tomllib.TOMLDecodeError as error:
            raise CannotEdit(f"cannot be extended ({error})") from error
        return extended

    return add, tuple(lines)


def _tests_command(repo: Path, manage: Path) -> str:
    """Return pytest where the project has it set up, and Django's own runner otherwise."""
    for folder in (repo, manage.parent):
        if any((folder / name).exists() for name in ("pytest.ini", ".pytest.ini", "conftest.py")):
            return "python -m pytest"
        configured = (folder / name for name in ("pyproject.toml", "setup.cfg", "tox.ini"))
        if any(path.is_file() and _PYTEST.search(_text(path)) for path in configured):
            return "python -m pytest"
    return f"python {_shown(manage, repo)} test"


def _with_ignored(source: str) -> str:
    there = {line.strip().lstrip("/") for line in source.splitlines()}
    missing = [line for line in _IGNORED if line not in there]
    if not missing:
        return source
    if not source:
        missing.append(_COMPILED)
    return (source.rstrip("\n") + "\n" if source else "") + "\n".join(missing) + "\n"


def _edit(path: Path, change: Callable[[str], str]) -> list[Edit]:
    try:
        before = edits.read(path)
    except UnicodeDecodeError as error:
        raise CannotEdit("is not UTF-8") from error
    after = change(before or "")
    return [] if after == (before or "") else [Edit(path, before, after)]


def _text(path: Path) -> str:
    """Return a file's text for looking at only."""
    return path.read_text(encoding="utf-8", errors="replace")


def _shown(path: Path, repo: Path) -> str:
    return path.relative_to(repo).as_posix() if path.is_relative_to(repo) else str(path)
