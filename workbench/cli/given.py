"""What the global options gave: configuration, database, checkout and person, each made when it is asked for."""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import typer

from workbench import config
from workbench.cli.output import complain, without_password
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.git import Repository


@dataclass
class Given:
    """One call of the command line."""

    flags: Mapping[str, str | None]
    acts: bool = False  # the command is one that changes something

    @cached_property
    def config(self) -> config.Config:
        """The configuration, with the flags on top."""
        return config.load(flags=self.flags)

    @contextmanager
    def store(self, *, create: bool = False) -> Iterator[Engine]:
        """The shared database, for as long as the command needs it; with `create`, made where there is none."""
        from workbench.bugs.store import open_store

        engine = open_store(self.config, create=create)
        try:
            self._tell_if_read_only(engine)
            yield engine
        finally:
            engine.dispose()

    def _tell_if_read_only(self, engine: Engine) -> None:
        """Say that the schema is of another version; raise `DatabaseError` where the command would write to it."""
        from capture.store.engine import why_read_only
        from workbench.errors import DatabaseError

        why = why_read_only(engine)
        if why is None or self.config.read_only:
            return
        if self.acts:
            raise DatabaseError(str(why), cure=why.cure)
        complain(str(why), why.cure)

    def opening(self) -> str:
        """The command that opens the screen on the same bugs, from wherever it is typed."""
        words = ["workbench", "--repo", shlex.quote(str(self.config.repo / self.config.folder))]
        if database := self.flags.get("database_url"):
            words += ["--db", shlex.quote(without_password(database))]
        return " ".join(words)

    def repository(self) -> Repository:
        """The git repository. Raises `ConfigurationError` where there is none."""
        from workbench.git import Repository

        return Repository.open(self.config.repo)

    def person(self) -> str:
        """Who is at the keyboard: the git identity where there is one, else the user of the system."""
        try:
            return self.repository().identity()
        except WorkbenchError:
            return getpass.getuser()


def given(ctx: typer.Context) -> Given:
    """Return what the global options gave to this command."""
    found = ctx.find_object(Given)
    assert found is not None, "the root callback runs before every command"
    return found


def now() -> datetime:
    """Return the time, once for a command."""
    return datetime.now(UTC)
