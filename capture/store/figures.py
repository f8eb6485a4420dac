"""The figures of a fingerprint, and those of a bug: the sum over its fingerprints.

A bug's figures are never kept up by themselves, so that taking a fingerprint away from a bug leaves exactly what
would have been without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session

from capture.event import Fingerprint, Part
from capture.fault_parts import raise_site
from capture.store import bulk
from capture.store.tables import Bug, FingerprintRow, Row, table_of


@dataclass
class Figures:
    """How often something was seen, when first and last, and in which release; `environment` is of the latest."""

    count: int
    first_seen: datetime
    last_seen: datetime
    first_release: str | None
    last_release: str | None
    environment: str

    def note(self, at: datetime, count: int, release: str | None, environment: str) -> None:
        """Enter `count` events seen at one time in one release."""
        self.count += count
        if at < self.first_seen:
            self.first_seen, self.first_release = at, release
        if at >= self.last_seen:
            self.last_seen = at
            self.last_release = release or self.last_release
            self.environment = environment or self.environment


NAMES = tuple(field.name for field in fields(Figures))


@dataclass
class Known:
    """A stored fingerprint: its key, its bug, the bug that was made for it, and its figures."""

    id: int
    project: str
    key: str
    bug_id: int
    home_id: int
    figures: Figures


def site(parts: Sequence[Part]) -> str | None:
    """Return where a fault was raised, which several fingerprints may share; None where no code of ours was."""
    return raise_site(parts)


def described(key: tuple[str, str], fingerprint: Fingerprint) -> dict[str, Any]:
    """Return the columns that say what a fingerprint is: of which project, by what key, and why."""
    return {
        "project": key[0],
        "key": key[1],
        "version": fingerprint.version,
        "parts": msgspec.to_builtins(fingerprint.parts),
        "site": site(fingerprint.parts),
    }


def of_bug(bug: Bug) -> Figures:
    """Return the figures that a bug's row shows."""
    return Figures(*(getattr(bug, name) for name in NAMES))


def total(parts: Sequence[Figures]) -> Figures:
    """Return the figures of a bug from those of its fingerprints, in their order. There is at least one."""
    if len(parts) == 1:
        return parts[0]
    first = min(parts, key=lambda part: part.first_seen)
    latest_first = sorted(parts, key=lambda part: part.last_seen, reverse=True)
    return Figures(
        count=sum(part.count for part in parts),
        first_seen=first.first_seen,
        last_seen=latest_first[0].last_seen,
        first_release=first.first_release,
        last_release=next((part.last_release for part in latest_first if part.last_release), None),
        environment=next((part.environment for part in latest_first if part.environment), ""),
    )


def show(bug: Bug, figures: Figures) -> None:
    """Write the figures into the bug's row where they differ from what it has."""
    for name in NAMES:
        value = getattr(figures, name)
        if getattr(bug, name) != value:
            setattr(bug, name, value)


def save_bugs(session: Session, sums: Iterable[tuple[Bug, Figures]], *, changed_at: datetime) -> None:
    """Write figures into locked bugs in one statement: by their models it takes as long as storing four events each."""
    rows: list[dict[str, Any]] = []
    for bug, total_ in sums:
        values = vars(total_) | {"changed_at": changed_at}
        for name, value in values.items():
            set_committed_value(bug, name, value)
        rows.append({"the_id": bug.id, **values})
    if rows:
        session.connection().execute(_SAVE_BUGS, rows)


def of_bugs(session: Session, bug_ids: Collection[int]) -> dict[int, list[Known]]:
    """Return the fingerprints of each bug, in order of id. The bugs have to be locked."""
    condition = table_of(FingerprintRow).c.bug_id.in_(sorted(bug_ids))
    found: dict[int, list[Known]] = defaultdict(list)
    for known in _select(session, condition, lock=False):
        found[known.bug_id].append(known)
    return found


def having(connection: sa.Connection, keys: Collection[tuple[str, str]]) -> sa.TextClause:
    """Return the condition for the fingerprints with these projects and keys, and perhaps a few more.

    The projects have to be named: the index begins with them, and with keys alone all of the table is read.
    """
    projects, names = {project for project, _key in keys}, {key for _project, key in keys}
    given = {"projects": bulk.as_one(connection, projects), "keys": bulk.as_one(connection, names)}
    return _HAVING[connection.dialect.name].bindparams(**given)


def lock(session: Session, condition: sa.ColumnElement[bool] | sa.TextClause) -> list[Known]:
    """Return the fingerprints for which `condition` holds, in order of id, locked until the transaction ends.

    Whoever locks fingerprints does so before bugs: only then does their bug stay the same.
    """
    return _select(session, condition, lock=True)


def save(session: Session, fingerprints: Iterable[Known]) -> None:
    """Write the figures of fingerprints back."""
    rows: list[dict[str, Any]] = [{"the_id": known.id, **vars(known.figures)} for known in fingerprints]
    if rows:
        session.connection().execute(_SAVE, rows)


def insert(session: Session, new: Sequence[tuple[Known, Fingerprint]]) -> None:
    """Insert fingerprints with their figures, whose ids were taken before."""
    rows = [described((known.project, known.key), fingerprint) for known, fingerprint in new]
    columns = {name: [row[name] for row in rows] for name in ("project", "key", "version", "parts", "site")}
    columns |= {name: [getattr(known, name) for known, _ in new] for name in ("id", "bug_id", "home_id")}
    columns |= {name: [getattr(known.figures, name) for known, _ in new] for name in NAMES}
    bulk.insert(session.connection(), FingerprintRow, columns)


def _select(session: Session, condition: sa.ColumnElement[bool] | sa.TextClause, *, lock: bool) -> list[Known]:
    statement = _KNOWN.where(condition)
    if lock:
        statement = statement.with_for_update(key_share=True)
    rows = session.connection().execute(statement)
    return [Known(row.id, row.project, row.key, row.bug_id, row.home_id, Figures(*row[5:])) for row in rows]


def _update(model: type[Row], *names: str) -> sa.Update:
    """Return the statement that writes some columns of the row that has `the_id`."""
    table = table_of(model)
    values: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    return sa.update(table).where(table.c.id == sa.bindparam("the_id")).values(values)


# Made once: to put a statement together takes longer than to run it.
_SAVE, _SAVE_BUGS = _update(FingerprintRow, *NAMES), _update(Bug, *NAMES, "changed_at")
_TABLE = table_of(FingerprintRow)
_KNOWN = sa.select(*(_TABLE.c[name] for name in ("id", "project", "key", "bug_id", "home_id", *NAMES))).order_by(
    _TABLE.c.id
)
_HAVING = {
    dialect: sa.text(f"fingerprint.project {any_of.format(':projects')} AND fingerprint.key {any_of.format(':keys')}")
    for dialect, any_of in bulk.ANY_OF.items()
}
