"""Doing a handful of leased actions together, and settling them together.

They share what is read of the database and of GitHub's lists. A worker that dies anywhere in here leaves leases that
run out; whoever has them next looks before it writes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Session, col

from capture.errors import CaptureError, EventUnreadable, StoreError
from capture.store.engine import writing
from capture.store.outbox import Kind
from capture.store.tables import Bug
from workbench.config import Config
from workbench.errors import DatabaseError, WorkbenchError
from workbench.tracker import budget, outbox, owed_bugs
from workbench.tracker.actions import End, Hands, Outcome, begin
from workbench.tracker.bug_files import BugFiles
from workbench.tracker.connected import Connected
from workbench.tracker.failures import Failure, NotSeen, Permanent, Temporary
from workbench.tracker.outbox import Leased
from workbench.tracker.owed_bugs import OwedBug
from workbench.tracker.recording import record

# So many actions are done together, as long as they are begun within this time. A worker that dies holds all of them
# back until its lease ends.
TOGETHER = 20
_BEGIN_SECONDS = 2.0
# So long it is looked after them: what is left is put back, so that no lease ends while its row is in our hands.
_END_SECONDS = 10.0

_Begun = tuple[Leased, Outcome | End]
_Failed = tuple[Leased, Failure]

_Got = TypeVar("_Got")

logger = logging.getLogger(__name__)


class Stop(Protocol):
    """Tells when to stop: an event of threading, or a limit of time."""

    def is_set(self) -> bool:
        """Return whether it is time."""
        ...


@dataclass(frozen=True)
class Done:
    """What became of one owed action. `bug` is the bug's number; `state` is done, due (tried again later) or parked."""

    kind: Kind
    bug: int
    outcome: str
    state: str = "done"


class Doing:
    """Does leased actions. One thread at a time may use it."""

    def __init__(self, config: Config, engine: Engine, connected: Connected, *, now: Callable[[], datetime]) -> None:
        self._config = config
        self._engine = engine
        self._connected = connected
        self._now = now
        self._left: list[Leased] = []  # not settled when the database failed

    def do(self, batch: list[Leased], stop: Stop | None) -> list[Done]:
        """Begin all, end what was begun, and put back what there was no time for, or no sense in after a failure."""
        self._left = batch
        begun, failed, rest = self._begin(batch, stop)
        if rest:
            outbox.put_back(self._engine, rest)  # at once: others may have time for them
        ended, more_failed, unended = self._end(begun, failed)
        if unended:
            outbox.put_back(self._engine, unended)  # whoever ends them finds what was written
        done = self._settle(ended)
        for leased, failure in (*failed, *more_failed):
            state = self._fail(leased, failure)
            done.append(Done(leased.kind, leased.bug_id, str(failure), state))
        self._left = []
        numbers = _numbers(self._engine, {one.bug for one in done})
        return [replace(one, bug=numbers.get(one.bug, 0)) for one in done]  # 0: deleted meanwhile

    def let_go(self) -> None:
        """Have what the database broke off tried again after a while, and not only when its lease ends."""
        for leased in self._left:
            outbox.fail(self._engine, leased, Temporary("The database failed while this was done."), now=self._now())
        self._left = []

    def _begin(self, batch: list[Leased], stop: Stop | None) -> tuple[list[_Begun], list[_Failed], list[Leased]]:
        """Begin as many as there is time for; after a failure only what does not need GitHub."""
        began, settings = time.monotonic(), self._connected.settings
        are_many = sum(leased.kind in outbox.ISSUE_KINDS for leased in batch) > 1
        hands = Hands(
            files=BugFiles(self._config.bugs_directory, self._config.repo, self._config["bugs.branch"]),
            repository=settings.repository if settings else "",
            issues=self._connected.issues,
            rules=settings.rules if settings else (),
            as_of=began if are_many else None,
        )
        bugs = self._read(batch)
        begun: list[_Begun] = []
        failed: list[_Failed] = []
        rest: list[Leased] = []
        for leased in batch:
            is_late = time.monotonic() > began + _BEGIN_SECONDS or (stop is not None and stop.is_set())
            is_over = self._now() >= leased.until  # a process that was suspended may wake up when others have its rows
            if is_over or (is_late and (begun or failed)) or (failed and leased.kind in outbox.ISSUE_KINDS):
                rest.append(leased)
                continue
            end = _tried(leased, partial(self._begin_one, leased, bugs, hands))
            if isinstance(end, Failure):
                failed.append((leased, end))
            else:
                begun.append((leased, end))
        return begun, failed, rest

    def _end(
        self, begun: Sequence[_Begun], failed: Sequence[_Failed]
    ) -> tuple[list[tuple[Leased, Outcome]], list[_Failed], list[Leased]]:
        """Look after what was begun: all of it, or as much as there is time for, but at least one."""
        late = time.monotonic() + _END_SECONDS
        ended = [(leased, end) for leased, end in begun if isinstance(end, Outcome)]
        more_failed: list[_Failed] = []
        unended: list[Leased] = []
        # What keeps one from being looked after keeps the others too, and who is told to wait asks nothing more.
        trouble: Failure | None = next((failure for _leased, failure in failed if failure.asks_for_rest), None)
        have_looked = False
        for leased, end in begun:
            if isinstance(end, Outcome):
                continue
            if have_looked and trouble is None and time.monotonic() > late:
                unended.append(leased)
                continue
            outcome = _tried(leased, end) if trouble is None else trouble
            have_looked = True
            if isinstance(outcome, Outcome):
                ended.append((leased, outcome))
            else:
                trouble = outcome if isinstance(outcome, Temporary) else None
                more_failed.append((leased, outcome))
        return ended, more_failed, unended

    def _begin_one(self, leased: Leased, bugs: dict[int, OwedBug], hands: Hands) -> Outcome | End:
        bug = bugs.get(leased.id) or owed_bugs.read(self._engine, [leased], now=self._now()).get(leased.id)
        if bug is None:
            raise Permanent("The bug was deleted meanwhile.")
        return begin(leased, bug, hands)

    def _read(self, batch: Sequence[Leased]) -> dict[int, OwedBug]:
        """Return the bugs of all, or none: one that cannot be read is then told of alone, and keeps no other back."""
        try:
            return owed_bugs.read(self._engine, batch, now=self._now())
        except Exception as error:
            if _is_of_the_database(error):
                raise
            logger.exception("the bugs of %d owed actions could not be read together", len(batch))
            return {}

    def _settle(self, ended: Sequence[tuple[Leased, Outcome]]) -> list[Done]:
        if not ended:
            return []
        self._count_writes()
        now = self._now()

        def also(session: Session, mine: set[int]) -> None:
            record(session, [(leased, outcome) for leased, outcome in ended if leased.id in mine], now=now)

        texts = [(leased, outcome.text) for leased, outcome in ended]
        try:
            mine = outbox.settle(self._engine, texts, now=now, also=also)
        except IntegrityError as error:
            if len(ended) > 1:
                return [done for one in ended for done in self._settle([one])]
            return [self._belongs_to_another(*ended[0], error)]
        return [
            Done(leased.kind, leased.bug_id, outcome.text, "done" if leased.id in mine else "lost")
            for leased, outcome in ended
        ]

    def _count_writes(self) -> None:
        """Count what was sent to GitHub, by itself: all workers write to one row, and hold no bug while they wait."""
        if writes := self._connected.uncounted():
            with Session(writing(self._engine)) as session:
                budget.note(session, writes, now=self._now())
                session.commit()
            self._connected.counted(writes)

    def _belongs_to_another(self, leased: Leased, outcome: Outcome, error: IntegrityError) -> Done:
        if (issue := outcome.issue) is None:
            raise error
        failure = Permanent(
            f"Issue {issue.repository}#{issue.number} belongs to another bug already.",
            cure="Merge the two bugs, or take this bug's marker out of the issue, then retry.",
        )
        return Done(leased.kind, leased.bug_id, str(failure), self._fail(leased, failure))

    def _fail(self, leased: Leased, failure: Failure) -> str:
        assert isinstance(failure, Temporary | Permanent)
        self._count_writes()
        now = self._now()
        if isinstance(failure, NotSeen) and outbox.has_opened_lately(self._engine, leased.bug_id, now=now):
            failure = Temporary(str(failure), cure="It was opened a moment ago: it is tried again.")
        state = outbox.fail(self._engine, leased, failure, now=now)
        if leased.kind in outbox.ISSUE_KINDS:
            # The next try reads anew: the repository may have moved, the answer may have been cut.
            self._connected.close()
            self._connected.rest(failure, now)
        return state


def _tried(leased: Leased, act: Callable[[], _Got]) -> _Got | Failure:
    """Return what `act` returns, or what kept it from that. Raises what the database raises: see `let_go`."""
    try:
        return act()
    except Failure as failure:
        return failure
    except Exception as error:
        if _is_of_the_database(error):
            raise
        logger.exception("owed action %s failed", leased.id)
        if isinstance(error, CaptureError | WorkbenchError):
            return Temporary(str(error), cure=error.cure)
        return Temporary(f"The workbench itself failed at this ({type(error).__name__}).", cure="Report it.")


def _is_of_the_database(error: Exception) -> bool:
    """Say whether it is the database's trouble, and not that of one row in it."""
    return isinstance(error, SQLAlchemyError | DatabaseError | StoreError) and not isinstance(error, EventUnreadable)


def _numbers(engine: Engine, bug_ids: Collection[int]) -> dict[int, int]:
    """Return the numbers of bugs by their ids."""
    with Session(engine) as session:
        return dict(session.execute(sa.select(col(Bug.id), col(Bug.number)).where(col(Bug.id).in_(bug_ids))).all())
