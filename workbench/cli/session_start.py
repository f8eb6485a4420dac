"""The session-start hook of Claude Code, without typer: a person waits for it, and typer takes 0.1 s."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from workbench import config as configuration
from workbench.cli.output import say
from workbench.errors import WorkbenchError
from workbench.skill import greeting, issues
from workbench.skill.asking import NoDatabase
from workbench.skill.standing import standing

INPUT_SECONDS = 0.2
INPUT_BYTES = 65_536


def greet(flags: Mapping[str, str | None]) -> None:
    """Print what an agent should know of the bugs. Nothing in a fix session, which has a brief of its own.

    Whatever goes wrong is one readable line: a hook must not stop a session.
    """
    try:
        config = configuration.load(flags=flags, start=_session_folder())
        if config.repo.is_relative_to(config.state_dir):
            return
        lines = _lines(config)
    except WorkbenchError as error:
        lines = [greeting.unknown(str(error))]
    except Exception as error:  # noqa: BLE001  (whatever it is, the session goes on)
        lines = [greeting.unknown(f"Something went wrong that nobody expected ({type(error).__name__}).")]
    say("\n".join(lines))


def _lines(config: configuration.Config) -> list[str]:
    """Return what the database says; where there is none, what is open on GitHub, if that can be said in time."""
    try:
        return greeting.lines(standing(config, now=datetime.now(UTC)))
    except NoDatabase:
        found = issues.in_time(config)
        if found is None:
            raise
        return greeting.issue_lines(found)


def _session_folder() -> Path | None:
    """Return the folder of the session, which the hook's input names; None where nothing does."""
    try:
        if sys.stdin.isatty() or not select.select([sys.stdin], [], [], INPUT_SECONDS)[0]:
            return None
        folder = Path(json.loads(os.read(sys.stdin.fileno(), INPUT_BYTES))["cwd"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # run by hand, or by something else
    return folder if folder.is_absolute() and folder.is_dir() else None
