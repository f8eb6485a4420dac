"""From the site's journal to bugs and bug files: wait for capture, then do what is owed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from workbench.bugs import queries
from workbench.bugs.queries import Ledger
from workbench.bugs.rows import BugRow
from workbench.demo.site import Site, manage
from workbench.errors import OutsideError
from workbench.tracker.worker import Done, work_once

WAIT_SECONDS = 20.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Landed:
    """What became of the site's failures: the ledger, the bugs, their files, and what was done for them outside."""

    ledger: Ledger
    bugs: tuple[BugRow, ...]
    files: tuple[Path, ...]
    done: tuple[Done, ...]


def land(
    site: Site,
    engine: Engine,
    *,
    seen: int,
    environ: Mapping[str, str],
    now: Callable[[], datetime],
    wait_seconds: float = WAIT_SECONDS,
) -> Landed:
    """Wait until the store has taken in `seen` failures in all, then write their bug files and open their issues.

    Capture's recorder does the carrying, inside the site. Raises `OutsideError` when it does not get there.
    """
    ledger = _settled(site, engine, seen, wait_seconds)
    done = work_once(site.config, engine, environ=environ, now=now)
    bugs = sorted(queries.list_bugs(engine, now=now()), key=lambda bug: bug.number)
    files = sorted(site.config.bugs_directory.glob("B-*.md"))
    return Landed(ledger, tuple(bugs), tuple(files), tuple(done))


def _settled(site: Site, engine: Engine, seen: int, wait_seconds: float) -> Ledger:
    deadline = time.monotonic() + wait_seconds
    while True:
        ledger = queries.ledger(engine)
        if ledger.balanced and ledger.seen >= seen:
            return ledger
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_SECONDS)
    manage(site.folder, "capture_drain")  # the journals of a site that was ended too early are carried over by this
    ledger = queries.ledger(engine)
    if ledger.balanced and ledger.seen >= seen:
        return ledger
    raise OutsideError(
        f"The site met {seen} failures, and the store knows {ledger.seen}.",
        cure=f"Run `manage.py capture_status` in {site.folder}, and see {site.log}.",
    )
