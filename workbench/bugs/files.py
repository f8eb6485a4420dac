"""Bug files: a bug as Markdown in the repository, shared by people and the program.

The program owns the front matter's own keys and the text between its markers; every other byte is people's and
survives each rewrite.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from workbench.bugs import sections
from workbench.bugs.rows import BugFacts
from workbench.bugs.weave import weave

_TRIES = 5

_FINGERPRINTS = re.compile(r"\A---\n(?:(?!---\n).*\n)*?fingerprints: \[([^\]\n]*)\]\n")

_NOTES = """
## Notes

What you write here, or anywhere outside the marked sections, stays as it is.
"""


class OtherBugsFile(Exception):
    """The file of this number belongs to another bug: the database is not the one that the files came from."""


def render(page: BugFacts) -> str:
    """Return the file of a bug of which there is no file yet."""
    return _text(page, None)


def write(page: BugFacts, directory: Path) -> Path:
    """Bring the file of a bug in `directory` up to date, and return its path.

    The file is replaced in one step, so that a reader or a power cut meets the old text or the new one. A file that
    says all this already is not touched. When somebody saves it at the same moment, their text is taken up.
    Raises `OtherBugsFile`, and writes nothing, where the file's front matter names only fingerprints of another bug,
    and `OSError` where the file cannot be read or written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{page.row.label}.md"
    for _ in range(_TRIES):
        old = _read(path)
        new = brought_up(page, old, name=str(path))
        if new == old or _replace(path, new, expected=old):
            return path
    raise OSError(f"{path} keeps changing while it is written")


def brought_up(page: BugFacts, old: bytes | None, *, name: str) -> bytes:
    """Return a bug's file brought up to date, or its first one. Raises `OtherBugsFile` of `name`, as `write` does."""
    if old is not None and _is_of_another(page, _decoded(old)):
        raise OtherBugsFile(name)
    return _bytes(_text(page, None if old is None else _decoded(old)))


def _text(page: BugFacts, old: str | None) -> str:
    front, parts = sections.front_matter(page), sections.sections(page, is_new=old is None)
    return weave(old or "", front, parts) + (_NOTES if old is None else "")


def _is_of_another(page: BugFacts, text: str) -> bool:
    found = _FINGERPRINTS.match(text)
    named = set(re.findall(r'"([^"]+)"', found[1])) if found else set()
    ours = {key for key, _parts in page.fingerprints}
    return bool(named and ours) and named.isdisjoint(ours)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


# Bytes that are no UTF-8 are people's as well: they pass through as lone surrogates and come out as they were.
def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _replace(path: Path, content: bytes, *, expected: bytes | None) -> bool:
    """Put `content` in the place of the file in one step; False when the file is not as `expected` any more."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            if expected is not None:
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if _read(path) != expected:
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)
    return True


def _sync(directory: Path) -> None:
    """Make the new name survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
