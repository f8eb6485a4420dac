"""What the screens can do with fix sessions: every call goes down to a function that the commands use too.

Like `workbench.tui.desk`, it is called by worker threads alone, and loads what it needs once it is called.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.bugs.overview import Overview
    from workbench.bugs.rows import ApprovalRow, SessionRow, TranscriptRow
    from workbench.bugs.source_files import Source
    from workbench.fixing import Standby, TakenOver, Terms
    from workbench.tui.desk import Desk


class Launch(NamedTuple):
    """What a person filled in to launch a fix session; None and "" stand for the settings.

    `rehearse` names the scenario; "" wants the real model.
    """

    base: str = ""
    model: str = ""
    max_cost_usd: float | None = None
    max_turns: int | None = None
    max_minutes: int | None = None
    permission_mode: str = ""
    note: str = ""
    rehearse: str = ""
    test_first: bool = True
    unsandboxed: bool = False


class SessionDesk:
    """Fix sessions: what is launched, read, steered and ended, in the name of who sits at a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._standby: Standby | None = None
        self._standing = Lock()

    def latest_session(self, number: int) -> SessionRow | None:
        """Return the latest fix session of a bug."""
        from workbench.bugs import queries

        rows = queries.sessions(self._desk.engine, bug=number)
        return max(rows, key=lambda row: row.started_at, default=None)

    def session(self, session_id: str) -> SessionRow:
        """Return a fix session."""
        from workbench.bugs import queries

        return queries.session(self._desk.engine, session_id)

    def overview(self, *, ended: int) -> tuple[Overview, float]:
        """Return all fix sessions, of those that ended the latest, and what those of today have cost."""
        from workbench.bugs import overview
        from workbench.fixing import costs
        from workbench.fixing.steering import CLAIM

        found = overview.overview(self._desk.engine, ended=ended, host=socket.gethostname(), claim=CLAIM)
        return found, costs.of_day(self._desk.engine, now=self._desk.clock())

    def transcript(self, session_id: str, *, after: int) -> list[TranscriptRow]:
        """Return the entries of a session's transcript that came after one."""
        from workbench.bugs import queries

        return queries.transcript(self._desk.engine, session_id, after=after)

    def approvals(self, session_id: str) -> list[ApprovalRow]:
        """Return what the agent asks for."""
        from workbench.bugs import queries

        return queries.approvals(self._desk.engine, session_id)

    def terms(self, number: int) -> Terms:
        """Return what a launch on a bug has to reckon with. Raises what would keep any from being launched."""
        from workbench import fixing

        return fixing.terms(self._desk.config, self._desk.engine, number, now=self._desk.clock())

    def stand_by(self, wanted: Callable[[], bool | None]) -> None:
        """Begin the runner of a session that may be launched next, in the place of another.

        `wanted` says whether that is a rehearsal, or None where there will be no launch any more.
        """
        from workbench import fixing

        with self._standing, suppress(WorkbenchError):  # a launch says why it cannot be
            if self._standby is not None:
                self._standby.close()
            self._standby, is_rehearsal = None, wanted()
            if is_rehearsal is not None:
                self._standby = fixing.Standby(self._desk.config, is_rehearsal=is_rehearsal)

    def stand_down(self) -> None:
        """Let go of a runner that nobody has launched."""
        with self._standing:
            if self._standby is not None:
                self._standby.close()
            self._standby = None

    def launch(self, number: int, wanted: Launch) -> SessionRow:
        """Launch a fix session."""
        from workbench import fixing

        options = fixing.LaunchOptions(
            rehearse=wanted.rehearse,
            model=wanted.model,
            max_cost_usd=wanted.max_cost_usd,
            max_turns=wanted.max_turns,
            max_minutes=wanted.max_minutes,
            permission_mode=wanted.permission_mode,
            note=wanted.note,
            base=wanted.base or None,
            test_first=wanted.test_first,
            unsandboxed=wanted.unsandboxed,
        )
        desk = self._desk
        with self._standing:
            standby, self._standby = self._standby, None
        with closing(standby) if standby is not None else nullcontext():
            now = desk.clock()
            return fixing.launch(
                desk.config, desk.engine, number, by=desk.person, options=options, now=now, standby=standby
            )

    def resume(self, session_id: str, message: str | None = None) -> SessionRow:
        """Let an interrupted session go on."""
        from workbench import fixing

        desk = self._desk
        return fixing.resume(desk.config, desk.engine, session_id, by=desk.person, message=message, now=desk.clock())

    def interrupt(self, session_id: str) -> None:
        """Ask a session to stop where it is."""
        from workbench import fixing

        fixing.interrupt(self._desk.engine, session_id, by=self._desk.person, now=self._desk.clock())

    def answer(self, approval_id: int, *, allow: bool, always: bool = False, note: str = "") -> None:
        """Answer what the agent asked for."""
        from workbench import fixing

        desk = self._desk
        now = desk.clock()
        fixing.answer(desk.engine, approval_id, allow=allow, always=always, note=note, by=desk.person, now=now)

    def end(self, session_id: str) -> SessionRow:
        """End a session with all its processes."""
        from workbench import fixing

        return fixing.end(self._desk.engine, session_id, by=self._desk.person, now=self._desk.clock())

    def take_over(self, session_id: str) -> TakenOver:
        """Claim a session for the person, whose agent ends its turn first."""
        from workbench import fixing

        desk = self._desk
        fixing.stop(desk.engine, session_id, by=desk.person, now=desk.clock())
        return fixing.take_over(desk.config, desk.engine, session_id, by=desk.person, now=desk.clock())

    def changed_files(self, row: SessionRow, wanted: str) -> list[Source]:
        """Return `wanted`, if it is a file of a session's worktree, or else all that the session has changed there."""
        from workbench import fixing
        from workbench.bugs.source_files import Source

        return [Source(Path(row.worktree), path, 1) for path in fixing.changed_files(row, wanted)]

    def unlock(self, session_id: str) -> None:
        """Let the agent go on without its test, or change the one that is locked."""
        from workbench import fixing

        fixing.unlock(self._desk.engine, session_id, by=self._desk.person, now=self._desk.clock())

    def send_back(self, session_id: str, text: str) -> None:
        """Send the agent back to its test, with a word."""
        from workbench import fixing

        fixing.send_back(self._desk.engine, session_id, text, by=self._desk.person, now=self._desk.clock())

    def say(self, session_id: str, text: str) -> None:
        """Send the agent a message."""
        from workbench import fixing

        fixing.say(self._desk.engine, session_id, text, by=self._desk.person, now=self._desk.clock())

    def sweep(self) -> list[str]:
        """Mark sessions whose runner is gone as interrupted and return them; begin those that wait for a place."""
        from workbench.bugs import queries

        if not queries.has_session_at_work(self._desk.engine):
            return []  # and what works on sessions is not even loaded
        from workbench import fixing

        return fixing.tend(self._desk.config, self._desk.engine, now=self._desk.clock())
