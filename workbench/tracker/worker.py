"""The worker: does all that is owed to the outside, in the background of whatever program it runs in."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Session

from capture.store.outbox import Kind
from capture.store.tables import Bug
from workbench.bugs.acts import wake_due
from workbench.config import Config
from workbench.errors import ConfigurationError, DatabaseError
from workbench.tracker import outbox
from workbench.tracker.actions import Hands, Outcome, perform, record
from workbench.tracker.failures import Failure, Permanent, Temporary, Uncertain
from workbench.tracker.fix_releases import FixReleases
from workbench.tracker.port import Issues
from workbench.tracker.reconcile import owe_missing_issues
from workbench.tracker.settings import GitHubSettings, github_settings

POLL_SECONDS = 0.5
_AFTER_TROUBLE_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Client(Protocol):
    """A tracker: opens repositories. Used by one thread only."""

    def issues(self, repository: str) -> Issues:
        """Return the issues of the repository owner/name."""
        ...

    def close(self) -> None:
        """Close the connections."""
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
        self._github_rests_until = datetime.min.replace(tzinfo=UTC)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Never raises: what keeps it from working is said in `status`."""
        while not stop.is_set():
            wait = self._poll_seconds
            try:
                self.round(stop)
            except Exception as error:  # noqa: BLE001 (the thread goes on, whatever the database or a bug of ours does)
                self._say(_trouble(error))
                wait = max(wait, _AFTER_TROUBLE_SECONDS)
            stop.wait(wait)
        self.close()

    def round(self, stop: threading.Event | None = None) -> list[Done]:
        """Do all that is due now and return what came of it. Raises what the database raises."""
        wake_due(self._engine, now=self._now())  # whoever works at all keeps the time for muted bugs
        self._fix_releases.keep_up(now=self._now())
        kinds = self._kinds()
        if outbox.ISSUE_KINDS[0] in kinds and not self._has_reconciled:
            owe_missing_issues(self._engine, now=self._now())
            self._has_reconciled = True
        done: list[Done] = []
        while stop is None or not stop.is_set():
            now = self._now()
            due = kinds if now >= self._github_rests_until else outbox.FILE_KINDS
            if not outbox.is_owed(self._engine, due, now):
                break
            leased = outbox.lease(self._engine, self.name, due, now)
            if leased is None:  # another worker was quicker
                break
            done.append(self._do(leased))
        self._say(self._problem)
        return done

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _do(self, leased: outbox.Leased) -> Done:
        hands = Hands(
            engine=self._engine,
            bugs_directory=self._config.bugs_directory,
            repository=self._settings.repository if self._settings else "",
            issues=self._issues,
        )
        try:
            outcome = perform(leased, hands, now=self._now())
            state, text = self._settle(leased, outcome), outcome.text
        except Failure as failure:
            state, text = self._fail(leased, failure), str(failure)
        except (SQLAlchemyError, DatabaseError):
            raise  # the row's lease runs out, and it is done again once the database answers
        except Exception as error:
            logger.exception("owed action %s failed", leased.id)
            ours = Temporary(f"The workbench itself failed at this ({type(error).__name__}).", cure="Report it.")
            state, text = self._fail(leased, ours), str(ours)
        return Done(leased.kind, _number(self._engine, leased.bug_id), text, state)

    def _settle(self, leased: outbox.Leased, outcome: Outcome) -> str:
        now, issue = self._now(), outcome.issue
        also = (lambda session: record(session, leased, issue, now=now)) if issue is not None else None
        try:
            is_mine = outbox.settle(self._engine, leased, outcome.text, now=now, also=also)
        except IntegrityError as error:
            assert issue is not None
            raise Permanent(
                f"Issue {issue.repository}#{issue.number} belongs to another bug already.",
                cure="Merge the two bugs, or take this bug's marker out of the issue, then retry.",
            ) from error
        return "done" if is_mine else "lost"

    def _fail(self, leased: outbox.Leased, failure: Failure) -> str:
        assert isinstance(failure, Temporary | Permanent)
        now = self._now()
        if leased.kind in outbox.ISSUE_KINDS:
            self.close()  # the next try reads anew: the repository may have moved, the answer may have been cut
            if isinstance(failure, Temporary) and not isinstance(failure, Uncertain) and failure.after is not None:
                self._github_rests_until = now + failure.after
        return outbox.fail(self._engine, leased, failure, now=now)

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
            self._settings = settings
        return outbox.FILE_KINDS if settings is None else (*outbox.FILE_KINDS, *outbox.ISSUE_KINDS)

    def _issues(self, repository: str) -> Issues:
        if self._client is None:
            assert self._settings is not None
            self._client = self._connect(self._settings)
        return self._client.issues(repository)

    def _say(self, status: str) -> None:
        if status and status != self.status:  # once, and not with every round
            logger.warning("worker: %s", status)
        self.status = status


def _trouble(error: Exception) -> str:
    if isinstance(error, DatabaseError):
        return f"{error} {error.cure}"
    if isinstance(error, SQLAlchemyError):
        return f"The shared database cannot be used right now ({type(error).__name__}); trying again."
    return f"The worker failed ({type(error).__name__}); trying again."


def _number(engine: Engine, bug_id: int) -> int:
    with Session(engine) as session:
        number = session.scalar(sa.select(Bug.number).where(Bug.id == bug_id))  # type: ignore[call-overload]
        return int(number or 0)  # 0: deleted meanwhile
