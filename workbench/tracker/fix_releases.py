"""Answers which releases hold which fixes: git knows it, and sites cannot ask. See `capture.store.releases`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import releases
from capture.store.engine import writing
from capture.store.releases import FIX_RELEASE, RELEASE
from capture.store.tables import Bug, table_of
from workbench.bugs.store import database_errors, reading
from workbench.errors import WorkbenchError
from workbench.git import Repository

# The latest of each are asked about; older ones were answered long ago, or nobody can any more.
_MOST = 200
# One question takes git some milliseconds, and all of 200 fixes and 200 releases would take it minutes: so many are
# asked before what was answered is written down, and so long at a time. The others are asked the next time.
_WRITTEN_AFTER = 50
_SECONDS = 2.0
_EVERY = timedelta(seconds=30)
# What the repository did not know may have been fetched since.
_AGAIN_AFTER = timedelta(minutes=10)

Pair = tuple[str, str]  # commit, release


class FixReleases:
    """Answers what is not answered yet, for one repository. One thread at a time may use it."""

    def __init__(self, engine: Engine, repository: Path) -> None:
        self._engine = engine
        self._root = repository
        self._next = self._forget = datetime.min.replace(tzinfo=UTC)
        self._unknown: set[Pair] = set()

    def keep_up(self, *, now: datetime) -> int:
        """Answer what is new, now and then; return how many answers were found. Cheap to call often."""
        if now < self._next:
            return 0
        self._next = now + _EVERY
        return self.answer(now=now)

    def answer(self, *, now: datetime, commit: str | None = None) -> int:
        """Answer what is not answered, and return how many answers were found; it ends after some seconds.

        The fix `commit` is asked about first. A release that is no commit or tag of the repository stays unanswered,
        and so does a fix that it has not. Raises `DatabaseError`.
        """
        if now >= self._forget:
            self._unknown.clear()
            self._forget = now + _AGAIN_AFTER
        with reading(self._engine) as connection:
            asked = [(commit, name) for commit, name in connection.execute(_open_questions())]
        # What is asked for comes first, in the order in which it is the latest.
        pairs = sorted((pair for pair in asked if pair not in self._unknown), key=lambda pair: pair[0] != commit)
        if not pairs:
            return 0
        try:
            repository = Repository.open(self._root)
        except WorkbenchError:
            return 0  # a worker without a repository does the rest of its work all the same
        ends, answered = time.monotonic() + _SECONDS, 0
        for batch in _batches(pairs):
            answers: dict[Pair, bool] = {}
            for fix, name in batch:
                holds = _holds(repository, fix, name)
                if holds is None:
                    self._unknown.add((fix, name))
                else:
                    answers[fix, name] = holds
            with database_errors(), writing(self._engine).begin() as connection:
                releases.answer(connection, answers, now=now)
            answered += len(answers)
            if time.monotonic() >= ends:
                break
        return answered


def _batches(pairs: list[Pair]) -> Iterator[list[Pair]]:
    for start in range(0, len(pairs), _WRITTEN_AFTER):
        yield pairs[start : start + _WRITTEN_AFTER]


def _open_questions() -> sa.Select[Any]:
    bug = table_of(Bug)
    fixes = (
        sa.select(bug.c.fix_commit.label("commit"), sa.func.max(bug.c.last_seen).label("at"))
        .where(bug.c.fix_commit.is_not(None))
        .group_by(bug.c.fix_commit)
        .order_by(sa.desc("at"))
        .limit(_MOST)
        .subquery()
    )
    names = (
        sa.select(RELEASE.c.name, sa.func.max(RELEASE.c.first_seen).label("at"))
        .group_by(RELEASE.c.name)
        .order_by(sa.desc("at"))
        .limit(_MOST)
        .subquery()
    )
    answered = sa.and_(FIX_RELEASE.c.commit == fixes.c.commit, FIX_RELEASE.c.release == names.c.name)
    return (
        sa.select(fixes.c.commit, names.c.name)
        .select_from(fixes.join(names, sa.true()).outerjoin(FIX_RELEASE, answered))
        .where(FIX_RELEASE.c.commit.is_(None))
        .order_by(fixes.c.at.desc(), names.c.at.desc())
    )


def _holds(repository: Repository, commit: str, name: str) -> bool | None:
    found = repository.release(name)
    return repository.holds(found, commit) if found is not None and repository.exists(commit) else None
