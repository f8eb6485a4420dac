"""Watching a fix session from the command line: its transcript as lines, to the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from workbench.bugs import queries
from workbench.cli.given import now
from workbench.cli.output import line_width, note
from workbench.tui.documents.transcript import approval_lines, entry_lines
from workbench.tui.lines import line
from workbench.tui.words import session_mark, verdict_mark

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.rows import EvidenceView, SessionRow, TranscriptRow
    from workbench.tui.lines import Line

PAUSE = 0.2  # seconds between two looks
SWEEP = 2.0  # seconds between two looks for runners that are gone

Tell = Callable[[Iterable["Line"]], None]


def watch(engine: Engine, row: SessionRow, *, tell: Tell) -> tuple[SessionRow, EvidenceView | None]:
    """Tell each new entry of the transcript until the session ends; return it, and what was proven in it."""
    try:
        row = _followed(engine, row, tell)
    except KeyboardInterrupt:
        note(f"The session goes on. See it: workbench sessions show {row.id[:8]}")
        raise
    evidence = queries.bug_page(engine, row.bug, now=now()).evidence
    found = evidence if evidence is not None and evidence.session_id == row.id else None
    glyph, word, ink = session_mark(row.state)
    tell([line((f"{glyph} {word}", ink), f"  {row.activity}")])
    if found is not None:
        glyph, ink = verdict_mark(found.verdict)
        tell([line((f"{glyph} {found.verdict}", ink), f"  {found.reason}")])
    return row, found


def _followed(engine: Engine, row: SessionRow, tell: Tell) -> SessionRow:
    from workbench import fixing

    last, asked, swept = 0, 0, time.monotonic()
    while True:
        row = queries.session(engine, row.id)
        for entry in transcript(engine, row.id, after=last):
            last = entry.id
            tell(entry_lines(entry, line_width()))
        for approval in queries.approvals(engine, row.id):
            if approval.id > asked:
                asked = approval.id
                tell(approval_lines(approval, line_width())[:-1])  # the last line names keys of the screen
                note("It waits for your answer: open the screen with `workbench`.")
        if not row.is_live:
            return row
        time.sleep(PAUSE)
        if time.monotonic() - swept > SWEEP:
            swept = time.monotonic()
            fixing.sweep(engine, now=now())


def transcript(engine: Engine, session_id: str, *, after: int = 0) -> Iterator[TranscriptRow]:
    """Yield all entries of a transcript with ids greater than `after`."""
    while entries := queries.transcript(engine, session_id, after=after):
        yield from entries
        after = entries[-1].id
