"""The brief of a session, from the rows of its bug and the configuration."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from workbench.bugs import queries
from workbench.bugs.rows import BugPage
from workbench.config import Config
from workbench.sessions import brief as briefs
from workbench.sessions import environment
from workbench.sessions.folder import of_session

EVENT_FILE = "event.json"


def brief(config: Config, engine: Engine, number: int, *, now: datetime, note: str = "") -> briefs.Brief:
    """Return exactly what an agent would get for a bug. Only the folder of the session is still a placeholder."""
    return of_page(config, queries.bug_page(engine, number, now=now), of_session(config.state_dir, "SESSION"), note)


def of_page(config: Config, page: BugPage, folder: Path, note: str, *, test_first: bool = True) -> briefs.Brief:
    """Return the brief of a session whose folder is `folder`."""
    tests = environment.test_command(config["tests.command"], os.environ, config.repo)
    return briefs.compose(
        page.row.number,
        page.event,
        title=page.row.title,
        tests=tests,
        event_file=folder / EVENT_FILE,
        folder=environment.tests_folder(config["tests.command"], config.repo),
        note=note,
        test_first=test_first,
    )


def write_event(made: briefs.Brief) -> None:
    """Write the event's file, for this user's eyes alone."""
    made.event_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(made.event_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(made.event_json)
