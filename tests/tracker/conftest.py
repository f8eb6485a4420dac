"""What the tests of the tracker share: bugs in a store, a configuration, and a worker on a tracker in memory."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.event import Event
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.store.lifecycle import Actor
from capture.store.outbox import Kind, owe
from capture.store.tables import Bug, Issue, OutboxRow
from capture.testing import NOW, make_event
from workbench import config as configuration
from workbench.bugs.acts import change_state
from workbench.config import Config
from workbench.tracker.testing import FakeTracker
from workbench.tracker.worker import Done, Worker

# Reading what happens on GitHub is tried where that is the subject; elsewhere it would be one more request.
GITHUB = {
    "GITHUB_TOKEN": "t0ken",
    "WORKBENCH_GITHUB_REPOSITORY": "bot/clinic",
    "WORKBENCH_GITHUB_POLL_SECONDS": "0",
}


@dataclass
class Site:
    """A store with bugs in it, and all that the tests ask of it. `clock` is the time; it moves only when told to."""

    engine: Engine
    folder: Path
    tracker: FakeTracker = field(default_factory=FakeTracker)
    clock: datetime = NOW
    environ: Mapping[str, str] = field(default_factory=lambda: dict(GITHUB))
    ends: Any = field(default_factory=lambda: itertools.count(1))
    _configs: dict[tuple[tuple[str, str], ...], Config] = field(default_factory=dict)

    def config(self) -> Config:
        """Return the configuration, read once for each environment."""
        environ = tuple(sorted(self.environ.items()))
        if environ not in self._configs:
            self._configs[environ] = configuration.load(environ=self.environ, start=self.folder)
        return self._configs[environ]

    def now(self) -> datetime:
        return self.clock

    def pass_time(self, **time: float) -> None:
        self.clock += timedelta(**time)

    def fail(self, **changes: Any) -> tuple[int, ...]:
        """Let the site fail once, and return the numbers of the bugs that are new."""
        changes.setdefault("at", self.clock)
        event: Event = make_event(**changes)
        end = next(self.ends)
        return take_in(self.engine, Batch(f"journal-{end}", 0, end, 1, [event]), now=self.clock).new_bugs

    def move(self, to: Any, number: int = 1) -> None:
        change_state(self.engine, number, to, by=Actor("person", "Ada"), reason="because", now=self.clock)

    def owe(self, kind: Kind, occasion: str = "test", number: int = 1, body: dict[str, Any] | None = None) -> None:
        with Session(self.engine) as session:
            bug_id = session.exec(select(Bug.id).where(Bug.number == number)).one()
            assert bug_id is not None
            owe(session, kind, bug_id, occasion=occasion, now=self.clock, body=body)
            session.commit()

    def rows(self, kind: str | None = None) -> list[OutboxRow]:
        with Session(self.engine, expire_on_commit=False) as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.id))).all()
            return [row for row in rows if kind in (None, row.kind)]

    def issue(self, number: int = 1) -> Issue | None:
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(select(Issue).join(Bug).where(Bug.number == number)).one_or_none()

    def worker(self, connect: Callable[[Any], Any] | None = None, **options: Any) -> Worker:
        return Worker(
            self.config(),
            self.engine,
            environ=self.environ,
            now=self.now,
            connect=connect or (lambda _settings: self.tracker),
            **options,
        )

    def work(self) -> list[Done]:
        """Let a fresh worker do all that is due."""
        worker = self.worker()
        try:
            return worker.round()
        finally:
            worker.close()


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    """A site that has not failed yet, with GitHub set up."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Site(engine, folder)


@pytest.fixture
def new_site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Site]]:
    """Makes sites that are not this test's alone, on SQLite."""
    engines = []

    def new() -> Site:
        folder = tmp_path_factory.mktemp("site")
        (folder / "checkout").mkdir()
        shutil.copyfile(sqlite_template, folder / "workbench.db")
        engines.append(open_engine(f"sqlite:///{folder / 'workbench.db'}"))
        return Site(engines[-1], folder / "checkout")

    yield new
    for engine in engines:
        engine.dispose()


@pytest.fixture
def any_site(any_engine: Engine, tmp_path: Path) -> Site:
    """The same, once on SQLite and once on PostgreSQL."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Site(any_engine, folder)


@pytest.fixture
def postgres_site(postgres_engine: Engine, tmp_path: Path) -> Site:
    """The same, on PostgreSQL alone: for what locks do."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Site(postgres_engine, folder)
