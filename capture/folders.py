"""Whether a folder can be used, without touching it."""

from __future__ import annotations

import os


def why_not_writable(folder: str) -> str:
    """Return why nothing can be put into a folder that exists or can be made, or nothing where it can."""
    existing = folder
    while existing and not os.path.lexists(existing) and os.path.dirname(existing) != existing:  # noqa: PTH120
        existing = os.path.dirname(existing)  # noqa: PTH120
    if not os.path.isdir(existing or "."):  # noqa: PTH112
        return "Not a directory"
    return "" if os.access(existing or ".", os.W_OK | os.X_OK) else "Permission denied"
