"""Any failure as what happened and what to do next."""

from __future__ import annotations

from workbench.text import plain
from workbench.tui.actions import KeyOf
from workbench.tui.cures import in_keys


def told(error: BaseException, key: KeyOf | None = None) -> tuple[str, str]:
    """Return an error's message and its cure, both inert; with `key` the cure names keys in the place of commands.

    Ours bring their cure with them. A database that went away is told as such, whatever its driver calls it.
    """
    cure = getattr(error, "cure", None)
    if cure is not None:
        return plain(error), plain(in_keys(cure, key) if key is not None else cure)
    if type(error).__module__.startswith("sqlalchemy."):
        origin = getattr(error, "orig", None) or error
        return (
            plain(f"The database does not answer: {str(origin).strip()}", 300),
            "It is asked again by itself; `workbench db check` says more.",
        )
    return (
        plain(f"{type(error).__name__}: {error}", 300),
        "This is a defect of the workbench: please file it with `workbench bugs new`.",
    )
