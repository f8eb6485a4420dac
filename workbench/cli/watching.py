"""Watching a fix session from the command line: its transcript as lines, to the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.bugs import queries
from workbench.cli.given import now
from workbench.cli.output import note
from workbench.text import plain

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.rows import EvidenceView, SessionRow, TranscriptRow

PAUSE = 0.3  # seconds between two looks
SWEEP = 5.0  # seconds between two looks for runners that are gone


def watch(engine: Engine, row: SessionRow, *, tell: Callable[[str], None]) -> tuple[SessionRow, EvidenceView | None]:
    """Tell each new entry of the transcript until the session ends; return it and what was proven in it."""
    try:
        row = _followed(engine, row, tell)
    except KeyboardInterrupt:
        note(f"The session goes on. See it: workbench sessions show {row.id[:8]}")
        raise
    evidence = queries.bug_page(engine, row.bug, now=now()).evidence
    found = evidence if evidence is not None and evidence.session_id == row.id else None
    tell(f"{row.state}: {plain(row.activity)}" if found is None else f"{found.verdict}: {plain(found.reason)}")
    return row, found


def _followed(engine: Engine, row: SessionRow, tell: Callable[[str], None]) -> SessionRow:
    from workbench import fixing

    last, swept, asked = 0, time.monotonic(), 0
    while True:
        row = queries.session(engine, row.id)
        for entry in queries.transcript(engine, row.id, after=last):
            last = entry.id
            tell(entry_line(entry))
        for approval in queries.approvals(engine, row.id):
            if approval.id > asked:
                asked = approval.id
                note(f"It asks: {plain(approval.body)}. Answer in the screen: workbench")
        if not row.is_live:
            return row
        time.sleep(PAUSE)
        if time.monotonic() - swept > SWEEP:
            swept = time.monotonic()
            fixing.sweep(engine, now=now())


def entry_line(entry: TranscriptRow) -> str:
    """Return an entry of a transcript as one line."""
    return f"{entry.at:%H:%M:%S}  {entry.kind:<11} {plain(_gist(entry.body), 200)}"


def _gist(body: dict[str, Any]) -> str: ...
