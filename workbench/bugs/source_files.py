"""Which file of a checkout a recorded one is: the server had it at another place, under other folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from workbench.errors import NotFound

if TYPE_CHECKING:
    from capture.event import Event, Frame
    from workbench.git import Repository


@dataclass(frozen=True)
class Source:
    """A line of a file of a folder; `path` is taken from `root`."""

    root: Path
    path: str
    line: int


def sources(repository: Repository, event: Event, frame: Frame | None) -> list[Source]:
    """Return the lines of a checkout that a frame may stand for; without one, the application's innermost frame.

    Raises `NotFound` where there is none.
    """
    frame = frame or _innermost(event)
    if frame is None:
        raise NotFound("No frame of the application was recorded.", cure="Put the cursor on a frame of the stack.")
    if not frame.in_app:
        raise NotFound(
            f"{frame.filename} belongs to a library.", cure="Only files of the application are in the checkout."
        )
    paths = candidates(frame.filename, repository.all_files("HEAD"))
    found = [_source(repository.root, path, frame) for path in paths if (repository.root / path).is_file()]
    if not found:
        raise NotFound(
            f"No file of the checkout is {frame.filename}.",
            cure=f"The checkout is {repository.root}; another one is given with --repo.",
        )
    return found


def _innermost(event: Event) -> Frame | None:
    surfaced = event.surfaced
    return next((each for each in reversed(surfaced.frames) if each.in_app), None) if surfaced is not None else None


def _source(root: Path, path: str, frame: Frame) -> Source:
    lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    return Source(root, path, line_of(lines, frame.lineno, frame.context_line))


def candidates(recorded: str, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` whose ends have most in common with the path `recorded`, in their order."""
    parts = PurePosixPath(recorded.replace("\\", "/")).parts
    for length in range(len(parts), 0, -1):
        end = "/".join(parts[-length:])
        if found := [path for path in paths if path == end or path.endswith(f"/{end}")]:
            return found
    return []


def line_of(lines: Sequence[str], lineno: int, recorded: str) -> int:
    """Return the line nearest to `lineno` that reads as it was recorded; `lineno` itself where none does.

    The checkout is rarely at the commit that the event came from.
    """
    wanted = recorded.strip()
    same = [number for number, text in enumerate(lines, 1) if text.strip() == wanted] if wanted else []
    return min(same, key=lambda number: abs(number - lineno), default=max(lineno, 1))
