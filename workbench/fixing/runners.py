"""Start the runner of a session, and give it its order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession
from workbench.config import Config
from workbench.fixing import agent_options
from workbench.git import Repository
from workbench.sessions import environment
from workbench.sessions.folder import HOME, LOG, of_session
from workbench.sessions.lean import ONE_ARENA
from workbench.sessions.order import First, Order
from workbench.sessions.process import Detached, Identity


@dataclass(frozen=True)
class Runner:
    """A runner that waits for its order, importing meanwhile what it will need. `environ` is its environment."""

    config: Config
    process: Detached
    environ: Mapping[str, str]

    @property
    def identity(self) -> Identity:
        """The process."""
        return self.process.identity

    def first(self, engine: Engine, repository: Repository, fix: FixSession) -> First | None:
        """Return the agent that it starts as soon as it has its order, if nothing has to be made ready before."""
        url = engine.url.render_as_string(hide_password=False)
        return agent_options.first(self.config, repository, fix, self.identity, environ=self.environ, database_url=url)

    def begin(self, engine: Engine, first: First | None = None) -> None:
        """Give it the order; from here on it is on its own. Raises `OutsideError`."""
        self.process.begin(Order.of(self.config, engine, first).encode())


@contextmanager
def runner(
    config: Config, session_id: str, *, repo: Path, is_rehearsal: bool, environ: Mapping[str, str] | None = None
) -> Iterator[Runner]:
    """Start the runner of a session; leaving the block without its order, it goes away. Raises `OutsideError`."""
    folder = of_session(config.state_dir, session_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home = folder / HOME if is_rehearsal else None
    if home is not None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = environment.for_runner(
        os.environ if environ is None else environ, repo=repo, folder=config.folder, rehearsal_home=home
    )
    argv = [sys.executable, "-P", "-m", "workbench.runner", session_id, str(folder)]
    with Detached(argv, environ={**given, **ONE_ARENA}, log=folder / LOG) as process:
        yield Runner(config, process, given)


def runner_for(
    config: Config, fix: FixSession, environ: Mapping[str, str] | None = None
) -> AbstractContextManager[Runner]:
    """Start the runner of a session that has its row."""
    return runner(config, fix.id, repo=Path(fix.repository), is_rehearsal=bool(fix.rehearsal), environ=environ)
