"""What happens outside for a bug, as lines: its issue, and what was done, is owed, or was given up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.text import plain
from workbench.tui.lines import Line, heading, line, paragraphs
from workbench.tui.words import plural

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, CommentRow, MentionRow, OwedRow
    from workbench.tui.lines import Ink

_MENTIONS, _COMMENTS = 10, 5  # the latest

OWED_WORDS = {
    "write_file": "write the bug file",
    "open_issue": "open the issue",
    "comment_issue": "comment on the issue",
    "close_issue": "close the issue",
    "reopen_issue": "reopen the issue",
    "open_pull": "open a pull request",
    "status_issue": "tell the issue how often",
}


def outside_lines(page: BugPage, width: int) -> Iterator[Line]:
    """Yield the linked issue, and what was done or is owed."""
    yield heading("Outside", section="outside")
    issue = page.row.issue
    if issue:
        kind = "pull request" if issue.is_pull else "issue"
        by = f" by {plain(issue.closed_by, 60)}" if issue.closed_by else ""
        more = [
            "locked" if issue.is_locked else "",
            f"labels {plain(', '.join(issue.labels), 200)}" if issue.labels else "",
            plural(issue.comments, "comment") if issue.comments else "",
        ]
        told = "".join(f" · {word}" for word in more if word)
        ink: Ink = "warn" if issue.closed_outside else "accent"
        yield line(
            f"  {kind} {plain(issue.repository, 80)}#{issue.number} ", (f"{issue.standing}{by}", ink), (told, "muted")
        )
        if issue.note:
            yield line((f"  {plain(issue.note, 200)}", "warn"))
        if issue.closed_outside:
            yield line(("  Somebody closed it on GitHub. The bug stays open until a person signs it off.", "muted"))
        yield line((f"  {plain(issue.url, 200)}", "muted"))
    else:
        yield line(("  No issue on GitHub is linked.", "muted"))
    yield from _mentions(page.mentions)
    yield from _comments(page.comments, width)
    yield from owed_lines(page.owed, width)


def _mentions(mentions: Sequence[MentionRow]) -> Iterator[Line]:
    for one in mentions[:_MENTIONS]:
        named = "commit" if one.kind == "commit" else "pull request"
        by = f" · {plain(one.author, 60)}" if one.author else ""
        yield line(
            (f"  {named} ", "muted"), (f"{plain(one.state, 20)} ", "accent"), plain(one.title, 160), (by, "muted")
        )
        yield line((f"    {plain(one.url, 200)}", "muted"))


def _comments(comments: Sequence[CommentRow], width: int) -> Iterator[Line]:
    for one in comments[:_COMMENTS]:
        yield line((f"  {plain(one.author or 'somebody', 60)} on GitHub, {one.at:%Y-%m-%d %H:%M} UTC", "muted"))
        yield from paragraphs([plain(one.text, 600)], width, indent="    ")


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
    if owed.state == "done" and owed.outcome.startswith("withdrawn"):
        yield line(("  – ", "muted"), (f"{what}  {plain(owed.outcome, 200)}", "muted"))
    elif owed.state == "done":
        yield line(("  ✓ ", "good"), (f"{what}  {plain(owed.outcome, 200)}", "muted"))
    elif owed.state == "parked":
        yield line(("  ✗ ", "bad"), f"{what}: parked after {plural(owed.attempts, 'attempt')}")
        yield from paragraphs([plain(owed.outcome)], width, indent="      ", ink="warn")
    else:
        tried = f" · {plural(owed.attempts, 'attempt')}" if owed.attempts else ""
        yield line(("  ○ ", "warn"), f"owed: {what}", (tried, "muted"))
        yield from paragraphs([plain(owed.outcome, 400)] if owed.outcome else [], width, indent="      ", ink="muted")
