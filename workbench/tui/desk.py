"""What the screens can do, in one place: every call goes down to a function that the commands use too.

Only worker threads call a desk. The parts below are imported inside the methods, because the first paint must not
wait for SQLModel, PyGithub or GitPython.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.bugs.order import LATEST_FIRST, Order
from workbench.tui.session_desk import SessionDesk

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from capture.event import Event, Frame
    from workbench.bugs import occurrences
    from workbench.bugs.acts import Done
    from workbench.bugs.filters import FilterError
    from workbench.bugs.listing import Window
    from workbench.bugs.occurrences import Edge
    from workbench.bugs.persons import Account
    from workbench.bugs.queries import Ledger, Watcher
    from workbench.bugs.rows import BugPage, SessionRow, SignOffRow
    from workbench.bugs.source_files import Source
    from workbench.bugs.stats import Stats
    from workbench.config import Config
    from workbench.landing import Leftover
    from workbench.signoff import Proposal
    from workbench.tracker.health import Health
    from workbench.tui.documents.figures import Figures

Clock = Callable[[], datetime]


class Asked(NamedTuple):
    """What is asked of the list; with `days` or `users`, also for the last days of its bugs, or who met them."""

    filter: str = ""
    order: Order = LATEST_FIRST
    days: bool = False
    users: bool = False


class Listed(NamedTuple):
    """A piece of the list as an answer. `counts` holds how many bugs there are by state.

    `is_empty` says that there are no bugs at all, whatever is asked.
    """

    asked: Asked
    counts: Mapping[str, int]
    window: Window
    is_empty: bool = False


class Dashboard(NamedTuple):
    """All bugs in figures, and how it stands with GitHub where that is used; reading them took so many `seconds`."""

    stats: Stats
    github: Health | None
    seconds: float = 0.0


def wrong_filter(text: str) -> FilterError | None:
    """Return what is wrong with a filter, or None."""
    from workbench.bugs.filters import FilterError, parse

    try:
        parse(text)
    except FilterError as error:
        return error
    return None


class Desk:
    """The store and the repository, as the screens use them."""

    def __init__(self, config: Config, *, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.sessions = SessionDesk(self)
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The open store."""
        assert self._engine is not None, "open() comes first"
        return self._engine

    def open(self) -> None:
        """Open the store. Raises `DatabaseError` with a cure when it can't be used."""
        from workbench.bugs.store import open_store, spare_memory

        engine = open_store(self.config)
        spare_memory(engine)
        self._engine = engine

    @property
    def read_only(self) -> str:
        """Why nothing can be changed here, with what to do about it; empty where it can."""
        if self._engine is None:
            return ""
        from capture.store.engine import why_read_only

        why = why_read_only(self._engine)
        return f"{why} {why.cure}" if why is not None else ""

    def close(self) -> None:
        """Let go of the store's connections, and of what was begun for a launch."""
        self.sessions.stand_down()
        if self._engine is not None:
            self._engine.dispose()

    @cached_property
    def person(self) -> str:
        """Who sits here, as git knows it; asked only once it matters, since what asks git is slow to load."""
        import getpass

        if not (self.config.repo / ".git").exists():
            return getpass.getuser()  # no repository: looking is possible all the same
        from workbench.errors import WorkbenchError
        from workbench.git import Repository

        try:
            return Repository.open(self.config.repo).identity()
        except WorkbenchError:
            return getpass.getuser()

    def watcher(self) -> Watcher:
        """Return a watcher over the store."""
        from workbench.bugs.queries import Watcher

        return Watcher(self.engine)

    def listed(self, asked: Asked, *, start: int, size: int, around: int | None = None) -> Listed:
        """Return a piece of the list: from `start` on, or around a bug, and how many bugs it has in each state."""
        from workbench.bugs import listing

        question, now = listing.Question(asked.filter, asked.order, self._who(asked.filter)), self.clock()
        wanted = {"days": asked.days, "users": asked.users}
        counts, window = listing.listed(self.engine, question, start=start, size=size, around=around, **wanted, now=now)
        return Listed(asked, counts, window, window.total == 0 and listing.is_empty(self.engine))

    def counts(self, filters: Iterable[str], *, most: int) -> dict[str, int]:
        """Return how many bugs each of some filters matches, at most so many."""
        from workbench.bugs import listing

        asked = {text: listing.Question(text, me=self._who(text)) for text in filters}
        return dict(zip(asked, listing.sizes(self.engine, asked.values(), most=most, now=self.clock()), strict=True))

    def _who(self, text: str) -> str:
        return self.person if "me" in text.casefold() else ""

    def known(self) -> dict[str, list[str]]:
        """Return values that a filter can be completed with; only those that can be typed as they are."""
        from workbench.bugs import listing
        from workbench.text import plain

        found = listing.known(self.engine)
        return {field: [each for each in values if plain(each, 100) == each] for field, values in found.items()}

    def ledger(self) -> Ledger:
        """Return seen, stored, counted and dropped."""
        from workbench.bugs import queries

        return queries.ledger(self.engine)

    def page(self, number: int) -> BugPage:
        """Return everything about a bug."""
        from workbench.bugs import queries

        return queries.bug_page(self.engine, number, now=self.clock())

    def occurrences(self, number: int, beside: Edge | None) -> occurrences.Window:
        """Return a window on the stored events of a bug."""
        from workbench.bugs import occurrences

        return occurrences.window(self.engine, number, beside=beside)

    def figures(self, number: int) -> Figures:
        """Return when the events of a bug happened and what differs between them."""
        from workbench.bugs import over_time, varying
        from workbench.tui.documents.figures import Figures

        return Figures(over_time.of_bug(self.engine, number, now=self.clock()), varying.of_bug(self.engine, number))

    def dashboard(self) -> Dashboard:
        """Return all bugs in figures, and how it stands with GitHub."""
        from workbench.bugs import stats
        from workbench.tracker import health

        began, now = time.monotonic(), self.clock()
        found = stats.stats(self.engine, now=now), health.of_settings(self.config, self.engine, now=now)
        return Dashboard(*found, seconds=time.monotonic() - began)

    def retry(self, owed_id: int) -> None:
        """Let an owed action that was given up be tried again."""
        from workbench.tracker import outbox

        outbox.retry(self.engine, owed_id, now=self.clock())

    def act(self, kind: str, *given: Any, **words: Any) -> Done:
        """Do one of the acts of `workbench.bugs.acts`, as this person and now."""
        from workbench.bugs import acts

        done: Done = getattr(acts, kind)(self.engine, *given, by=self.person, now=self.clock(), **words)
        return done

    def undo(self, rows: tuple[int, ...]) -> Done:
        """Take an act back, with what followed from it where that can be."""
        from workbench import undoing

        return undoing.undo(self.engine, rows, by=self.person, now=self.clock())

    def last_act(self) -> tuple[int, ...]:
        """Return the rows of the last act of this person that can be undone."""
        from workbench.bugs import acts

        return acts.last_act(self.engine, by=self.person)

    def event(self, occurrence_id: str) -> Event:
        """Return one stored event."""
        from workbench.bugs import queries

        return queries.event(self.engine, occurrence_id)

    def sources(self, event: Event, frame: Frame | None) -> list[Source]:
        """Return the lines of the checkout that a frame may stand for. Raises `NotFound` where there is none."""
        from workbench.bugs.source_files import sources
        from workbench.git import Repository

        return sources(Repository.open(self.config.repo), event, frame)

    def proposal(self, number: int) -> Proposal:
        """Return what there is to sign off."""
        from workbench import signoff

        return signoff.proposal(self.engine, number, now=self.clock())

    def follows(self) -> str:
        """Return what becomes of a fix that is signed off. Raises `ConfigurationError`."""
        from workbench import landing

        return landing.plan(self.config)

    def verify(self, proposal: Proposal, note: str) -> SignOffRow:
        """Sign off a fix as it was seen, and do with it what the configuration says."""
        from workbench import landing, signoff

        now, quiet = self.clock(), timedelta(minutes=self.config["signoff.quiet_minutes"])
        signed = signoff.verify(
            self.engine,
            proposal.row.number,
            proposal.seen,
            by=self.person,
            account=self._account(),
            note=note,
            quiet=quiet,
            now=now,
        )
        landing.land(self.config, self.engine, proposal, signed, now=now)
        return signed

    def leftover(self, proposal: Proposal) -> Leftover | None:
        """Return the worktree of a fix that was decided on, where it is still there."""
        from workbench import landing

        return landing.leftover(proposal)

    def remove_worktree(self, proposal: Proposal, agreed: Leftover) -> str:
        """Remove that worktree, as the person has agreed to it."""
        from workbench import landing

        return landing.remove(proposal, agreed)

    def reject(self, number: int, reason: str) -> SessionRow:
        """Reject a fix, for a reason that goes back to the agent."""
        from workbench import signoff

        return signoff.reject(
            self.config,
            self.engine,
            number,
            by=self.person,
            reason=reason,
            now=self.clock(),
            account=self._account(),
        )

    def _account(self) -> Account:
        from workbench.tracker import logins

        return logins.account(self.config)
