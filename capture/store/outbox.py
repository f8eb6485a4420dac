"""Actions owed to the outside, written in the same transaction as the change that owes them.

Owing an action is all that this side does; `workbench.tracker` leases the rows and does them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from sqlmodel import Session, select

from capture.store import bulk
from capture.store.tables import OutboxRow

Kind = Literal["write_file", "open_issue", "comment_issue", "close_issue", "reopen_issue", "open_pull", "status_issue"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# What is the same for all that nobody has begun.
_BLANK: dict[str, Any] = {"body": {}, "state": "due", "attempts": 0, "outcome": ""}


def owe(
    session: Session, kind: Kind, bug_id: int, *, occasion: str, now: datetime, body: dict[str, Any] | None = None
) -> None:
    """Owe `kind` for a bug. Nothing is committed.

    `occasion` names what the action is owed for ("created", "sign-off 7"): the same kind for the same bug and
    occasion is owed once, however often this is called. A `write_file` that nobody has begun covers every later
    change as well, because the file is written from the database as it is then. The waiting row is locked until
    the change is committed: a worker that began it before would write the file as it was.
    """
    key = f"{kind}:{bug_id}:{occasion}"
    owed = select(OutboxRow.id).where(OutboxRow.bug_id == bug_id)
    if kind == "write_file":
        waiting = owed.where(OutboxRow.kind == kind, OutboxRow.state == "due", OutboxRow.leased_until.is_(None))  # type: ignore[union-attr]
        # One that is being begun right now is skipped, and the file is owed again.
        if session.exec(waiting.with_for_update(skip_locked=True)).first() is not None:
            return
    if session.exec(owed.where(OutboxRow.key == key)).first() is not None:
        return
    session.add(OutboxRow(bug_id=bug_id, kind=kind, key=key, body=body or {}, due_at=now, created_at=now))
    session.flush()


def owe_all(session: Session, kinds: Sequence[Kind], bug_ids: Sequence[int], *, occasion: str, now: datetime) -> None:
    """Owe each of `kinds` for each bug, in one statement. For bugs that are new: nothing can be owed for them yet."""
    both = [(bug_id, kind) for bug_id in bug_ids for kind in kinds]
    columns: dict[str, list[Any]] = {
        "bug_id": [bug_id for bug_id, _kind in both],
        "kind": [kind for _bug_id, kind in both],
        "key": [f"{kind}:{bug_id}:{occasion}" for bug_id, kind in both],
    }
    bulk.insert(session.connection(), OutboxRow, columns, **_BLANK, due_at=now, created_at=now)
