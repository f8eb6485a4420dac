"""A seeded store, and the app on it with a clock that stands still."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from tui.seeded_store import FINISHED, seed

from capture.store import migrate
from capture.store.engine import open_engine
from capture.store.tables import EvidenceRow, FixSession
from capture.testing import NOW
from workbench import config
from workbench.tui.app import WorkbenchApp
from workbench.tui.place import PlaceScreen


class Clock:
    """The time as a test sets it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A folder called `clinic` with nothing in it; its name is on the screen."""
    folder = tmp_path / "clinic"
    folder.mkdir()
    return folder


@pytest.fixture
def store(clinic: Path) -> Iterator[Engine]:
    """An empty store in the folder."""
    engine = open_engine(f"sqlite:///{clinic / 'workbench.db'}", create=True)
    migrate.prepare(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def seeded(store: Engine) -> Engine:
    """The store with its story."""
    seed(store, now=NOW)
    return store


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still at the time of the story."""
    return Clock(NOW)


@pytest.fixture
def make_app(clinic: Path, clock: Clock) -> Callable[..., WorkbenchApp]:
    """Return apps on the folder's store; the threads in the background run only when asked for."""

    def make(*, background: bool = False) -> WorkbenchApp:
        app = WorkbenchApp(config.load(start=clinic, environ={}), clock=clock)
        app.theme = "workbench"
        app.desk._person = lambda: "Ada Tester <ada@example.com>"  # type: ignore[method-assign]
        if not background:
            app._background.start = lambda: None  # type: ignore[method-assign]
        return app

    return make


@pytest.fixture
def settle() -> Callable[[Any], Any]:
    """Return a coroutine function that waits until the app has shown all it was asked for."""

    async def wait(pilot: Any) -> None:
        app = pilot.app
        for _ in range(400):
            await pilot.pause(0.01)
            screens = [screen for screen in app.screen_stack if isinstance(screen, PlaceScreen)]
            if app.failure is not None or (
                app.is_open
                and not any(screen._reading or screen._then or getattr(screen, "is_behind", False) for screen in screens)
            ):
                await pilot.pause(0.01)
                return
        raise AssertionError("the screen did not settle")

    return wait


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Return a coroutine function that waits until a condition holds, and fails when it does not in time."""

    async def wait(condition: Callable[[], object], seconds: float = 5.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the condition did not come true")

    return wait


@pytest.fixture
def text_of() -> Callable[[Any], str]:
    """Return what a screen shows, as lines of text."""

    def text(screen: Any) -> str:
        strips = screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    return text


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as Textual does."""
    return "asyncio"


@pytest.fixture
def checkout(clinic: Path, seeded: Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Make the folder a repository in which the story's finished session has a result; return base and result."""

    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "2026-11-22T12:00:00+00:00")

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=clinic, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    template = clinic / "pet_detail.html"
    git("init", "-q", "-b", "main")
    (clinic / ".gitignore").write_text("workbench.db*\n")
    template.write_text("<dd>{{ pet.owner.name }}</dd>\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    base = git("rev-parse", "HEAD")
    template.write_text("<dd>{{ pet.owner.name|default:'nobody' }}</dd>\n")
    git("commit", "-q", "-a", "-m", "result")
    result = git("rev-parse", "HEAD")
    git("reset", "-q", "--hard", base)
    with Session(seeded) as session:
        fix = session.get_one(FixSession, FINISHED)
        fix.repository, fix.base_commit, fix.result_commit = str(clinic), base, result
        evidence = session.exec(select(EvidenceRow)).one()
        evidence.base_commit, evidence.result_commit = base, result
        session.commit()
    return base, result
