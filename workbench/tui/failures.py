"""Any failure as what happened and what to do next."""

from __future__ import annotations

from workbench.text import plain


def told(error: BaseException) -> tuple[str, str]:
    """Return an error's message and its cure, both inert.

    Ours bring their cure with them. A database that went away is told as such, whatever its driver calls it.
    """
    cure = getattr(error, "cure", None)
    if cure is not None:
        return plain(error), plain(cure)
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
