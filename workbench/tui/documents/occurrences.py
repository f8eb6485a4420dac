"""The stored events of a bug as lines of its page, a window at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.text import plain
from workbench.tui.lines import Line, cell, heading, line
from workbench.tui.words import age, plural

if TYPE_CHECKING:
    from workbench.bugs.occurrences import Window
    from workbench.bugs.rows import BugPage, OccurrenceRow
    from workbench.tui.actions import KeyOf


def occurrence_lines(
    page: BugPage, window: Window | None, *, shown: str, kept: str, now: datetime, width: int, key: KeyOf | None
) -> Iterator[Line]:
    """Yield the section of the stored events. `shown` is the one that is open, `kept` the one to compare with."""
    rows = page.occurrences if window is None else window.rows
    newer, stored = (0, len(rows)) if window is None else (window.newer, window.stored)
    which = f"{newer + 1:,}–{newer + len(rows):,} of {stored:,} stored" if stored > len(rows) else ""
    hints = f"{key('open')} shows one · {key('compare')} keeps one and compares it with another" if key else ""
    yield heading("Occurrences", section="occurrences", note=" · ".join(word for word in (which, hints) if word))
    if not rows:
        yield line(("  None is stored any more.", "muted"))
    shows = f"more, {key('open')} shows them" if key else ""
    if newer and shows:
        yield line(("    ▴ newer: ", "accent"), (f"{newer:,} {shows}", "muted"), key="window:newer")
    for seen in rows:
        yield _occurrence(seen, is_open=seen.id == shown, is_kept=seen.id == kept, now=now, width=width)
    older = stored - newer - len(rows)
    if older > 0 and shows:
        yield line(("    ▾ older: ", "accent"), (f"{older:,} {shows}", "muted"), key="window:older")
    counted = page.row.count - (stored if window is not None else len(rows))
    if counted > 0:
        yield line((f"  {plural(counted, 'more event')} counted without being stored", "muted"))


def _occurrence(seen: OccurrenceRow, *, is_open: bool, is_kept: bool, now: datetime, width: int) -> Line:
    return line(
        ("  ❱" if is_open else "   ", "here"),
        ("≍" if is_kept else " ", "key"),
        (f"{age(seen.at, now):>4}  ", "muted"),
        (f"{seen.status_code or '–'!s:>3}  ", "bad" if (seen.status_code or 0) >= 500 else ""),
        cell(seen.path, max(width - 48, 12)),
        (f"  {cell(seen.release or '–', 9)} {cell(seen.environment, 12)}", "muted"),
        (f" {plain(seen.user_id, 20)}" if seen.user_id else "", "muted"),
        key=f"occurrence:{seen.id}",
    )
