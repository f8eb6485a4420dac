"""Everything that has to be right for the loop to run, looked at one by one, with what to do about each finding."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from capture.errors import CaptureError
from workbench.config import Config
from workbench.doctor_looks import Finding, bug_branch, bug_files, clock, journal, token, worktrees
from workbench.errors import ConfigurationError, WorkbenchError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


def examine(config: Config, *, now: datetime, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each part of the workbench. Nothing is changed and no network is used."""
    environ = os.environ if environ is None else environ
    yield _seen("configuration", lambda: f"read for {config.repo}")
    yield _seen("state directory", lambda: _state_directory(config.state_dir))
    yield from _store(config, now)
    yield _seen("git", lambda: _git(config))
    yield from _claude(config, environ)
    yield from _github(config, environ)
    yield _sandbox(environ)


def _seen(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, "ok", look())
    except (WorkbenchError, CaptureError) as error:
        return Finding(subject, "wrong", str(error), error.cure)


def _state_directory(folder: Path) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"{folder} cannot be written.", cure="Name another folder in WORKBENCH_STATE_DIR, or mend its rights."
        )
    return f"{folder} can be written"


def _store(config: Config, now: datetime) -> Iterator[Finding]:
    from workbench.bugs.store import open_store

    try:
        engine = open_store(config)
    except WorkbenchError as error:
        yield Finding("database", "wrong", str(error), error.cure)
        return
    try:
        from capture.store.engine import shown_url, why_read_only

        why = why_read_only(engine)
        if why is None or config.read_only:
            yield Finding("database", "ok", f"{shown_url(engine.url)} has this version's schema")
        else:
            yield Finding("database", "wrong", str(why), why.cure)
        yield clock(engine, now)
        yield journal(engine)
        yield _ledger(engine)
        yield from _journals(engine, config, now)
        yield _outbox(engine, config, now)
        yield bug_files(engine, config.bugs_directory)
        yield from bug_branch(config)
        yield worktrees(engine)
        yield from _tracker(engine, config, now)
    finally:
        engine.dispose()


def _ledger(engine: Engine) -> Finding:
    from workbench.bugs import queries

    ledger = queries.ledger(engine)
    dropped = sum(ledger.dropped.values())
    sums = f"{ledger.seen} seen = {ledger.stored} stored + {ledger.counted} counted + {dropped} dropped"
    if ledger.balanced:
        return Finding("ledger", "ok", sums)
    return Finding(
        "ledger",
        "note",
        sums.replace(" = ", " ≠ "),
        "Events still wait in a journal of the site, or were lost with one: manage.py capture_drain, then look again.",
    )


def _journals(engine: Engine, config: Config, now: datetime) -> Iterator[Finding]:
    """Yield each journal folder of this host in which something has waited for long."""
    import socket

    import sqlalchemy as sa

    from capture.background import LONG_SECONDS, waiting_since
    from capture.carrier import positions
    from capture.store.tables import JournalRow, table_of

    journal, here = table_of(JournalRow), f"{socket.gethostname()}:"
    with engine.connect() as connection:
        places = connection.execute(sa.select(journal.c.folder).where(journal.c.folder.startswith(here)).distinct())
        known = {Path(place.removeprefix(here)) for place in places.scalars()}
    carried = positions(engine)
    for folder in sorted(known | {config.repo / ".capture"}):  # where it is unless the site says otherwise
        since = waiting_since(folder, carried)
        minutes = 0.0 if since is None else (now - since).total_seconds() / 60
        if minutes * 60 >= LONG_SECONDS:
            cure = "Start the site, or manage.py capture_drain; without a thread of the site see docs/howto/celery.md."
            yield Finding("journal", "note", f"events wait in {folder}, for {minutes:.0f} minutes", cure)


def _outbox(engine: Engine, config: Config, now: datetime) -> Finding:
    import sqlalchemy as sa
    from sqlmodel import col

    from capture.store.tables import OutboxRow
    from workbench.tracker.outbox import FILE_KINDS, ISSUE_KINDS, set_aside

    # Without GitHub, what is owed to it waits for the day that it is set up.
    kinds = (*FILE_KINDS, *(ISSUE_KINDS if config["github.repository"] else ()))
    overdue = sa.and_(col(OutboxRow.state) == "due", col(OutboxRow.due_at) <= now, col(OutboxRow.kind).in_(kinds))
    with engine.connect() as connection:
        parked, due = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(sa.case((set_aside(), 1), else_=0)), 0),
                sa.func.coalesce(sa.func.sum(sa.case((overdue, 1), else_=0)), 0),
            )
        ).one()
    if parked:
        cure = "Read why at the bug: workbench bugs show B-…; once it is mended: workbench worker --once --retry"
        return Finding("outbox", "wrong", f"{parked} set aside", cure)
    if due:
        return Finding("outbox", "note", f"{due} due", "Do them: workbench worker --once")
    return Finding("outbox", "ok", "nothing is due")


def _tracker(engine: Engine, config: Config, now: datetime) -> Iterator[Finding]:
    """Yield how much of the hourly budget was written, and what of GitHub was not read."""
    from workbench.tracker import health

    found = health.of_settings(config, engine, now=now)
    if found is None:
        return
    if found.is_spent:
        cure = "The others wait for the next hour. Raise github.hourly_writes, if GitHub takes more."
        yield Finding("GitHub writes", "note", f"all {found.most} of this hour are used up", cure)
    else:
        yield Finding("GitHub writes", "ok", f"{found.written} of {found.most or 'any number'} within the last hour")
    for (repository, problem), kinds in found.problems.items():
        cure = "It is tried again by itself; what has to be mended is said above."
        yield Finding("GitHub reading", "wrong", f"{', '.join(kinds)} of {repository}: {problem}", cure)
    if found.late:
        minutes = max(feed.behind for feed in found.late).total_seconds() / 60
        names = ", ".join(sorted({feed.repository for feed in found.late}))
        message = f"nobody has read {names} for {minutes:.0f} minutes longer than was meant"
        yield Finding("GitHub reading", "note", message, "Let a worker run: workbench worker, or an open workbench.")


def _git(config: Config) -> str:
    from workbench.git import Repository

    repository = Repository.open(config.repo)
    return f"{repository.root} at {repository.head()[:12]}, as {repository.identity()}"


def _claude(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    from workbench.sessions import claude

    try:
        program = claude.find(str(config["agent.cli_path"]), environ)
    except WorkbenchError as error:
        yield Finding("claude", "wrong", str(error), error.cure)
        return
    yield Finding("claude", "ok", str(program))
    if claude.has_login(program, environ):
        yield Finding("agent login", "ok", "Claude Code has a login or a key")
    else:
        yield Finding(
            "agent login",
            "note",
            "Claude Code has no login and no key: fix sessions are rehearsals",
            f"For real ones, log in: {program} auth login",
        )


def _github(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    from workbench.tracker.settings import github_settings

    try:
        settings = github_settings(config, environ)
    except ConfigurationError as error:
        yield Finding("GitHub", "wrong", str(error), error.cure)
        return
    if settings is None:
        message = "not used: bug files alone are the tracker"
        yield Finding("GitHub", "note", message, "To get issues, set github.repository.")
    else:
        yield Finding(
            "GitHub",
            "ok",
            f"issues go to {settings.repository} at {settings.base_url}, with the token of {settings.token_source}",
        )
        if settings.app is None:
            yield token(settings.token, settings.token_source)


def _sandbox(environ: Mapping[str, str]) -> Finding:
    from workbench.sessions import sandbox

    trouble = sandbox.trouble(environ)
    if trouble is not None:
        return Finding("sandbox", "note", f"no sandbox for agents: {trouble.reason}", trouble.cure)
    return Finding("sandbox", "ok", "a command was contained: agents work in a sandbox")
