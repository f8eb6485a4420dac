"""Watching a fix session from the command line: its transcript as lines, to the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from workbench.bugs import queries
from workbench.bugs.rows import TranscriptRow
from workbench.cli.given import now
from workbench.cli.opening import patience
from workbench.cli.output import line_width, note
from workbench.text import plain
from workbench.tui.documents.transcript import approval_lines, entry_lines
from workbench.tui.lines import line
from workbench.tui.words import session_mark, verdict_mark

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.rows import EvidenceView, SessionRow
    from workbench.tui.lines import Line

Tell = Callable[[Iterable["Line"]], None]


def watch(
    engine: Engine, row: SessionRow, *, tell: Tell, opening: str, tend: Callable[[], object] | None = None
) -> tuple[SessionRow, EvidenceView | None]:
    """Tell each new entry of the transcript until the session ends; return it, and what was proven in it.

    `opening` is the command that opens the screen, for a question that nobody answers here.
    """
    try:
        _follow(engine, row, tell, opening, tend)
    except KeyboardInterrupt:
        note(f"The session goes on. See it: workbench sessions show {row.id[:8]}")
        raise
    row = queries.session(engine, row.id)
    evidence = queries.bug_page(engine, row.bug, now=now()).evidence
    found = evidence if evidence is not None and evidence.session_id == row.id else None
    glyph, word, ink = session_mark(row.state)
    tell([line((f"{glyph} {word}", ink), f"  {row.activity}")])
    if found is not None:
        glyph, ink = verdict_mark(found.verdict)
        tell([line((f"{glyph} {found.verdict}", ink), f"  {found.reason}")])
    return row, found


def _follow(engine: Engine, row: SessionRow, tell: Tell, opening: str, tend: Callable[[], object] | None) -> None:
    from workbench import fixing

    for news in fixing.follow(engine, row.id, patience=patience(), opening=opening, tend=tend):
        if isinstance(news, TranscriptRow):
            tell(entry_lines(news, line_width()))
        else:
            tell(approval_lines(news, line_width()))
            answer = f"workbench sessions answer {row.id[:8]} yes|no"
            note(f"It waits for your answer: {answer}. Or open the screen: {plain(opening)}")
