"""The stored events of a bug as lines of its page, a window at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from workbench.text import plain
from workbench.tui.lines import Line, cell, heading, line
from workbench.tui.words import age, plural

if TYPE_CHECKING:
    from workbench.bugs.occurrences import Window
    from workbench.bugs.rows import BugPage, OccurrenceRow
    from workbench.tui.actions import KeyOf

RELEASE = 9  # cells: a short commit id
RELEASE_MOST = 24  # such as 2026.11.1-rc2 or a longer tag


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
    room = _room(rows, width)
    for seen in rows:
        yield _occurrence(seen, is_open=seen.id == shown, is_kept=seen.id == kept, now=now, room=room)
    older = stored - newer - len(rows)
    if older > 0 and shows:
        yield line(("    ▾ older: ", "accent"), (f"{older:,} {shows}", "muted"), key="window:older")
    counted = page.row.count - (stored if window is not None else len(rows))
    if counted > 0:
        yield line((f"  {plural(counted, 'more event')} counted without being stored", "muted"))


class _Room(NamedTuple):
    """Cells of the columns whose texts differ much in length."""

    path: int
    release: int


def _room(rows: Sequence[OccurrenceRow], width: int) -> _Room:
    """Share a line out: a release gets what its name needs of what the paths leave empty."""
    both = max(width - 48, 12) + RELEASE
    paths = max((cell_len(plain(seen.path, both)) for seen in rows), default=0)
    names = max((cell_len(plain(seen.release, RELEASE_MOST)) for seen in rows if seen.release), default=0)
    release = max(min(names, RELEASE_MOST, both - paths), RELEASE)
    return _Room(both - release, release)


def _occurrence(seen: OccurrenceRow, *, is_open: bool, is_kept: bool, now: datetime, room: _Room) -> Line:
    return line(
        ("  ❱" if is_open else "   ", "here"),
        ("≍" if is_kept else " ", "key"),
        (f"{age(seen.at, now):>4}  ", "muted"),
        (f"{seen.status_code or '–'!s:>3}  ", "bad" if (seen.status_code or 0) >= 500 else ""),
        cell(seen.path, room.path),
        (f"  {cell(seen.release or '–', room.release)} {cell(seen.environment, 12)}", "muted"),
        (f" {plain(seen.user_id, 20)}" if seen.user_id else "", "muted"),
        key=f"occurrence:{seen.id}",
    )
