"""A person goes on with a session in Claude Code itself, and hands it back; or looks into its worktree.

While it lasts the session is at work, in a phase of its own, with that Claude Code in the place of the runner: its bug
stays claimed, everybody sees by whom, and whoever finds it dead hands the session back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.config import Config
from workbench.errors import OutsideError, Refused
from workbench.fixing import alarm, left_as_is, preparing
from workbench.fixing.agent_options import compose, interpreter
from workbench.fixing.claiming import check_free, reclaim
from workbench.fixing.steering import CLAIM, TAKEN_OVER, end_leftovers_of, hand_back, interrupt, sweep, wait
from workbench.git import Repository
from workbench.sessions import environment, interactive, recovering, scenario, terminal
from workbench.sessions.folder import HOME, of_session
from workbench.sessions.options import AgentOptions
from workbench.sessions.process import Identity, identity_of_us
from workbench.sessions.record import Record, end, transaction
from workbench.sessions.rehearsal import RehearsalModel

STOP_SECONDS = 60.0  # for an interrupted turn to end; its runner takes about half of that at most


@dataclass
class TakenOver:
    """A session that is a person's until `hand_back`."""

    record: Record
    repository: Repository
    worktree: Path
    argv: list[str]
    environ: dict[str, str]
    by: str
    model: ExitStack  # the scripted one of a rehearsal

    def play(self) -> int:
        """Give the terminal to Claude Code until the person leaves it, and return its exit code."""
        told = f"Session {self.record.session_id[:8]}: leave Claude Code (/exit) to come back."
        return terminal.run(self.argv, folder=self.worktree, environ=self.environ, told=told, begun=self._begun)

    def hand_back(self) -> SessionRow:
        """Take in what was said and what it cost, and leave the session to be resumed by its agent."""
        record, now = self.record, self.record.clock()
        self.model.close()
        recovering.recover(record.engine, record.session_id, now=now)
        with transaction(record.engine) as session:
            fix = session.get_one(FixSession, record.session_id, with_for_update=True)
            if fix.phase == TAKEN_OVER:  # nobody else has ended it
                hand_back(fix, now=now)
                text = f"{self.by} has handed the session back. Resume it to let the agent go on."
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": text}))
                end(session, fix.id, "interrupted", f"handed back by {self.by}", to=None, reason="", now=now)
        alarm.check(record, self.repository, self.worktree)
        return queries.session(record.engine, record.session_id)

    def _begun(self, client: Identity) -> None:
        self.record.update(pid=client.pid, pid_started=client.started)


def why_not(row: SessionRow) -> str:
    """Return why nobody can go into the worktree of a session from here; empty where one can."""
    if not row.worktree or row.phase == CLAIM:
        return f"Session {row.id[:8]} has no worktree of ours."
    if row.host != socket.gethostname():
        return f"Session {row.id[:8]} ran on {row.host}, and its worktree is there."
    return "" if Path(row.worktree).is_dir() else f"The worktree {row.worktree} is gone."


def folder_of(row: SessionRow) -> Path:
    """Return the worktree of a session on this machine. Raises `Refused` where nobody can go there."""
    if why := why_not(row):
        raise Refused(why, cure=f"Resuming a session makes its worktree again: workbench sessions resume {row.id[:8]}")
    return Path(row.worktree)


def stop(engine: Engine, session_id: str, *, by: str, now: datetime, timeout: float = STOP_SECONDS) -> None:
    """Interrupt a session that is at work, if it is one to be taken over, and wait until its runner has ended."""
    row = queries.session(engine, session_id)
    folder_of(row)
    if not row.is_live or row.phase == TAKEN_OVER:
        return
    interrupt(engine, row.id, by=by, now=now)
    row = wait(engine, row.id, timeout=timeout)
    if row.is_live:
        raise Refused(
            f"Session {row.id[:8]} has not ended its turn in {timeout:.0f} s.",
            cure=f"End its processes: workbench sessions end {row.id[:8]}",
        )


def take_over(
    config: Config,
    engine: Engine,
    session_id: str,
    *,
    by: str,
    now: datetime,
    environ: Mapping[str, str] | None = None,
) -> TakenOver:
    """Claim an ended session for a person. Raises `Refused` where it is at work, or cannot be gone on with here."""
    sweep(engine, now=now)
    row = queries.session(engine, session_id)
    with transaction(engine) as session:
        fix = session.get_one(FixSession, row.id)
    _check(row, fix)
    check_free(queries.bug_page(engine, row.bug, now=now))
    repository, record = Repository.open(Path(fix.repository)), Record(engine, row.id)
    given = _environ(config, fix, os.environ if environ is None else environ)
    end_leftovers_of(fix)
    home = recovering.client_home(given)
    recovering.recover(engine, row.id, now=now)
    recovering.restore(engine, row.id, home)
    left_as_is.find_before_a_person(record, repository, folder_of(row))
    fix = record.load()
    stack = ExitStack()
    try:
        options = _options(config, engine, repository, fix, given, stack)
        if fix.rehearsal is not None:
            interactive.welcome(home, options.worktree, options.environ["ANTHROPIC_API_KEY"])
        _hold(engine, fix, home, by=by, now=now)
    except BaseException:
        stack.close()
        raise
    alarm.watch(record, repository, options.worktree)
    return TakenOver(
        record, repository, options.worktree, interactive.argv(options), given | dict(options.environ), by, stack
    )


def _check(row: SessionRow, fix: FixSession) -> None:
    if row.is_live and row.phase == TAKEN_OVER:
        raise Refused(f"Session {row.id[:8]} is {row.activity}.", cure="Only one can: wait until it is handed back.")
    if row.is_live:
        raise Refused(f"Session {row.id[:8]} is at work.", cure=f"First: workbench sessions interrupt {row.id[:8]}")
    folder_of(row)
    if not fix.options.get("conversation"):
        raise Refused(f"Session {row.id[:8]} has no conversation yet.", cure="Resume it: its agent hears the brief.")
    if not Path(fix.options["program"]).is_file():
        raise OutsideError(f"{fix.options['program']} is gone.", cure="Install Claude Code there again.")


def _hold(engine: Engine, fix: FixSession, home: Path, *, by: str, now: datetime) -> None:
    phase = fix.phase if fix.phase in ("test", "fix") else "fix"
    taken = {"by": by, "since": now.isoformat(), "phase": phase}
    changed = fix.options | {"phase": "agent", "client_home": str(home), "taken_over": taken}
    with transaction(engine) as session:
        held = reclaim(session, fix, changed, identity_of_us(), by=by, now=now, what="taken over")
        held.state, held.phase, held.activity = "working", TAKEN_OVER, f"taken over by {by}"
        text = f"{by} has taken the session over."
        session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": text}))


def _environ(config: Config, fix: FixSession, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the session's own runner would get."""
    home = of_session(config.state_dir, fix.id) / HOME if fix.rehearsal is not None else None
    given = environment.for_runner(environ, repo=Path(fix.repository), folder=config.folder, rehearsal_home=home)
    return {name: value for name, value in given.items() if name not in environment.MEASURING}


def _options(
    config: Config, engine: Engine, repository: Repository, fix: FixSession, environ: dict[str, str], stack: ExitStack
) -> AgentOptions:
    worktree = Path(fix.worktree)
    python = preparing.python_of(worktree, config.folder) if fix.options.get("own_python") else None
    tests = environment.test_command(config["tests.command"], environ, worktree if python else config.repo)
    added = environment.in_front(environ, python.parent) if python else {}
    if fix.rehearsal is not None:
        played = scenario.load(fix.options["scenario"])
        row = queries.session(engine, fix.id)
        event = queries.bug_page(engine, row.bug, now=fix.started_at).event
        model = RehearsalModel(played, event, worktree=str(worktree), python=interpreter(tests))
        added = stack.enter_context(model).environ | added
    url = engine.url.render_as_string(hide_password=False)
    options = compose(config, repository, fix, tests, database_url=url, environ=added, onto=environ)
    return replace(options, resume=True)
