"""A bug taken up in a person's own Claude Code session: its claim, a branch as its fix, and the evidence on that.

Such a session has a row like any other. No runner of ours works for it: while it holds the bug, the row names the
process of the agent, so that the claim ends with it. Only the evidence has a runner, which makes it as it does after
a session that we launched, and in the same states.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.engine import Engine

from capture.store.lifecycle import label
from capture.store.tables import FixSession, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.persons import AGENT_VARIABLES
from workbench.bugs.rows import BugPage, SessionRow
from workbench.config import Config
from workbench.errors import NotFound, Refused, UsageError, WorkbenchError
from workbench.fixing import queue
from workbench.fixing.claiming import check_free, reclaim
from workbench.fixing.claiming import claim as write_claim
from workbench.fixing.runners import runner_for
from workbench.fixing.steering import CLAIM, interrupt, sweep
from workbench.git import Repository
from workbench.sessions import record
from workbench.sessions.folder import of_session
from workbench.sessions.process import holder

FROM_OUTSIDE = "from a Claude Code session"


def claim(
    config: Config, engine: Engine, number: int, *, by: str, now: datetime, environ: Mapping[str, str] | None = None
) -> SessionRow:
    """Claim a bug for whoever asks, and return the row of the claim; a second time it is the same one.

    It lasts until it is let go, its evidence is made, or the process that holds it ends: the agent, or the shell of a
    person. The commit that is checked out now is remembered as the base. Raises `NotFound`, and `Refused` where
    somebody else has it or its state does not allow it.
    """
    sweep(engine, now=now)
    page = queries.bug_page(engine, number, now=now)
    held = _held(page)
    if held is not None and _is_ours(held):
        return held
    check_free(page)
    repository = Repository.open(config.repo)
    who = f"{by} {FROM_OUTSIDE}" if _is_agent(environ) else by
    fix = FixSession(
        id=str(uuid.uuid4()),
        bug_id=0,
        state="working",
        activity="claimed",
        phase=CLAIM,
        launched_by=who,
        options={"phase": "evidence"},
        repository=str(repository.root),
        branch=repository.branch() or "",
        worktree="",
        base_commit=repository.head(),
        host=socket.gethostname(),
        started_at=now,
    )
    with record.transaction(engine) as session:
        write_claim(session, number, fix, holder(AGENT_VARIABLES), by=who, now=now, what="claimed it")
    return queries.session(engine, fix.id)


def let_go(
    engine: Engine, number: int, *, by: str, now: datetime, environ: Mapping[str, str] | None = None
) -> SessionRow:
    """Let a claim go: the bug is open again. A person may end anybody's, an agent only its own.

    Raises `NotFound` without a claim, and `Refused` for an agent and the claim of somebody else.
    """
    sweep(engine, now=now)
    held = _held(queries.bug_page(engine, number, now=now))
    if held is None:
        raise NotFound(f"Nobody holds a claim on {label(number)}.", cure=f"See it: workbench bugs show {label(number)}")
    if _is_agent(environ) and not _is_ours(held):
        raise _others(held)
    interrupt(engine, held.id, by=by, now=now)
    return queries.session(engine, held.id)


def attach(
    config: Config,
    engine: Engine,
    number: int,
    *,
    by: str,
    now: datetime,
    branch: str = "",
    base: str = "",
    environ: Mapping[str, str] | None = None,
) -> SessionRow:
    """Make a branch of the checkout the candidate for a bug's fix, and return the row that holds it.

    Without `branch` it is the one that is checked out; without `base`, the commit of the claim where the branch comes
    after it, else where it left `signoff.branch`. A bug that nobody has is claimed first. What is not committed is no
    part of it. Raises `NotFound`, `UsageError`, and `Refused` where somebody else has the bug or nothing is changed.
    """
    sweep(engine, now=now)
    held = _held(page := queries.bug_page(engine, number, now=now))
    if held is None:
        check_free(page)
    elif not _is_ours(held):
        raise _others(held)
    repository = Repository.open(config.repo)
    name = branch or repository.branch()
    if name is None:
        raise UsageError("No branch is checked out here.", cure="Make one (git switch -c NAME), or name it: --branch")
    result = repository.resolve(f"refs/heads/{name}")
    start = repository.resolve(base) if base else _base(config, repository, result, held)
    if not repository.is_ancestor(start, result):
        raise Refused(f"{name} does not come after {start[:12]}.", cure="Name the commit that it began from: --base")
    if not repository.changes(start, result):
        raise Refused(f"{name} changes nothing since {start[:12]}.", cure="Commit the fix and its test first.")
    row = held or claim(config, engine, number, by=by, now=now, environ=environ)
    repository.keep(result, f"refs/workbench/{row.id}/result-1")
    told = f"attached {name} at {result[:12]}, from {start[:12]}"
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, row.id, with_for_update=True)
        fix.repository, fix.branch, fix.activity = str(repository.root), name, told
        fix.base_commit, fix.result_commit = start, result
        session.add(fix)
        session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": f"{by} {told}."}))
    return queries.session(engine, row.id)


def collect(
    config: Config, engine: Engine, number: int, *, now: datetime, environ: Mapping[str, str] | None = None
) -> SessionRow:
    """Let a runner make the evidence on the branch that is attached to a bug, which brings it to review.

    The runner goes on whatever becomes of us. Raises `NotFound` where nothing is attached, and `Refused` where somebody
    else is at work on the bug or a person has decided on that very commit.
    """
    sweep(engine, now=now)
    page = queries.bug_page(engine, number, now=now)
    row = next((one for one in page.sessions if one.is_attached and one.result_commit), None)
    if row is None:
        raise NotFound(
            f"No branch is attached to {label(number)}.", cure=f"Attach it: workbench bugs attach {label(number)}"
        )
    if row.is_live and row.phase == CLAIM:
        if _is_agent(environ) and not _is_ours(row):
            raise _others(row)
    else:
        check_free(page)
    if row.state == "done":
        raise Refused(
            f"{row.branch} at {(row.result_commit or '')[:12]} has had its evidence, and a person has decided on it.",
            cure=f"Attach what has changed since: workbench bugs attach {label(number)}",
        )
    if row.host != socket.gethostname():
        raise Refused(f"The branch is on {row.host}.", cure="Ask for its evidence there.")
    return _begin(config, engine, row, now=now)


def _begin(config: Config, engine: Engine, row: SessionRow, *, now: datetime) -> SessionRow:
    of_session(config.state_dir, row.id).mkdir(parents=True, exist_ok=True, mode=0o700)
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, row.id)
    with queue.places(config), runner_for(config, fix) as begun:
        with record.transaction(engine) as session:
            again = session.get_one(FixSession, row.id, with_for_update=True)
            if again.phase == CLAIM:  # the claim becomes the session: its bug is fixing already
                again.state, again.phase = "interrupted", "evidence"
                session.flush()
            reclaim(session, fix, dict(fix.options), begun.identity, by=fix.launched_by, now=now)
            again.activity = "making the evidence"
        try:
            begun.begin(engine)
        except WorkbenchError:
            with record.transaction(engine) as session:
                record.end(session, row.id, "interrupted", "its runner could not begin", to=None, reason="", now=now)
            raise
    return queries.session(engine, row.id)


def _held(page: BugPage) -> SessionRow | None:
    return next((row for row in page.sessions if row.is_live and row.phase == CLAIM), None)


def _is_agent(environ: Mapping[str, str] | None) -> bool:
    given = os.environ if environ is None else environ
    return any(name in given for name in AGENT_VARIABLES)


def _is_ours(row: SessionRow) -> bool:
    """Say whether the process that holds a claim is the one that we were begun by. After a sweep, it lives."""
    return row.host == socket.gethostname() and row.pid == holder(AGENT_VARIABLES).pid


def _others(held: SessionRow) -> Refused:
    return Refused(
        f"{label(held.bug)} is claimed by {held.launched_by} on {held.host},"
        f" since {held.started_at:%Y-%m-%d %H:%M} UTC.",
        cure=f"Ask them, or let it go in a terminal of your own: workbench bugs unclaim {label(held.bug)}",
    )


def _base(config: Config, repository: Repository, result: str, held: SessionRow | None) -> str:
    if held is not None and held.base_commit != result and repository.is_ancestor(held.base_commit, result):
        return held.base_commit
    main = str(config["signoff.branch"])
    found = repository.fork_point(main, result) if repository.exists(main) else None
    if found is None or found == result:
        raise UsageError("It is not known which commit the branch began from.", cure="Name it: --base REV")
    return found
