"""Change several files at once, or none of them, after a person has seen how."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigurationError, Refused


@dataclass(frozen=True)
class Edit:
    """One file as it is and as it would be (None: there is none). Line ends are kept as they are."""

    path: Path
    before: str | None
    after: str | None


def read(path: Path) -> str | None:
    """Return the text of a UTF-8 file with its line ends as they are, or None where there is no such file."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None


def diff(edits: Sequence[Edit], root: Path) -> str:
    """Return the edits as one unified diff, with paths as seen from `root`."""
    return "".join(_diff(edit, root) for edit in edits)


def write(edits: Sequence[Edit]) -> list[Path]:
    """Write all edits, or none of them, and return the files that were written or removed.

    Raises `Refused` when a file is no longer what the edit was made from, `ConfigurationError` when one cannot be
    written.
    """
    for edit in edits:
        if read(edit.path) != edit.before:
            raise Refused(f"{edit.path} has changed in the meantime, so nothing was written.", cure="Run it again.")
    drafts: list[tuple[Edit, Path | None]] = []
    written: list[Edit] = []
    try:
        for edit in edits:
            drafts += [(edit, None if edit.after is None else _draft(edit, edit.after))]
        for edit, draft in drafts:
            if draft is None:
                edit.path.unlink()
            else:
                draft.replace(edit.path)
            written.append(edit)
    except OSError as error:
        for edit in written:
            _put_back(edit)
        raise ConfigurationError(
            f"{error.filename} cannot be written: {error.strerror}. Nothing was changed.",
            cure="Make it writable for you, then run it again.",
        ) from error
    finally:
        for _, draft in drafts:
            if draft is not None:
                draft.unlink(missing_ok=True)
    return [edit.path for edit in written]


def _draft(edit: Edit, text: str) -> Path:
    """Write a text to a file beside that of the edit, with the permissions of that."""
    descriptor, name = tempfile.mkstemp(prefix=f".{edit.path.name}.", dir=edit.path.parent)
    draft = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(edit.path.stat().st_mode & 0o7777 if edit.path.exists() else 0o644)
    return draft


def _put_back(edit: Edit) -> None:
    with suppress(OSError):
        if edit.before is None:
            edit.path.unlink()
        else:
            _draft(edit, edit.before).replace(edit.path)


def _diff(edit: Edit, root: Path) -> str:
    name = edit.path.relative_to(root).as_posix() if edit.path.is_relative_to(root) else str(edit.path)
    lines = difflib.unified_diff(
        (edit.before or "").splitlines(keepends=True),
        (edit.after or "").splitlines(keepends=True),
        "/dev/null" if edit.before is None else f"a/{name}",
        "/dev/null" if edit.after is None else f"b/{name}",
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
