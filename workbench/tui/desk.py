"""What the screens can do, in one place: every call goes down to a function that the commands use too.

Only worker threads call a desk. The parts below are imported inside the methods, because the first paint must not
wait for SQLModel, PyGithub or GitPython.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.bugs.order import LATEST_FIRST, Order

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from capture.event import Event, Frame
    from workbench.bugs import occurrences
    from workbench.bugs.acts import Done
    from workbench.bugs.filters import FilterError
    from workbench.bugs.listing import Window
    from workbench.bugs.occurrences import Edge
    from workbench.bugs.overview import Overview
    from workbench.bugs.persons import Account
    from workbench.bugs.queries import Ledger, Watcher
    from workbench.bugs.rows import ApprovalRow, BugPage, SessionRow, SignOffRow, TranscriptRow
    from workbench.bugs.stats import Stats
    from workbench.config import Config
    from workbench.fixing import TakenOver, Terms
    from workbench.landing import Leftover
    from workbench.signoff import Proposal
    from workbench.tui.documents.figures import Figures

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Launch:
    """What a person filled in to launch a fix session; None and "" stand for the settings.

    `rehearse` names the scenario; "" wants the real model.
    """

    base: str = ""
    model: str = ""
    max_cost_usd: float | None = None
    max_turns: int | None = None
    max_minutes: int | None = None
    permission_mode: str = ""
    note: str = ""
    rehearse: str = ""
    test_first: bool = True
    unsandboxed: bool = False


@dataclass(frozen=True)
class Source:
    """A line of a file of the checkout; `path` is taken from `root`."""

    root: Path
    path: str
    line: int


@dataclass(frozen=True)
class Asked:
    """What is asked of the list; with `days` or `users`, also for the last days of its bugs, or who met them."""

    filter: str = ""
    order: Order = LATEST_FIRST
    days: bool = False
    users: bool = False


@dataclass(frozen=True)
class Listed:
    """A piece of the list as an answer. `counts` holds how many bugs there are by state.

    `is_empty` says that there are no bugs at all, whatever is asked.
    """

    asked: Asked
    counts: Mapping[str, int]
    window: Window
    is_empty: bool = False


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
        """Let go of the store's connections."""
        if self._engine is not None:
            self._engine.dispose()

    @cached_property
    def person(self) -> str:
        """Who sits here, as git knows it; asked only once it matters, since what asks git is slow to load."""
        from workbench.errors import WorkbenchError
        from workbench.git import Repository

        try:
            return Repository.open(self.config.repo).identity()
        except WorkbenchError:
            return getpass.getuser()  # no repository: looking is possible all the same

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

    def stats(self) -> Stats:
        """Return all bugs in figures."""
        from workbench.bugs import stats

        return stats.stats(self.engine, now=self.clock())

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
        """Return the files of the checkout that a frame may be in; without one, the application's innermost frame.

        Raises `NotFound` where there is none.
        """
        from workbench.bugs.source_files import candidates, line_of
        from workbench.errors import NotFound
        from workbench.git import Repository

        surfaced = event.surfaced
        if frame is None and surfaced is not None:
            frame = next((each for each in reversed(surfaced.frames) if each.in_app), None)
        if frame is None:
            raise NotFound("No frame of the application was recorded.", cure="Put the cursor on a frame of the stack.")
        if not frame.in_app:
            raise NotFound(
                f"{frame.filename} belongs to a library.", cure="Only files of the application are in the checkout."
            )
        repository = Repository.open(self.config.repo)
        found = []
        for path in candidates(frame.filename, repository.all_files("HEAD")):
            file = repository.root / path
            if file.is_file():
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
                found.append(Source(repository.root, path, line_of(lines, frame.lineno, frame.context_line)))
        if not found:
            raise NotFound(
                f"No file of the checkout is {frame.filename}.",
                cure=f"The checkout is {repository.root}; another one is given with --repo.",
            )
        return found

    def latest_session(self, number: int) -> SessionRow | None:
        """Return the latest fix session of a bug."""
        from workbench.bugs import queries

        rows = queries.sessions(self.engine, bug=number)
        return max(rows, key=lambda row: row.started_at, default=None)

    def session(self, session_id: str) -> SessionRow:
        """Return a fix session."""
        from workbench.bugs import queries

        return queries.session(self.engine, session_id)

    def overview(self, *, ended: int) -> tuple[Overview, float]:
        """Return all fix sessions, of those that ended the latest, and what those of today have cost."""
        from workbench.bugs import overview
        from workbench.fixing import costs
        from workbench.fixing.steering import CLAIM

        found = overview.overview(self.engine, ended=ended, host=socket.gethostname(), claim=CLAIM)
        return found, costs.of_day(self.engine, now=self.clock())

    def transcript(self, session_id: str, *, after: int) -> list[TranscriptRow]:
        """Return the entries of a session's transcript that came after one."""
        from workbench.bugs import queries

        return queries.transcript(self.engine, session_id, after=after)

    def approvals(self, session_id: str) -> list[ApprovalRow]:
        """Return what the agent asks for."""
        from workbench.bugs import queries

        return queries.approvals(self.engine, session_id)

    def terms(self, number: int) -> Terms:
        """Return what a launch on a bug has to reckon with. Raises what would keep any from being launched."""
        from workbench import fixing

        return fixing.terms(self.config, self.engine, number, now=self.clock())

    def launch(self, number: int, wanted: Launch) -> SessionRow:
        """Launch a fix session."""
        from workbench import fixing

        options = fixing.LaunchOptions(
            rehearse=wanted.rehearse,
            model=wanted.model,
            max_cost_usd=wanted.max_cost_usd,
            max_turns=wanted.max_turns,
            max_minutes=wanted.max_minutes,
            permission_mode=wanted.permission_mode,
            note=wanted.note,
            base=wanted.base or None,
            test_first=wanted.test_first,
            unsandboxed=wanted.unsandboxed,
        )
        return fixing.launch(self.config, self.engine, number, by=self.person, options=options, now=self.clock())

    def resume(self, session_id: str, message: str | None = None) -> SessionRow:
        """Let an interrupted session go on."""
        from workbench import fixing

        return fixing.resume(self.config, self.engine, session_id, by=self.person, message=message, now=self.clock())

    def interrupt(self, session_id: str) -> None:
        """Ask a session to stop where it is."""
        from workbench import fixing

        fixing.interrupt(self.engine, session_id, by=self.person, now=self.clock())

    def answer(self, approval_id: int, *, allow: bool, always: bool = False, note: str = "") -> None:
        """Answer what the agent asked for."""
        from workbench import fixing

        now = self.clock()
        fixing.answer(self.engine, approval_id, allow=allow, always=always, note=note, by=self.person, now=now)

    def end(self, session_id: str) -> SessionRow:
        """End a session with all its processes."""
        from workbench import fixing

        return fixing.end(self.engine, session_id, by=self.person, now=self.clock())

    def take_over(self, session_id: str) -> TakenOver:
        """Claim a session for the person, whose agent ends its turn first."""
        from workbench import fixing

        fixing.stop(self.engine, session_id, by=self.person, now=self.clock())
        return fixing.take_over(self.config, self.engine, session_id, by=self.person, now=self.clock())

    def changed_files(self, row: SessionRow, wanted: str) -> list[Source]:
        """Return `wanted`, if it is a file of a session's worktree, or else all that the session has changed there."""
        from workbench import fixing

        return [Source(Path(row.worktree), path, 1) for path in fixing.changed_files(row, wanted)]

    def unlock(self, session_id: str) -> None:
        """Let the agent go on without its test, or change the one that is locked."""
        from workbench import fixing

        fixing.unlock(self.engine, session_id, by=self.person, now=self.clock())

    def send_back(self, session_id: str, text: str) -> None:
        """Send the agent back to its test, with a word."""
        from workbench import fixing

        fixing.send_back(self.engine, session_id, text, by=self.person, now=self.clock())

    def say(self, session_id: str, text: str) -> None:
        """Send the agent a message."""
        from workbench import fixing

        fixing.say(self.engine, session_id, text, by=self.person, now=self.clock())

    def sweep(self) -> list[str]:
        """Mark sessions whose runner is gone as interrupted and return them; begin those that wait for a place."""
        from workbench.bugs import queries

        if not queries.has_session_at_work(self.engine):
            return []  # and what works on sessions is not even loaded
        from workbench import fixing

        return fixing.tend(self.config, self.engine, now=self.clock())

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
