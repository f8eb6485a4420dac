"""What happened to bugs, and what people said of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field

from capture.store.tables import columns


class Transition(columns.Row, table=True):
    """One change of a bug's state: when, who, from, to, why. Rows are only ever added."""

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    at: datetime = columns.time()
    actor_kind: str = columns.text()  # person, agent, system
    actor: str = columns.text()
    from_state: str | None = columns.text(default=None)  # None: the bug was created
    to_state: str = columns.text()
    reason: str = columns.text(default="")


class ActRow(columns.Row, table=True):
    """What somebody did to a bug beside changing its state, or together with it. Rows are only ever added.

    `before` and `after` hold what changed, as plain data: enough to say it, and to undo it. A row outlives the
    deletion of its bug, so that a number is never given twice.
    """

    __tablename__ = "act"

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int | None = Field(default=None, foreign_key="bug.id", index=True)  # None: the bug was deleted
    number: int = Field(index=True)  # of the bug
    at: datetime = columns.time()
    actor_kind: str = columns.text()
    actor: str = columns.text()
    kind: str = columns.text()  # mute, assign, label, note, merge, … see workbench.bugs.acts
    before: dict[str, Any] = columns.json(default_factory=dict)
    after: dict[str, Any] = columns.json(default_factory=dict)
    reason: str = columns.text(default="")
    undone_at: datetime | None = columns.time(default=None)
    undone_by: str | None = columns.text(default=None)


class BugLabel(columns.Row, table=True):
    """A label that somebody put on a bug."""

    __tablename__ = "bug_label"

    bug_id: int = Field(foreign_key="bug.id", primary_key=True)
    name: str = columns.text(primary_key=True, index=True)


class Note(columns.Row, table=True):
    """What somebody wrote about a bug."""

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    at: datetime = columns.time()
    by: str = columns.text()
    text: str = columns.text()
