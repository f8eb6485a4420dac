"""What happens outside for a bug, as lines: its issue, and what was done, is owed, or was given up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.text import plain
from workbench.tui.lines import Line, heading, line, paragraphs
from workbench.tui.words import plural

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, OwedRow

OWED_WORDS = {
    "write_file": "write the bug file",
    "open_issue": "open the issue",
    "comment_issue": "comment on the issue",
    "close_issue": "close the issue",
    "reopen_issue": "reopen the issue",
    "open_pull": "open a pull request",
}


def outside_lines(page: BugPage, width: int) -> Iterator[Line]:
    """Yield the linked issue, and what was done or is owed."""
    yield heading("Outside", section="outside")
    issue = page.row.issue
    if issue:
        yield line(f"  issue {plain(issue.repository, 80)}#{issue.number} ", (issue.state, "accent"))
        yield line((f"  {plain(issue.url, 200)}", "muted"))
    else:
        yield line(("  No issue on GitHub is linked.", "muted"))
    yield from owed_lines(page.owed, width)


def owed_lines(rows: Sequence[OwedRow], width: int) -> Iterator[Line]:
    """Yield what was done outside, what is still owed, and what was given up for a person to look at.

    The bug file is written again and again; only the latest time is shown.
    """
    written = [owed.id for owed in rows if owed.kind == "write_file" and owed.state == "done"]
    for owed in rows:
        if owed.id not in written[1:]:
            yield from _owed(owed, width)
    if any(owed.kind != "write_file" and owed.state == "due" and not owed.attempts for owed in rows):
        hint = "What is owed to GitHub waits for a worker that knows the repository: the setting github.repository."
        yield from paragraphs([hint], width, indent="    ", ink="muted")


def _owed(owed: OwedRow, width: int) -> Iterator[Line]:
    what = OWED_WORDS.get(owed.kind, owed.kind)
    if owed.state == "done":
        yield line(("  ✓ ", "good"), (f"{what}  {plain(owed.outcome, 200)}", "muted"))
    elif owed.state == "parked":
        yield line(("  ✗ ", "bad"), f"{what}: parked after {plural(owed.attempts, 'attempt')}")
        yield from paragraphs([plain(owed.outcome)], width, indent="      ", ink="warn")
    else:
        tried = f" · {plural(owed.attempts, 'attempt')}" if owed.attempts else ""
        yield line(("  ○ ", "warn"), f"owed: {what}", (f"{tried}  {plain(owed.outcome, 200)}", "muted"))
