"""Which file of a checkout a recorded one is: the server had it at another place, under other folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath


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
