"""The worker: does all that is owed to the outside, in the background of whatever program it runs in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from capture.errors import CaptureError
from capture.store.engine import shown_url
from capture.store.failures import explain
from capture.store.outbox import Kind
from workbench.bugs.acts import wake_due
from workbench.config import Config
from workbench.errors import ConfigurationError, WorkbenchError
from workbench.tracker import budget, outbox
from workbench.tracker.connected import Connect, Connected, connect_github
from workbench.tracker.doing import TOGETHER, Doing, Done, Stop
from workbench.tracker.fix_releases import FixReleases
from workbench.tracker.inbound import Inbound
from workbench.tracker.logins import Logins
from workbench.tracker.presence import is_gone, worker_name
from workbench.tracker.reconcile import owe_missing_issues
from workbench.tracker.settings import github_settings
from workbench.tracker.standing import owe_standing

__all__ = ["Done", "Worker", "utc_now", "work_once"]

POLL_SECONDS = 0.5
_AFTER_TROUBLE_SECONDS = 2.0
_LOOK_FOR_UNTOLD = timedelta(seconds=30)
_LOOK_FOR_DEAD = timedelta(seconds=5)
_SHARE_OF_COUNTS = 0.75  # of the hourly writes

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def work_once(
    config: Config,
    engine: Engine,
    *,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
    connect: Connect = connect_github,
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
        connect: Connect = connect_github,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.name = worker_name()
        self.status = ""
        self._problem = ""
        self._config = config
        self._engine = engine
        self._environ = environ
        self._now = now
        self._poll_seconds = poll_seconds
        self._connected = Connected(connect)
        self._doing = Doing(config, engine, self._connected, now=now)
        self._has_reconciled = False
        self._fix_releases = FixReleases(engine, config.repo)
        self._inbound: Inbound | None = None
        self._looked_for_untold = datetime.min.replace(tzinfo=UTC)
        self._looked_for_dead = datetime.min.replace(tzinfo=UTC)
        self._logins = Logins(config)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Never raises: what keeps it from working is said in `status`."""
        while not stop.is_set():
            wait = self._poll_seconds
            try:
                self.round(stop)
                self._logins.learn(self._connected.settings, self._connected.client, now=self._now())
            except Exception as error:  # noqa: BLE001 (the thread goes on, whatever the database or a bug of ours does)
                self._say(_trouble(error, shown_url(self._engine.url)))
                wait = max(wait, _AFTER_TROUBLE_SECONDS)
            stop.wait(wait)
        self.close()

    def round(self, stop: Stop | None = None, *, reads: bool = True) -> list[Done]:
        """Do all that is due now and return what came of it; `stop` ends it between two actions.

        Without `reads`, what happened on GitHub is left to `read`. Raises what the database raises.
        """
        self._doing.let_go()
        wake_due(self._engine, now=self._now())  # whoever works at all keeps the time for muted bugs
        self._fix_releases.keep_up(now=self._now())
        kinds = self._kinds()
        if outbox.ISSUE_KINDS[0] in kinds and not self._has_reconciled:
            owe_missing_issues(self._engine, now=self._now())
            self._has_reconciled = True
        if reads:
            self._keep_up()  # before what is due: what was done there may owe a bug file
        self._owe_standing()
        self._let_go_of_dead()
        done: list[Done] = []
        while stop is None or not stop.is_set():
            leased = self._next(kinds, self._now())
            if not leased:
                break
            done += self._doing.do(leased, stop)
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
        settings = self._connected.settings
        if settings is None or not self._connected.is_free(now):
            yield outbox.FILE_KINDS, TOGETHER
            return
        first = tuple(kind for kind in kinds if kind not in outbox.LAST_KINDS)
        spent = budget.spent(self._engine, now) if settings.hourly_writes else 0
        if spent < settings.hourly_writes:  # what others have in their hands is as good as written
            spent += outbox.in_hands(self._engine, outbox.ISSUE_KINDS, now)
        if settings.hourly_writes and spent >= settings.hourly_writes:
            self._problem = f"GitHub got the {settings.hourly_writes} writes of this hour; the others wait."
            yield outbox.FILE_KINDS, TOGETHER
            return
        most = min(TOGETHER, settings.hourly_writes - spent) if settings.hourly_writes else TOGETHER
        yield first, most
        # What people wait for finds room, however many counts there are to tell.
        if not settings.hourly_writes or spent < settings.hourly_writes * _SHARE_OF_COUNTS:
            yield outbox.LAST_KINDS, 1

    def _let_go_of_dead(self) -> None:
        """Take over, now and then, what workers of this machine held when they died."""
        now = self._now()
        if now >= self._looked_for_dead + _LOOK_FOR_DEAD:
            self._looked_for_dead = now
            outbox.let_go_of_dead(self._engine, is_gone, now)

    def _owe_standing(self) -> None:
        settings, now = self._connected.settings, self._now()
        if settings is None or not settings.status_every or now < self._looked_for_untold + _LOOK_FOR_UNTOLD:
            return
        self._looked_for_untold = now
        owe_standing(self._engine, every=settings.status_every, now=now)

    def _keep_up(self) -> None:
        """Read what happened on GitHub, now and then."""
        settings, now = self._connected.settings, self._now()
        if settings is None or not settings.poll_every or not self._connected.is_free(now):
            return
        if self._inbound is None:
            self._inbound = Inbound(self._engine, every=settings.poll_every, adopts=settings.adopts)
        failure = self._inbound.keep_up(settings.repositories, self._connected.issues, now=now)
        if failure is not None:
            self.close()
            self._problem = self._problem or f"{failure} {failure.cure}".strip()
            self._connected.rest(failure, now)

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        self._connected.close()

    def _kinds(self) -> tuple[Kind, ...]:
        try:
            settings = github_settings(self._config, self._environ)
        except ConfigurationError as error:
            self._problem = f"{error} {error.cure}"
            settings = None
        else:
            self._problem = ""
        if self._connected.use(settings):
            self._inbound = None
        return outbox.FILE_KINDS if settings is None else (*outbox.FILE_KINDS, *outbox.ISSUE_KINDS)

    def _say(self, status: str) -> None:
        if status and status != self.status:  # once, and not with every round
            logger.warning("worker: %s", status)
        self.status = status


def _trouble(error: Exception, database: str) -> str:
    told = error if isinstance(error, CaptureError | WorkbenchError) else explain(error, database)
    if told is not None:
        return f"{str(told).rstrip('.')}. {told.cure}".strip()
    if isinstance(error, SQLAlchemyError):
        return f"The shared database cannot be used right now ({type(error).__name__}); trying again."
    return f"The worker failed ({type(error).__name__}); trying again."
