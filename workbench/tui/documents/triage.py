"""What people decided about a bug, as lines of its page: how it stands, what belongs to it, notes, acts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.text import plain, plain_lines
from workbench.tui.lines import Line, Span, heading, line, paragraphs
from workbench.tui.words import ago, plural, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import ActView, BugPage, BugRow
    from workbench.tui.actions import KeyOf

NOTE_LINES = 100
LANDED = {"land": "what was done with the fix", "take back": "what was taken back of that"}  # see workbench.landing


def standing(row: BugRow) -> str:
    """Return what people decided about a bug, in one line; empty where nobody did."""
    facts = [_ending(row), _muted(row), f"assigned to {plain(row.assignee, 60)}" if row.assignee else ""]
    facts += [f"#{plain(name, 50)}" for name in row.labels]
    return " · ".join(fact for fact in facts if fact)


def _ending(row: BugRow) -> str:
    if row.merged_into is not None:
        return f"merged into B-{row.merged_into:03d}"
    if row.duplicate_of is not None:
        return f"a duplicate of B-{row.duplicate_of:03d}"
    return "not a bug: it only counts" if row.closed_as == "not a bug" else ""


def _muted(row: BugRow) -> str:
    if row.state != "muted":
        return ""
    until = [f"{row.mute_until:%Y-%m-%d %H:%M} UTC"] if row.mute_until else []
    until += [plural(row.mute_events, "more event")] if row.mute_events is not None else []
    until += ["it is seen in a new release"] if row.mute_releases is not None else []
    return f"muted until {' or '.join(until)}" if until else "muted for good"


def related_lines(page: BugPage, *, key: KeyOf | None) -> Iterator[Line]:
    """Yield the bugs that were merged into this one, and those that might be."""
    for bug in page.merged:
        yield line(("  merged into it  ", "muted"), f"{bug.label}  {plain(bug.title, 100)}", key=f"bug:{bug.number}")
    if page.alike:
        hint: list[Span] = [(f"  {key('open')} shows one, {key('merge')} merges", "muted")] if key else []
        yield line(("  Raised at the same place, perhaps the same fault:", "warn"), *hint)
    for bug in page.alike:
        glyph, ink = state_mark(bug.state)
        yield line(
            f"    {bug.label}  ",
            (f"{glyph} {bug.state}", ink),
            (f"  {bug.count:,} ×  ", "muted"),
            plain(bug.title, 100),
            key=f"bug:{bug.number}",
        )


def note_lines(page: BugPage, width: int, now: datetime) -> Iterator[Line]:
    """Yield the notes, the latest first."""
    if page.notes:
        yield heading("Notes")
    for note in page.notes:
        yield line((f"  {ago(note.at, now)} by {plain(note.by, 80)}", "muted"))
        yield from paragraphs(plain_lines(note.text, most=NOTE_LINES), width, indent="    ")


def act_words(act: ActView) -> str:
    """Return what somebody did, in words."""
    was, is_ = act.before, act.after
    if "assignee" in is_:
        return f"assigned to {plain(is_['assignee'] or 'nobody', 80)}"
    if "labels" in is_:
        come = [f"+{name}" for name in is_["labels"] if name not in was["labels"]]
        gone = [f"-{name}" for name in was["labels"] if name not in is_["labels"]]
        return plain(f"labelled {' '.join(come + gone)}", 200)
    if "issue" in is_:
        return f"linked to {_issue(is_['issue'])}" if is_["issue"] else f"unlinked from {_issue(was['issue'])}"
    if act.kind == "split":
        told = is_["split"]
        return plain(f"split off B-{told['to']:03d}: {told['field']} {told['value'] or '(none)'}", 300)
    if act.kind in LANDED:
        return LANDED[act.kind]
    if act.kind == "note":
        return "wrote a note"
    return plain(act.kind if act.kind in ("merge", "unmerge") else f"{act.kind} {act.reason}", 200)


def _issue(issue: dict[str, Any]) -> str:
    return plain(f"{issue['repository']}#{issue['number']}", 100)
