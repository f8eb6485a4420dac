"""What the client keeps of a conversation, in the shared database: the session store of the SDK.

The client writes each conversation to a file below its home, and hands the same lines to this store. With them a
conversation can be taken up again where its file is gone. Rows are lines as the client wrote them, in order of `id`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.tables import ConversationLine
from workbench.sessions.record import transaction


class ClientStore:
    """The SDK's `SessionStore` on our database; a key is its `SessionKey`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def append(self, key: Any, entries: list[Any]) -> None:
        """Add lines to a conversation, but for those that it has."""
        await asyncio.to_thread(self.add, key, entries)

    async def load(self, key: Any) -> list[Any] | None:
        """Return the lines of a conversation in order, or None where there are none."""
        return await asyncio.to_thread(self.lines, key) or None

    async def list_sessions(self, project_key: str) -> list[Any]:
        """Return the conversations of a project with the time of their last line, in milliseconds since 1970."""
        statement = (
            select(ConversationLine.session_id, sa.func.max(ConversationLine.at))
            .where(ConversationLine.project_key == project_key, ConversationLine.subpath == "")
            .group_by(col(ConversationLine.session_id))
        )

        def read() -> list[Any]:
            with transaction(self._engine) as session:
                return [
                    {"session_id": each, "mtime": int(at.timestamp() * 1000)} for each, at in session.exec(statement)
                ]

        return await asyncio.to_thread(read)

    async def list_subkeys(self, key: Any) -> list[str]:
        """Return the names of what belongs to a conversation beside its own lines."""
        statement = select(ConversationLine.subpath).where(*_of(key, every=True), ConversationLine.subpath != "")

        def read() -> list[str]:
            with transaction(self._engine) as session:
                return list(session.exec(statement.distinct().order_by(ConversationLine.subpath)))

        return await asyncio.to_thread(read)

    async def delete(self, key: Any) -> None:
        """Delete a conversation with all that belongs to it, or only what `subpath` names."""

        def write() -> None:
            with transaction(self._engine) as session:
                session.execute(sa.delete(ConversationLine).where(*_of(key, every="subpath" not in key)))

        await asyncio.to_thread(write)

    def add(self, key: Any, entries: Sequence[Any]) -> None:
        """Do what `append` does, in this thread."""
        if entries:
            with transaction(self._engine) as session:
                add(session, key, entries)

    def lines(self, key: Any) -> list[Any]:
        """Do what `load` does, in this thread; an empty list for a conversation that is not known."""
        statement = select(ConversationLine.body).where(*_of(key)).order_by(col(ConversationLine.id))
        with transaction(self._engine) as session:
            return list(session.exec(statement))

    def project_of(self, session_id: str) -> str | None:
        """Return the project key that a conversation has lines under, or None."""
        statement = select(ConversationLine.project_key).where(
            ConversationLine.session_id == session_id, ConversationLine.subpath == ""
        )
        with transaction(self._engine) as session:
            return session.exec(statement.limit(1)).first()


def add(session: Session, key: Any, entries: Iterable[Any]) -> None:
    """Add lines to a conversation within a transaction, but for those that it has: a `uuid` names a line."""
    # Lines without a uuid are marks of the client's own, which may be there twice.
    known = set(session.exec(select(ConversationLine.uuid).where(*_of(key), col(ConversationLine.uuid).is_not(None))))
    for entry in entries:
        uuid = entry.get("uuid")
        if uuid is None or uuid not in known:
            known.add(uuid)
            row = ConversationLine(
                project_key=key["project_key"], session_id=key["session_id"], subpath=key.get("subpath", ""),
                uuid=uuid, at=datetime.now(UTC), body=entry,
            )  # fmt: skip
            session.add(row)


def _of(key: Any, *, every: bool = False) -> list[Any]:
    wanted = [
        ConversationLine.session_id == key["session_id"],
        ConversationLine.project_key == key["project_key"],
    ]
    return wanted if every else [*wanted, ConversationLine.subpath == key.get("subpath", "")]
