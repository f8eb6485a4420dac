"""A project in a folder of a larger repository: its settings, its bugs and its tests are there, and not at the top."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath

_TABLE = "[tool.workbench"


def project_folder(start: Path, checkout: Path) -> str:
    """Return the nearest folder with settings of ours from `start` up to the checkout, relative to it; "" for its top.

    Without settings anywhere it is the top as well.
    """
    for folder in (start, *start.parents):
        if folder == checkout or not folder.is_relative_to(checkout):
            return ""
        if _has_settings(folder):
            return folder.relative_to(checkout).as_posix()
    return ""


def in_repository(folder: str, path: str) -> str:
    """Return a path that is meant from `folder` as one that is meant from the checkout."""
    return str(PurePosixPath(folder, path))


def database_below(folder: str, url: str) -> str:
    """Return a database URL, with a relative SQLite path in it as one that is meant from the checkout."""
    scheme, separator, path = url.partition(":///")
    if scheme != "sqlite" or not separator or not path or path.startswith(("/", ":")):
        return url
    return f"{scheme}:///{in_repository(folder, path)}"


def run_in(folder: str, command: str) -> str:
    """Return a test command that is meant from `folder` as one that is meant from the checkout."""
    into, joined, rest = command.partition("&&")
    try:
        words = shlex.split(into)
    except ValueError:  # whoever runs it says what is wrong with it
        words = []
    if joined and len(words) == 2 and words[0] == "cd":
        folder, command = in_repository(folder, words[1]), rest.strip()
    return f"cd {shlex.quote(folder)} && {command}"


def _has_settings(folder: Path) -> bool:
    if (folder / "workbench.toml").is_file():
        return True
    try:
        return _TABLE in (folder / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
