"""Take an ended session up again."""

from __future__ import annotations

import socket
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.config import Config
from workbench.errors import Refused, WorkbenchError
from workbench.fixing import briefing, costs, preparing
from workbench.fixing.claiming import check_free, reclaim
from workbench.fixing.launching import prompted, reason
from workbench.fixing.left_as_is import LEFT
from workbench.fixing.runners import runner_for
from workbench.fixing.steering import end_leftovers_of, sweep
from workbench.git import Repository
from workbench.sessions import brief as briefs
from workbench.sessions import record, worktrees
from workbench.sessions.folder import of_session

LEAST_BUDGET_USD = 0.01


def resume(
    config: Config, engine: Engine, session_id: str, *, by: str, message: str | None = None, now: datetime
) -> SessionRow:
    """Take an ended session up again, in the same conversation and the same worktree.

    A worktree that was removed is made again from its branch and what was kept of its files. `message` is what the
    agent is told; on a session that had ended well it is a rejection.
    """
    sweep(engine, now=now)
    row = queries.session(engine, session_id)
    if row.is_attached:
        raise Refused(
            f"Session {row.id[:8]} was that of {row.launched_by}: there is no agent of ours to resume.",
            cure=f"Say it there, or begin a session of ours: workbench fix B-{row.bug:03d}",
        )
    if row.is_live:
        raise Refused(f"Session {row.id[:8]} is at work.", cure="Send it a message, or interrupt it first.")
    if row.host != socket.gethostname():
        raise Refused(f"Session {row.id[:8]} ran on {row.host}, and its worktree is there.", cure="Resume it there.")
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, row.id)
    options = fix.options
    left = options["max_cost_usd"] - fix.cost_usd if options.get("max_cost_usd") is not None else None
    if left is not None and left < LEAST_BUDGET_USD:
        raise Refused(
            f"Session {row.id[:8]} has cost ${fix.cost_usd:.2f} and its cap is ${options['max_cost_usd']:.2f}.",
            cure="Launch a new session with a higher cap.",
        )
    if fix.rehearsal is None:
        costs.check_day(config, engine, now=now)
    repository = Repository.open(Path(fix.repository))
    check_free(queries.bug_page(engine, row.bug, now=now))
    end_leftovers_of(fix)
    place = worktrees.Place(Path(fix.worktree), fix.branch, fix.base_commit)
    kept = _kept(repository, fix)
    # A setup comes first: it is not to run what an agent has written.
    later = preparing.is_wanted(config)
    made_again = worktrees.ensure(repository, place, kept=None if later else kept, reason=reason(fix.id))
    _ensure_event_file(config, engine, row, now=now)
    prompt = _resume_prompt(fix, message)
    changed = options | {"prompt": prompt, "phase": options.get("phase", "agent") if message is None else "agent"}
    changed |= {"prepared": False, "kept": kept if later else ""} if made_again else {}
    with runner_for(config, fix) as begun:
        with record.transaction(engine) as session:
            reclaim(session, fix, changed, begun.identity, by=by, now=now)
            if made_again:
                notice = "The worktree was gone and has been made again from what was kept of it."
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": notice}))
            if changed["phase"] == "agent":
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="prompt", body=prompted(prompt, by)))
        try:
            begun.begin(engine)
        except WorkbenchError:
            with record.transaction(engine) as session:
                record.end(session, fix.id, "interrupted", "its runner could not begin", to=None, reason="", now=now)
            raise
    return queries.session(engine, fix.id)


def _ensure_event_file(config: Config, engine: Engine, row: SessionRow, *, now: datetime) -> None:
    folder = of_session(config.state_dir, row.id)
    if not (folder / briefing.EVENT_FILE).exists():
        briefing.write_event(briefing.of_page(config, queries.bug_page(engine, row.bug, now=now), folder, ""))


def _resume_prompt(fix: FixSession, message: str | None) -> str:
    said = briefs.visible(message) if message and message.strip() else ""
    if not fix.options.get("conversation"):
        return str(fix.options["brief"]) + (f"\n\n{said}" if said else "")  # it never heard the brief
    if said:
        return briefs.rejection(said) if fix.state == "done" else said
    return briefs.CONTINUE


def _kept(repository: Repository, fix: FixSession) -> str:
    """Return the commit that holds what was last kept of a session's files; after a killed runner, the newest one."""
    left: str = fix.options.get(LEFT) or ""
    return left or repository.newest(f"refs/workbench/{fix.id}/") or fix.result_commit or fix.base_commit
