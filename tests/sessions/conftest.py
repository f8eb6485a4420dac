"""A repository with one fault in it, a bug that was recorded from it, and sessions that are ended with the test."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import Engine

from capture.event import ExceptionInfo, Frame
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event
from workbench import config as configuration
from workbench.bugs import queries
from workbench.config import Config
from workbench.fixing import runners
from workbench.git import Repository
from workbench.sessions.opening import Opening
from workbench.sessions.process import Detached, Identity

SCENARIOS = Path(__file__).parent / "scenarios"

PRICING = """\
PRICES = {"dog": 40, "cat": 30}


def price_of(species):
    return PRICES[species]
"""
TESTS = """\
from pricing import price_of


def test_a_dog_has_a_price():
    assert price_of("dog") == 40
"""


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A repository whose `price_of` knows no rabbits."""
    root = tmp_path / "clinic"
    (root / "tests").mkdir(parents=True)
    (root / "pricing.py").write_text(PRICING)
    (root / "tests" / "test_pricing.py").write_text(TESTS)
    # Our own plugins take most of the time of starting pytest, and the clinic needs none of them.
    (root / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    (root / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


@pytest.fixture
def config(clinic: Path, tmp_path: Path, engine: Engine) -> Config:
    """The configuration of that repository, on a state folder and a database of its own."""
    return configuration.load(
        start=clinic,
        environ={
            "WORKBENCH_STATE_DIR": str(tmp_path / "state"),
            "WORKBENCH_DATABASE_URL": f"sqlite:///{tmp_path / 'workbench.db'}",
            "WORKBENCH_TESTS_COMMAND": f"{sys.executable} -m pytest",
            "WORKBENCH_TESTS_TIMEOUT": "60",
        },
    )


@pytest.fixture
def bug(engine: Engine, clinic: Path) -> int:
    """The number of the bug: a KeyError in `price_of`, from a request that somebody outside has written."""
    frame = Frame(
        module="pricing",
        function="price_of",
        filename=str(clinic / "pricing.py"),
        lineno=5,
        context_line="    return PRICES[species]",
        locals={"species": "'rabbit'"},
    )
    event = make_event(
        release=None,
        exceptions=(ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(frame,)),),
    )
    intake = take_in(engine, Batch(journal="j", start=0, end=1, seen=1, events=[event]), now=NOW)
    return intake.new_bugs[0]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], object]:
    """Wait until a condition holds, and return what it returned."""

    def until(condition: Callable[[], object], seconds: float = 40.0) -> object:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited {seconds} s in vain"
            time.sleep(0.05)
        return found

    return until


@pytest.fixture
def opening() -> Iterator[Opening]:
    """What a runner in this process begins with: an order that nobody gave, and a loop for its agent."""
    with closing(Opening(io.BytesIO())) as opening:
        yield opening


@pytest.fixture
def no_runner_left(engine: Engine) -> Iterator[None]:
    """End the runners of the test, whatever became of it."""
    yield
    for row in queries.sessions(engine):
        with suppress(psutil.NoSuchProcess):  # ended, or dead and not collected
            if row.pid is not None and row.id in psutil.Process(row.pid).cmdline():
                process = psutil.Process(row.pid)
                for each in [*process.children(recursive=True), process]:
                    each.kill()


@pytest.fixture
def idle(monkeypatch):
    """Runners that wait for their word and then end, instead of starting an agent."""
    started: list[Identity] = []

    class Idle(Detached):
        def __init__(self, argv, *, environ, log):
            super().__init__([sys.executable, "-c", "import sys; sys.stdin.read()"], environ=environ, log=log)
            started.append(self.identity)

    monkeypatch.setattr(runners, "Detached", Idle)
    return started


@pytest.fixture
def nothing_left(config, engine, bug, clinic):
    """Check that an attempt left no worktree, no branch, no folder, no row and no change of state."""

    def check() -> None:
        repository = Repository.open(clinic)
        assert len(repository.worktrees()) == 1
        assert not repository.exists(f"refs/heads/workbench/B-{bug:03d}-1")
        sessions = config.state_dir / "sessions"
        assert not sessions.exists() or list(sessions.iterdir()) == []
        assert queries.sessions(engine) == []
        assert queries.bug_page(engine, bug, now=NOW).row.state == "open"

    return check
