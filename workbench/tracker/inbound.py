"""What happens on GitHub comes to the bugs: lists of changes, read a little further every now and then.

How far each list was read is kept in the database, so that any number of workers read it once. A cursor moves
when what was read is written down: a worker that dies before has it read again, which changes nothing more. A little
of what was read before is read again each time, for what GitHub listed late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult, Engine
from sqlmodel import Session, col, select

from capture.store import creation
from capture.store.engine import upsert, writing
from capture.store.tables import Delivery, Issue, IssueFeed, table_of
from workbench.tracker import adopting, naming, noting
from workbench.tracker.failures import Failure, Gone, Permanent, Temporary
from workbench.tracker.locks import lock_bugs
from workbench.tracker.port import Commit, Feed, Issues, Page, Remote, Said

FEEDS: tuple[Feed, ...] = ("comments", "issues", "commits")
_UNLISTED = "unlisted"  # in place of an ETag: this server lists no comments of a repository, only those of an issue
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # when an issue was looked at that is to be looked at now
OVERLAP = timedelta(minutes=2)
BEFORE = timedelta(days=14)  # so far back begins the first reading; commits keep the time of their branch
_PAGES = 20  # of a list at a time
_HANDFUL = 10  # items of a page that are noted in one transaction
_REPOSITORIES = 50
_LOOKS = 20  # at single issues at a time
_LOOK_AGAIN = timedelta(days=1)  # at an issue of which no list tells: it may have been deleted or transferred
_TROUBLED = 10  # so many times the interval passes after what a person has to mend
_KEPT = timedelta(days=7)  # deliveries that are done

_FEED, _DELIVERY = table_of(IssueFeed), table_of(Delivery)


@dataclass(frozen=True)
class _Read:
    """How far a list was read when it was claimed."""

    repository: str
    kind: Feed
    since: datetime | None
    etag: str
    problem: str = ""


def followed(repositories: Collection[str]) -> sa.ColumnElement[bool]:
    """The lists that are read: of `repositories`, and of those with linked issues. Others are kept, and left alone."""
    linked = sa.select(col(Issue.bug_id)).where(col(Issue.repository) == col(IssueFeed.repository)).exists()
    return sa.or_(col(IssueFeed.repository).in_(repositories), linked)


class Inbound:
    """Keeps up with what happens on GitHub. One thread at a time may use it."""

    def __init__(self, engine: Engine, *, every: timedelta, adopts: bool = False) -> None:
        self._engine = engine
        self._every = every
        self._adopts = adopts

    def keep_up(
        self, repositories: Collection[str], issues: Callable[[str], Issues], *, now: datetime
    ) -> Failure | None:
        """Read what is due to be read; return why something could not be, or None. Cheap to call often."""
        self._take_deliveries(now)
        if not self._is_due(repositories, now):
            return None
        trouble: Failure | None = None
        for name in self._all(repositories, now):
            for read in self._claim(name, now):
                try:
                    self._follow(issues(name), read, now)
                except Failure as failure:
                    trouble = failure
                    self._troubled(read, failure, now)
                    if isinstance(failure, Temporary) and failure.after is not None:
                        return failure
        return self._look(issues, now) or trouble

    def _is_due(self, repositories: Collection[str], now: datetime) -> bool:
        with Session(self._engine) as session:
            known = set(session.exec(select(IssueFeed.repository)))
            late = select(IssueFeed.kind).where(IssueFeed.next_at <= now, followed(repositories))
            due = session.exec(late.limit(1)).first()
        return due is not None or bool(set(repositories) - known)

    def _all(self, repositories: Collection[str], now: datetime) -> list[str]:
        """Return the repositories that issues go to or are in, each with its feeds."""
        with Session(self._engine) as session:
            linked = session.exec(select(Issue.repository).distinct().limit(_REPOSITORIES)).all()
            known = set(session.exec(select(IssueFeed.repository)))
        names = list(dict.fromkeys((*repositories, *linked)))[:_REPOSITORIES]
        rows = [
            {"repository": name, "kind": kind, "since": None, "etag": "", "next_at": now, "problem": ""}
            for name in names
            if name not in known
            for kind in FEEDS
        ]
        if rows:
            with writing(self._engine).begin() as connection:
                connection.execute(upsert(connection, _FEED).on_conflict_do_nothing(), rows)
        return names

    def _claim(self, repository: str, now: datetime) -> list[_Read]:
        """Take the lists of a repository that are due, so that no other worker reads them."""
        claimed = []
        due = sa.select(_FEED).where(_FEED.c.repository == repository, _FEED.c.next_at <= now).order_by(_FEED.c.kind)
        with writing(self._engine).begin() as connection:
            for row in connection.execute(due).all():
                mine = sa.update(_FEED).where(
                    _FEED.c.repository == repository, _FEED.c.kind == row.kind, _FEED.c.next_at == row.next_at
                )
                taken = connection.execute(mine.values(next_at=now + self._every))
                if cast("CursorResult[Any]", taken).rowcount:
                    claimed.append(_Read(repository, row.kind, row.since, row.etag, row.problem))
        order = {kind: place for place, kind in enumerate(FEEDS)}
        return sorted(claimed, key=lambda read: order[read.kind])

    def _follow(self, issues: Issues, read: _Read, now: datetime) -> None:
        if issues.full_name != read.repository:
            self._rename(read.repository, issues.full_name)
        if read.kind == "commits":
            # Not by the last commit's time: what is merged later may be older. The day keeps the question the same.
            start: datetime | None = now.replace(hour=0, minute=0, second=0, microsecond=0) - BEFORE
        elif read.since is not None:
            start = read.since - OVERLAP
        else:
            start = None if self._adopts and read.kind == "issues" else now - BEFORE
        etag = read.etag
        for _page in range(_PAGES):
            try:
                page = issues.changes(read.kind, since=start, etag="" if etag == _UNLISTED else etag)
            except Gone:
                if read.kind != "comments":
                    raise
                self._set(read, etag=_UNLISTED, problem="")
                return
            if not page.is_new:
                if read.problem:
                    self._set(read, problem="")
                break
            self._write(issues.full_name, read, page, now)
            if not page.is_cut:
                break
            start, etag = page.items[-1].at, ""

    def _write(self, repository: str, read: _Read, page: Page, now: datetime) -> None:
        # A few items a transaction, so that no bug is held from sites and people over a whole page. What was noted
        # twice changes nothing more, so the cursor may move last.
        for start in range(0, len(page.items), _HANDFUL):
            with Session(writing(self._engine)) as session:
                changed = self._note(session, repository, page.items[start : start + _HANDFUL], now)
                noting.touch(session, changed, now=now)
                session.commit()
        newest = max((item.at for item in page.items), default=None)
        since = max((at for at in (read.since, newest) if at is not None), default=now - BEFORE)
        # The key is the name that the list is asked by; what is in it carries the name that it has now.
        mine = sa.and_(_FEED.c.repository.in_((read.repository, repository)), _FEED.c.kind == read.kind)
        further = sa.case((_FEED.c.since > since, _FEED.c.since), else_=since)
        with writing(self._engine).begin() as connection:
            connection.execute(
                sa.update(_FEED).where(mine).values(since=further, etag="" if page.is_cut else page.etag, problem="")
            )

    def _note(
        self, session: Session, repository: str, items: Sequence[Remote | Said | Commit], now: datetime
    ) -> set[int]:
        adoptable: set[int] = set()
        if self._adopts:
            adoptable = adopting.adoptable(session, repository, items)
            if adoptable:
                creation.lock_numbers(session)  # before any lock on a bug
        issues = [item for item in items if isinstance(item, Remote)]
        comments = [item for item in items if isinstance(item, Said)]
        commits = [item for item in items if isinstance(item, Commit)]
        numbers = {item.found.number for item in issues} | {one.number for one in comments}
        named = naming.named_by(session, repository, [*(item for item in issues if item.is_pull), *commits])
        rows = noting.linked(session, repository, numbers, also=named)
        said = session.get(IssueFeed, (repository, "comments"))
        is_unlisted = said is not None and said.etag == _UNLISTED
        for item in issues:
            if (row := rows.get(item.found.number)) is not None:
                had = row.comments
                noting.note_issue(session, row, item, now=now)
                if row.comments != had and is_unlisted:
                    row.synced_at = _LONG_AGO
            elif item.found.number in adoptable:
                adopting.adopt_labelled(session, item, now=now)
        changed = {
            row.bug_id
            for number, row in rows.items()
            if (theirs := [one for one in comments if one.number == number])
            and noting.note_comments(session, row.bug_id, theirs)
        }
        pulls = [item for item in issues if item.is_pull and item.found.number not in rows]
        return changed | naming.note_all(session, repository, [*pulls, *commits], now=now)

    def _look(self, issues: Callable[[str], Issues], now: datetime) -> Failure | None:
        """Look at issues of which nothing is known, of which a webhook told, or nothing was heard for long."""
        for bug_id, repository, number in self._to_look_at(now):
            try:
                there = issues(repository)
                if there.full_name != repository:
                    self._rename(repository, there.full_name)
                seen: Remote | None = None
                comments: list[Said] = []
                try:
                    seen = there.look(number)
                    comments = there.said(number) if seen.found.repository == there.full_name else []
                except Gone:
                    pass
            except Permanent:
                continue  # told at the lists of its repository
            except Failure as failure:
                return failure
            with Session(writing(self._engine)) as session:
                lock_bugs(session, [bug_id])
                row = session.get(Issue, bug_id)
                if row is not None and row.number == number and row.repository in (repository, there.full_name):
                    if seen is None:
                        noting.note_gone(session, row, now=now)
                    else:
                        noting.note_issue(session, row, seen, now=now)
                        if noting.note_comments(session, bug_id, comments, is_all=bool(comments)):
                            noting.touch(session, [bug_id], now=now)
                session.commit()
        return None

    def _to_look_at(self, now: datetime) -> list[tuple[int, str, int]]:
        quiet = sa.and_(col(Issue.note) != noting.GONE, col(Issue.synced_at) <= now - _LOOK_AGAIN)
        statement = (
            sa.select(col(Issue.bug_id), col(Issue.repository), col(Issue.number))
            .where(sa.or_(sa.and_(col(Issue.remote_at).is_(None), col(Issue.note) != noting.GONE), quiet))
            .order_by(col(Issue.synced_at), col(Issue.bug_id))
            .limit(_LOOKS)
        )
        with Session(self._engine) as session:
            return [(row[0], row[1], row[2]) for row in session.execute(statement)]

    def _take_deliveries(self, now: datetime) -> None:
        """Make due what webhooks told of: the lists of the repository, and the issue itself."""
        waiting = sa.select(_DELIVERY.c.id, _DELIVERY.c.repository, _DELIVERY.c.number).where(
            _DELIVERY.c.done_at.is_(None)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(waiting.order_by(_DELIVERY.c.received_at).limit(500)).all()
        if not rows:
            return
        told: dict[str, set[int]] = {}
        for row in rows:
            told.setdefault(row.repository, set()).update(() if row.number is None else (row.number,))
        named = {(repository, number) for repository, numbers in told.items() for number in numbers}
        with Session(writing(self._engine)) as session:
            bug_ids = noting.lock_linked(session, sa.tuple_(col(Issue.repository), col(Issue.number)).in_(named))
            session.execute(sa.update(Issue).where(col(Issue.bug_id).in_(bug_ids)).values(synced_at=_LONG_AGO))
            for repository in sorted(told):
                due = sa.update(_FEED).where(_FEED.c.repository == repository, _FEED.c.problem == "")
                session.execute(due.values(next_at=now))
            done = sa.update(_DELIVERY).where(_DELIVERY.c.id.in_([row.id for row in rows]))
            session.execute(done.values(done_at=now))
            session.execute(sa.delete(_DELIVERY).where(_DELIVERY.c.done_at < now - _KEPT))
            session.commit()

    def _troubled(self, read: _Read, failure: Failure, now: datetime) -> None:
        wait = self._every
        if isinstance(failure, Permanent):
            wait *= _TROUBLED
        elif isinstance(failure, Temporary) and failure.after is not None:
            wait = max(wait, failure.after)
        reason = " ".join(part for part in (str(failure), failure.cure) if part)
        self._set(read, next_at=now + wait, problem=reason)

    def _set(self, read: _Read, **values: Any) -> None:
        mine = sa.update(_FEED).where(_FEED.c.repository == read.repository, _FEED.c.kind == read.kind)
        with writing(self._engine).begin() as connection:
            connection.execute(mine.values(**values))

    def _rename(self, old: str, new: str) -> None:
        """Follow a repository to its new name: its linked issues are there now."""
        issue = table_of(Issue)
        taken = sa.select(issue.c.number).where(issue.c.repository == new)
        with Session(writing(self._engine)) as session:
            there = set(session.scalars(taken))
            bug_ids = noting.lock_linked(session, sa.and_(issue.c.repository == old, issue.c.number.not_in(there)))
            session.execute(
                sa.update(issue)
                .where(issue.c.bug_id.in_(bug_ids), issue.c.repository == old)
                .values(repository=new, url=sa.func.replace(issue.c.url, f"/{old}/", f"/{new}/"))
            )
            session.commit()
