"""Put /bugs and its hook into a repository, or into a user's own Claude Code, and take exactly these away again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench import edits
from workbench.edits import Edit
from workbench.errors import ConfigurationError, Refused
from workbench.skill import document, settings


@dataclass(frozen=True)
class Place:
    """A `.claude` folder: of a repository, or of the user. `root` is what paths are shown from."""

    name: str
    folder: Path
    root: Path

    # Links are followed: who keeps these files elsewhere and links to them keeps the links.
    @property
    def skill(self) -> Path:
        """The SKILL.md."""
        return (self.folder / "skills" / "bugs" / "SKILL.md").resolve()

    @property
    def settings(self) -> Path:
        """The settings.json."""
        return (self.folder / "settings.json").resolve()


@dataclass(frozen=True)
class Installed:
    """What of ours is at a place. `hook` is missing, current or older; `skill` as `document.State` says."""

    place: Place
    skill: document.State
    hook: str


def in_repository(repo: Path) -> Place:
    """Return the place for all who work in a repository."""
    return Place("project", repo / ".claude", repo)


def of_user(environ: Mapping[str, str]) -> Place:
    """Return the place for everything that a user does with Claude Code."""
    named = environ.get("CLAUDE_CONFIG_DIR")
    folder = Path(named).expanduser() if named else Path("~/.claude").expanduser()
    return Place("user", folder, folder.parent)


def installed(place: Place) -> Installed:
    """Return what of ours is there."""
    hook = settings.hook_state(_read(place.settings), place.settings)
    return Installed(place, document.state(_read(place.skill)), hook)


def install(place: Place) -> tuple[Edit, ...]:
    """Return what would have to be written; nothing is. It is empty when all is there.

    Raises `Refused` for a SKILL.md that is not ours, or was changed by hand since; `ConfigurationError` for settings
    that cannot be read.
    """
    skill, text = _read(place.skill), _read(place.settings)
    state = document.state(skill)
    _leave_alone(place, state, cure="Move it away to install ours.")
    planned = [] if state == "current" else [Edit(place.skill, skill, document.text())]
    merged = settings.with_hook(text, place.settings)
    return (*planned, *([] if merged == text else [Edit(place.settings, text, merged)]))


def uninstall(place: Place) -> tuple[Edit, ...]:
    """Return what would have to be taken away; empty when nothing of ours is there.

    A SKILL.md of somebody else stays. Raises `Refused` for one of ours that was changed by hand.
    """
    skill, text = _read(place.skill), _read(place.settings)
    state = document.state(skill)
    if state == "changed":
        _leave_alone(place, state, cure="Keep what is yours of it elsewhere, delete it, and uninstall again.")
    planned = [] if state in ("missing", "foreign") else [Edit(place.skill, skill, None)]
    left = settings.without_hook(text, place.settings)
    return (*planned, *([] if left == text else [Edit(place.settings, text, left)]))


def apply(place: Place, planned: tuple[Edit, ...]) -> list[Path]:
    """Write what `install` or `uninstall` returned, or none of it, and return the files that were written or removed.

    Folders are made as they are needed, and taken away where they are empty afterwards.
    """
    try:
        for edit in planned:
            edit.path.parent.mkdir(parents=True, exist_ok=True)
        return edits.write(planned)
    finally:
        for edit in planned:
            _remove_empty(edit.path.parent, place.folder.resolve())


def _remove_empty(folder: Path, last: Path) -> None:
    with suppress(OSError):  # not empty
        while folder.is_relative_to(last):
            folder.rmdir()
            folder = folder.parent


def _leave_alone(place: Place, state: document.State, *, cure: str) -> None:
    why = {
        "foreign": "was not written by us",
        "changed": "was changed by hand since we wrote it",
        "newer": "was written by a later version of this program",
    }.get(state)
    if why is None:
        return
    if state == "newer":
        cure = "Upgrade this program: pip install --upgrade bug-workbench."
    raise Refused(f"{place.skill} {why}, so it stays as it is. Nothing was changed.", cure=cure)


def _read(path: Path) -> str | None:
    try:
        return edits.read(path)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8, so it stays as it is.", cure="Mend the file.") from error
