"""The worker: does all that is owed to the outside, in the background of whatever program it runs in."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Session, col

from capture.store.outbox import Kind
from capture.store.tables import Bug
from workbench.bugs.acts import wake_due
from workbench.config import Config
from workbench.errors import ConfigurationError, DatabaseError
from workbench.tracker import budget, outbox
from workbench.tracker.actions import End, Hands, Outcome, begin, record
from workbench.tracker.failures import Failure, Permanent, Temporary, Uncertain
from workbench.tracker.fix_releases import FixReleases
from workbench.tracker.inbound import Inbound
from workbench.tracker.logins import Logins
from workbench.tracker.port import Issues
from workbench.tracker.reconcile import owe_missing_issues
from workbench.tracker.settings import GitHubSettings, github_settings
from workbench.tracker.standing import owe_standing

POLL_SECONDS = 0.5
_AFTER_TROUBLE_SECONDS = 2.0
_LOOK_FOR_UNTOLD = timedelta(seconds=30)
_SHARE_OF_COUNTS = 0.75  # of the hourly writes
# So many actions are done together, as long as they are begun within this time: they share what is read of GitHub. A
# worker that dies holds all of them back until its lease ends.
_TOGETHER = 20
_BEGIN_SECONDS = 2.0

_Got = TypeVar("_Got")

logger = logging.getLogger(__name__)


class Client(Protocol):
    """A tracker: opens repositories. Used by one thread only."""

    writes: int  # sent so far

    def issues(self, repository: str) -> Issues:
        """Return the issues of the repository owner/name."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


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


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def connect_github(settings: GitHubSettings) -> Client:
    """Return the client for GitHub. PyGithub is imported only now: it is slow, and not everybody uses it."""
    from workbench.tracker.github import GitHub

    return GitHub(settings)


def work_once(
    config: Config,
    engine: Engine,
    *,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
    connect: Callable[[GitHubSettings], Client] = connect_github,
) -> list[Done]:
    """Do all that is due, and return what came of each action. Actions that failed wait for a later call.

    Raises `ConfigurationError` before anything is done where GitHub is set up in a way that cannot work.
    """
    github_settings(config, environ)
    worker = Worker(config, engine, environ=environ, now=now, connect=connect)
    try:
        return worker.round()
    finally:
        worker.close()


class Worker:
    """Does what is owed until it is told to stop. One thread at a time may use it; any number of workers may run."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        *,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = utc_now,
        connect: Callable[[GitHubSettings], Client] = connect_github,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.status = ""
        self._problem = ""
        self._config = config
        self._engine = engine
        self._environ = environ
        self._now = now
        self._connect = connect
        self._poll_seconds = poll_seconds
        self._settings: GitHubSettings | None = None
        self._client: Client | None = None
        self._has_reconciled = False
        self._fix_releases = FixReleases(engine, config.repo)
        self._inbound: Inbound | None = None
        self._looked_for_untold = datetime.min.replace(tzinfo=UTC)
        self._logins = Logins(config)
        self._github_rests_until = datetime.min.replace(tzinfo=UTC)
        self._written = 0  # by the client, before the action that is being done

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Never raises: what keeps it from working is said in `status`."""
        while not stop.is_set():
            wait = self._poll_seconds
            try:
                self.round(stop)
                self._logins.learn(self._settings, self._connected, now=self._now())
            except Exception as error:  # noqa: BLE001 (the thread goes on, whatever the database or a bug of ours does)
                self._say(_trouble(error))
                wait = max(wait, _AFTER_TROUBLE_SECONDS)
            stop.wait(wait)
        self.close()

    def round(self, stop: Stop | None = None, *, reads: bool = True) -> list[Done]:
        """Do all that is due now and return what came of it; `stop` ends it between two actions.

        Without `reads`, what happened on GitHub is left to `read`. Raises what the database raises.
        """
        wake_due(self._engine, now=self._now())  # whoever works at all keeps the time for muted bugs
        self._fix_releases.keep_up(now=self._now())
        kinds = self._kinds()
        if outbox.ISSUE_KINDS[0] in kinds and not self._has_reconciled:
            owe_missing_issues(self._engine, now=self._now())
            self._has_reconciled = True
        if reads:
            self._keep_up()  # before what is due: what was done there may owe a bug file
        self._owe_standing()
        done: list[Done] = []
        while stop is None or not stop.is_set():
            leased = self._next(kinds, self._now())
            if not leased:
                break
            done += self._do(leased, stop)
        self._say(self._problem)
        return done

    def read(self) -> str:
        """Read what happened on GitHub, if that is due; return what kept us from it, or nothing."""
        self._kinds()
        self._keep_up()
        self._say(self._problem)
        return self._problem

    def _next(self, kinds: tuple[Kind, ...], now: datetime) -> list[outbox.Leased]:
        """Take what is due next, as far as GitHub takes any more from us."""
        for due, most in self._allowed(kinds, now):
            if due and outbox.is_owed(self._engine, due, now):
                leased = outbox.lease_many(self._engine, self.name, due, now, most)
                if leased:  # or else another worker was quicker
                    return leased
        return []

    def _allowed(self, kinds: tuple[Kind, ...], now: datetime) -> Iterator[tuple[tuple[Kind, ...], int]]:
        """Yield kinds that may be done now, and how many at most."""
        settings = self._settings
        if settings is None or now < self._github_rests_until:
            yield outbox.FILE_KINDS, _TOGETHER
            return
        first = tuple(kind for kind in kinds if kind not in outbox.LAST_KINDS)
        spent = budget.spent(self._engine, now) if settings.hourly_writes else 0
        if settings.hourly_writes and spent >= settings.hourly_writes:
            self._problem = f"GitHub got the {settings.hourly_writes} writes of this hour; the others wait."
            yield outbox.FILE_KINDS, _TOGETHER
            return
        most = min(_TOGETHER, settings.hourly_writes - spent) if settings.hourly_writes else _TOGETHER
        yield first, most
        # What people wait for finds room, however many counts there are to tell.
        if not settings.hourly_writes or spent < settings.hourly_writes * _SHARE_OF_COUNTS:
            yield outbox.LAST_KINDS, 1

    def _owe_standing(self) -> None:
        settings, now = self._settings, self._now()
        if settings is None or not settings.status_every or now < self._looked_for_untold + _LOOK_FOR_UNTOLD:
            return
        self._looked_for_untold = now
        owe_standing(self._engine, every=settings.status_every, now=now)

    def _keep_up(self) -> None:
        """Read what happened on GitHub, now and then."""
        settings, now = self._settings, self._now()
        if settings is None or not settings.poll_every or now < self._github_rests_until:
            return
        if self._inbound is None:
            self._inbound = Inbound(self._engine, every=settings.poll_every, adopts=settings.adopts)
        failure = self._inbound.keep_up(settings.repositories, self._issues, now=now)
        if failure is not None:
            self.close()
            self._problem = self._problem or f"{failure} {failure.cure}".strip()
            if isinstance(failure, Temporary) and failure.after is not None:
                self._github_rests_until = now + failure.after

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _do(self, batch: list[outbox.Leased], stop: Stop | None) -> list[Done]:
        """Begin all, end what was begun, and put back what there was no time for, or no sense in after a failure."""
        began = time.monotonic()
        are_many = sum(leased.kind in outbox.ISSUE_KINDS for leased in batch) > 1
        hands = Hands(
            engine=self._engine,
            bugs_directory=self._config.bugs_directory,
            repository=self._settings.repository if self._settings else "",
            issues=self._issues,
            rules=self._settings.rules if self._settings else (),
            as_of=began if are_many else None,
        )
        self._written = self._client.writes if self._client is not None else 0
        begun: list[tuple[outbox.Leased, End]] = []
        failed: list[tuple[outbox.Leased, Failure]] = []
        done: list[Done] = []
        for leased in batch:
            is_late = time.monotonic() > began + _BEGIN_SECONDS or (stop is not None and stop.is_set())
            if failed or (is_late and begun):
                break
            end = _tried(leased, partial(begin, leased, hands, now=self._now()))
            if isinstance(end, Failure):
                failed.append((leased, end))
            else:
                begun.append((leased, end))
        rest = batch[len(begun) + len(failed) :]
        trouble: Failure | None = None  # what keeps one from being looked after keeps the others too
        for leased, end in begun:
            ended = _tried(leased, partial(self._end, leased, end)) if trouble is None else trouble
            if isinstance(ended, Done):
                done.append(ended)
            else:
                trouble = ended if isinstance(ended, Temporary) else None
                failed.append((leased, ended))
        for leased, failure in failed:
            state = self._fail(leased, failure)
            done.append(Done(leased.kind, leased.bug_id, str(failure), state))
        if rest:
            outbox.put_back(self._engine, rest)
        numbers = _numbers(self._engine, {one.bug for one in done})
        return [replace(one, bug=numbers.get(one.bug, 0)) for one in done]  # 0: deleted meanwhile

    def _end(self, leased: outbox.Leased, end: End) -> Done:
        outcome = end()
        state = self._settle(leased, outcome)
        return Done(leased.kind, leased.bug_id, outcome.text, state)

    def _settle(self, leased: outbox.Leased, outcome: Outcome) -> str:
        now, issue, writes = self._now(), outcome.issue, self._take_writes()

        def also(session: Session) -> None:
            budget.note(session, writes, now=now)
            if issue is not None or outcome.told is not None:
                record(session, leased, outcome, now=now)

        try:
            is_mine = outbox.settle(self._engine, leased, outcome.text, now=now, also=also)
        except IntegrityError as error:
            if issue is None:
                raise
            raise Permanent(
                f"Issue {issue.repository}#{issue.number} belongs to another bug already.",
                cure="Merge the two bugs, or take this bug's marker out of the issue, then retry.",
            ) from error
        return "done" if is_mine else "lost"

    def _fail(self, leased: outbox.Leased, failure: Failure) -> str:
        assert isinstance(failure, Temporary | Permanent)
        now, writes = self._now(), self._take_writes()
        if leased.kind in outbox.ISSUE_KINDS:
            self.close()  # the next try reads anew: the repository may have moved, the answer may have been cut
            if isinstance(failure, Temporary) and not isinstance(failure, Uncertain) and failure.after is not None:
                self._github_rests_until = now + failure.after
        return outbox.fail(
            self._engine, leased, failure, now=now, also=lambda session: budget.note(session, writes, now=now)
        )

    def _take_writes(self) -> int:
        """Return how many writes were sent that nobody has counted yet."""
        if self._client is None:
            return 0
        before, self._written = self._written, self._client.writes
        return self._written - before

    def _kinds(self) -> tuple[Kind, ...]:
        try:
            settings = github_settings(self._config, self._environ)
        except ConfigurationError as error:
            self._problem = f"{error} {error.cure}"
            settings = None
        else:
            self._problem = ""
        if settings != self._settings:
            self.close()
            self._settings, self._inbound = settings, None
        return outbox.FILE_KINDS if settings is None else (*outbox.FILE_KINDS, *outbox.ISSUE_KINDS)

    def _issues(self, repository: str) -> Issues:
        return self._connected().issues(repository)

    def _connected(self) -> Client:
        if self._client is None:
            assert self._settings is not None
            self._client = self._connect(self._settings)
        return self._client

    def _say(self, status: str) -> None:
        if status and status != self.status:  # once, and not with every round
            logger.warning("worker: %s", status)
        self.status = status


def _tried(leased: outbox.Leased, act: Callable[[], _Got]) -> _Got | Failure:
    """Return what `act` returns, or what kept it from that. Raises what the database raises.

    Then the lease runs out, and the row is done again once the database answers.
    """
    try:
        return act()
    except Failure as failure:
        return failure
    except (SQLAlchemyError, DatabaseError):
        raise
    except Exception as error:
        logger.exception("owed action %s failed", leased.id)
        return Temporary(f"The workbench itself failed at this ({type(error).__name__}).", cure="Report it.")


def _trouble(error: Exception) -> str:
    if isinstance(error, DatabaseError):
        return f"{error} {error.cure}"
    if isinstance(error, SQLAlchemyError):
        return f"The shared database cannot be used right now ({type(error).__name__}); trying again."
    return f"The worker failed ({type(error).__name__}); trying again."


def _numbers(engine: Engine, bug_ids: Collection[int]) -> dict[int, int]:
    """Return the numbers of bugs by their ids."""
    with Session(engine) as session:
        return dict(session.execute(sa.select(col(Bug.id), col(Bug.number)).where(col(Bug.id).in_(bug_ids))).all())
