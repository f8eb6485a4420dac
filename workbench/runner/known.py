"""A session as its runner knows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from capture.event import Event
from capture.store.tables import FixSession
from workbench.bugs import queries
from workbench.config import Config
from workbench.git import Repository
from workbench.sessions.folder import of_session
from workbench.sessions.record import Record
from workbench.sessions.worktrees import Place


@dataclass
class Known:
    """The session's row as it was when it was last read, its bug, and where it works."""

    config: Config
    record: Record
    fix: FixSession
    number: int
    event: Event | None
    repository: Repository
    place: Place

    @classmethod
    def of(cls, config: Config, record: Record) -> Known:
        """Read a session."""
        fix = record.load()
        number = queries.session(record.engine, fix.id).bug
        event = queries.bug_page(record.engine, number, now=record.clock()).event
        place = Place(Path(fix.worktree), fix.branch, fix.base_commit)
        return cls(config, record, fix, number, event, Repository.open(Path(fix.repository)), place)

    @property
    def folder(self) -> Path:
        """The session's own folder, outside of its worktree."""
        return of_session(self.config.state_dir, self.fix.id)

    def read_again(self) -> None:
        """Read the row as it is now."""
        self.fix = self.record.load()

    def ticked(self, text: str) -> None:
        """Show what goes on."""
        self.record.update(state="working", activity=text)
