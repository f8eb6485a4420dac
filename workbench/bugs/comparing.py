"""Bug files beside the database: what one of them says and the other does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import schema
from capture.store.labels import label
from workbench.bugs.reading_files import FiledBug, NotABugFile, read
from workbench.bugs.store import reading


@dataclass(frozen=True)
class Unlike:
    """One difference: the name of the file or the bug's number, and what is different."""

    name: str
    what: str


@dataclass(frozen=True)
class _Stored:
    state: str
    keys: set[str]
    is_written: bool  # its file was written, and nothing of it is owed


def unlike(engine: Engine, directory: Path) -> Iterator[Unlike]:
    """Yield where the files of `directory` and the database differ.

    A file that is about to be written is no difference. Raises `DatabaseError`.
    """
    stored = _stored(engine)
    filed = {path.name: path for path in sorted(directory.glob("B-*.md"))} if directory.is_dir() else {}
    for name, path in filed.items():
        try:
            what = _compared(read(path), stored, path.stem)
        except NotABugFile as error:
            what = f"is no bug file: {error}"
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
        if what:
            yield Unlike(name, what)
    for number, one in sorted(stored.items()):
        if one.is_written and f"{label(number)}.md" not in filed:
            yield Unlike(label(number), "has no file any more")


def _compared(filed: FiledBug, stored: dict[int, _Stored], stem: str) -> str:
    if label(filed.number) != stem:
        return f"says that it is {label(filed.number)}"
    one = stored.get(filed.number)
    if one is None:
        return "is of a bug that the database has not"
    if one.keys and filed.fingerprints and one.keys.isdisjoint(filed.fingerprints):
        return "is of another bug than the one of this number in the database"
    if one.is_written and one.state != filed.state:
        return f"says {filed.state}, and the database says {one.state}"
    return ""


def _stored(engine: Engine) -> dict[int, _Stored]:
    bug, key, owed = schema.BUG, schema.FINGERPRINT, schema.OUTBOX
    kind = owed.c.kind == "write_file"
    with reading(engine) as connection:
        bugs = connection.execute(sa.select(bug.c.id, bug.c.number, bug.c.state)).all()
        keys: dict[int, set[str]] = defaultdict(set)
        for bug_id, one in connection.execute(sa.select(key.c.bug_id, key.c.key)):
            keys[bug_id].add(one)
        done = set(connection.scalars(sa.select(owed.c.bug_id).where(kind, owed.c.state == "done")))
        done -= set(connection.scalars(sa.select(owed.c.bug_id).where(kind, owed.c.state != "done")))
    return {row.number: _Stored(row.state, keys[row.id], row.id in done) for row in bugs}
