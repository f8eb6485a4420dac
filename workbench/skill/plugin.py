"""The same skill and hook as a plugin of Claude Code: a folder for `claude --plugin-dir`, or for a marketplace."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbench import edits
from workbench.edits import Edit
from workbench.errors import ConfigurationError, Refused
from workbench.skill import document, settings

NAME = "bug-workbench"
MANIFEST, SKILL, HOOKS = ".claude-plugin/plugin.json", "skills/bugs/SKILL.md", "hooks/hooks.json"


def files() -> dict[str, str]:
    """Return the text of each file of the plugin, by its path."""
    manifest = {
        "name": NAME,
        "version": version("bug-workbench"),
        "description": "Bugs that a Django site's own monitoring recorded: /bugs, and what is open at each start.",
        "license": "MIT",
    }
    hooks = {"hooks": {settings.EVENT: [{"hooks": [settings.HANDLER]}]}}
    return {MANIFEST: _json(manifest), SKILL: document.text(), HOOKS: _json(hooks)}


def planned(folder: Path) -> tuple[Edit, ...]:
    """Return what would have to be written for the plugin to be in `folder`; empty when it is there.

    Raises `Refused` for a folder that holds something else, and for a SKILL.md that a person has changed.
    """
    found = {name: _read(folder / name) for name in files()}
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(found[MANIFEST]):
        raise Refused(f"{folder} is there and is no plugin of ours.", cure="Name an empty folder, or a new one.")
    if document.state(found[SKILL]) in ("foreign", "changed", "newer"):
        raise Refused(
            f"{folder / SKILL} was changed since we wrote it, so it stays as it is.", cure="Name another folder."
        )
    return tuple(Edit(folder / name, found[name], text) for name, text in files().items() if found[name] != text)


def _is_ours(manifest: str | None) -> bool:
    try:
        return manifest is not None and json.loads(manifest).get("name") == NAME
    except (ValueError, AttributeError):
        return False


def _read(path: Path) -> str | None:
    try:
        return edits.read(path)
    except (UnicodeDecodeError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"{path} cannot be read, so it stays as it is.", cure="Name another folder."
        ) from error


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2) + "\n"
