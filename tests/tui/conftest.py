"""A seeded store, and the app on it with a clock that stands still."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from textual._context import active_app
from tui.seeded_store import FINISHED, seed

from capture.store.engine import open_engine
from capture.store.tables import EvidenceRow, FixSession
from capture.testing import NOW
from workbench import config
from workbench.tui.app import WorkbenchApp
from workbench.tui.place import PlaceScreen

SETTLE_SECONDS = 30.0
QUIET_ROUNDS = 5  # of the event loop, more than a message needs to get from one queue to the next


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
def store(clinic: Path, sqlite_template: Path) -> Iterator[Engine]:
    """An empty store in the folder."""
    path = clinic / "workbench.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def seeded_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the story in it, to be copied and not opened."""
    path = tmp_path_factory.mktemp("seeded") / "workbench.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    seed(engine, now=NOW)
    engine.dispose()
    return path


@pytest.fixture
def seeded(store: Engine, clinic: Path, seeded_template: Path) -> Engine:
    """The store with its story."""
    store.dispose()  # no connection may be open on the file that goes
    shutil.copyfile(seeded_template, clinic / "workbench.db")
    return store


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still at the time of the story."""
    return Clock(NOW)


@pytest.fixture
def make_app(clinic: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WorkbenchApp]:
    """Return apps on the folder's store; the threads in the background run only when asked for."""
    monkeypatch.delenv("TEXTUAL_THEME", raising=False)

    def make(*, background: bool = False) -> WorkbenchApp:
        app = WorkbenchApp(config.load(start=clinic, environ={}), clock=clock)
        app.desk.person = "Ada Tester <ada@example.com>"
        app.desk.sessions.stand_by = lambda _wanted: None  # type: ignore[method-assign]
        if not background:
            app._background.start = lambda: None  # type: ignore[method-assign]
        return app

    return make


@pytest.fixture
def settle() -> Callable[[Any], Any]:
    """Return a coroutine function that waits until the app has shown all it was asked for."""

    async def wait(pilot: Any) -> None:
        app = pilot.app
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            await pilot.pause(0.005)
            screens = [screen for screen in app.screen_stack if isinstance(screen, PlaceScreen)]
            if app.failure is not None or (
                app.is_open
                and not any(
                    screen._reading or screen._awaited or getattr(screen, "is_behind", False) for screen in screens
                )
                and await at_rest(app, within=0)
                and (app._exit or not (app._batch_count or _is_undrawn(app.screen)))  # who leaves draws no more
            ):
                return
        raise AssertionError("the screen did not settle")

    return wait


@pytest.fixture(autouse=True)
def keys_by_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pilot wait until what it pressed was handled.

    Textual takes a process that gets no processor for one that has nothing to do, and goes on too early.
    """

    async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
        await at_rest(active_app.get(), within=max_sleep)

    monkeypatch.setattr("textual.app.wait_for_idle", wait_for_idle)
    monkeypatch.setattr("textual.pilot.wait_for_idle", wait_for_idle)


async def at_rest(app: Any, *, within: float) -> bool:
    """Wait until no message is on its way in the app and no thread of it works; say whether that came to be."""
    deadline = time.monotonic() + within
    quiet = 0
    while quiet < QUIET_ROUNDS:
        await asyncio.sleep(0)
        if not (_has_messages(app) or _is_working(app)):
            quiet += 1
        elif time.monotonic() < deadline or (not within and _has_messages(app)):
            quiet = 0
            await asyncio.sleep(0.001)
        else:
            return False
    return True


def _is_working(app: Any) -> bool:
    is_writing = isinstance(app, WorkbenchApp) and app.writing.is_busy
    return is_writing or any(not worker.is_finished for worker in app.workers)


def _has_messages(app: Any) -> bool:
    screens = (node for screen in app.screen_stack for node in screen.walk_children(with_self=True))
    return any(pump._message_queue is not None and not pump._message_queue.empty() for pump in (app, *screens))


def _is_undrawn(screen: Any) -> bool:
    """Whether something of the screen is still to be laid out or painted: a timer does it, no message tells of it."""
    nodes = screen.walk_children(with_self=True)
    return bool(screen._dirty_widgets or screen._callbacks) or any(
        node._next_callbacks
        or node._layout_required
        or node._repaint_required
        or node._scroll_required
        or node._refresh_styles_required
        for node in nodes
    )


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Return a coroutine function that waits until a condition holds, and fails when it does not in time."""

    async def wait(condition: Callable[[], object], seconds: float = 30.0) -> None:
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


class Shown:
    """An app as a person has it before them."""

    def __init__(self, app: WorkbenchApp, pilot: Any, settle: Any, text_of: Any) -> None:
        self.app, self.pilot = app, pilot
        self._settle, self._text_of = settle, text_of

    @property
    def screen(self) -> Any:
        """The screen in front."""
        return self.app.screen

    @property
    def text(self) -> str:
        """What it shows, as lines of text."""
        return str(self._text_of(self.app.screen))

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until all that they asked for is shown."""
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that was asked for is shown."""
        await self._settle(self.pilot)


@pytest.fixture
def visit(
    make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> Callable[..., AbstractAsyncContextManager[Shown]]:
    """Return what opens the app in a terminal of a size, and presses the first keys."""

    @asynccontextmanager
    async def visit(*keys: str, size: tuple[int, int] = (110, 40), background: bool = False) -> AsyncIterator[Shown]:
        app = make_app(background=background)
        async with app.run_test(size=size) as pilot:
            shown = Shown(app, pilot, settle, text_of)
            await shown.settle()
            if keys:
                await shown.press(*keys)
            yield shown

    return visit


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
