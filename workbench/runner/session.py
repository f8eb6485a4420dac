"""What a runner does with its session: a worktree made ready, the agent's part, and its evidence."""

from __future__ import annotations

import os
from typing import Literal

from workbench.config import Config
from workbench.fixing import alarm, preparing
from workbench.runner.agent_part import AgentPart
from workbench.runner.known import Known
from workbench.runner.stopping import Told, told_by_signal
from workbench.sessions.opening import Opening
from workbench.sessions.process import children, end_children
from workbench.sessions.record import Record
from workbench.sessions.turn import Outcome


class Session:
    """One session, from the worktree to its end."""

    def __init__(self, config: Config, record: Record, opening: Opening) -> None:
        self.known = Known.of(config, record)
        self._opening = opening
        # Such as the tunnel to the database, or the client that is starting: they end with us and not with a run.
        self._beside = children()

    def run(self) -> int:
        """Do what the session's row says is next: the agent's part and its evidence, or only the evidence."""
        known = self.known
        if (stopped := self._prepared()) is not None:
            # What is in the worktree is not what was kept of it: it must not take its place.
            known.record.entry("notice", text=f"{stopped.kind}: {stopped.reason}")
            to_open: Literal["open"] | None = "open" if stopped.kind == "failed" else None
            known.record.end(stopped.kind, stopped.reason, to=to_open, reason=f"the session failed: {stopped.reason}")
            return 1 if stopped.kind == "failed" else 0
        if known.fix.options.get("phase") != "evidence":
            alarm.watch(known.record, known.repository, known.place.path)
            outcome = AgentPart(known, self._opening).play()
            alarm.check(known.record, known.repository, known.place.path)
            from workbench.runner import result  # what it brings is not needed before the agent has ended

            if outcome.kind != "finished":
                return result.ended(known, outcome.kind, outcome.reason)
            if result.proposed(known, outcome.reason) or not result.freeze(known, outcome.reason):
                return 0
        from workbench.runner import result

        try:
            with told_by_signal(known.record):
                result.make_evidence(known)
        except Told as told:
            end_children(os.getpid(), but=self._beside)
            known.record.end("interrupted", f"interrupted while the evidence was made: {told}")
        return 0

    def _prepared(self) -> Outcome | None:
        """Make the worktree ready, and return how that ended if not well."""
        known = self.known
        if not known.fix.worktree:
            return None  # an attached branch: its commit is all that is needed
        log = known.folder / preparing.LOG
        try:
            with told_by_signal(known.record):
                why = preparing.prepare(
                    known.config, known.record, known.repository, known.place, log, number=known.number
                )
        except Told as told:
            end_children(os.getpid(), but=self._beside)
            return Outcome("interrupted", f"interrupted while the worktree was made ready: {told}")
        known.read_again()
        return Outcome("failed", why) if why else None
