"""What issues and comments say: made for people, bounded, and with captured text only as inert data.

No local variable, header, query or body of a request goes to GitHub, where more people read than in the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from capture.event import Event, ExceptionInfo, Frame
from workbench.bugs.evidence_text import evidence_lines
from workbench.bugs.markdown import GAP, code_block, inert
from workbench.bugs.rows import BugFacts, EvidenceView
from workbench.text import plain

MOST_CHARACTERS = 65_536  # of an issue or a comment; GitHub answers 422 to more
TITLE_CHARACTERS = 200  # GitHub takes 256, and a neutralised text is longer than it was

_FRAMES = 15  # of each exception, the innermost
_EXCEPTIONS = 3  # of a chain, the last
_MEMBERS = 5  # of a group, the first
_LINE = 200
_PARTS = 12  # of a fingerprint
_RETURNS = 10  # after a sign-off, the latest

# A title is no Markdown: nothing undoes an escape there, so what could be read as more than text is replaced.
_IN_TITLES = str.maketrans({"<": "‹", ">": "›", "`": "'", "\\": "/"})
_REFERENCES = re.compile(r"[@#]|\bgh(?=-\d)|:(?=//)", re.IGNORECASE)


def title(page: BugFacts) -> str:
    """Return the issue's title."""
    words = plain(page.row.title, TITLE_CHARACTERS).translate(_IN_TITLES).strip()
    return _REFERENCES.sub(lambda found: found[0] + GAP, words)[:256] or page.row.label


def body(page: BugFacts, marker: str) -> str:
    """Return the issue's text, which ends in its marker."""
    parts = [_facts(page), _stack(page.event), _request(page.event), _grouping(page)]
    ending = (
        "---\n"
        f"Filed by Bug workbench as {page.row.label}. All about it: `workbench bugs show {page.row.label}`. "
        "It is closed when a person has signed off a fix."
    )
    return _fitting([part for part in parts if part], f"{ending}\n\n{marker}\n")


def pull(page: BugFacts, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return the title and the text of the pull request for a fix that was signed off, from the `facts` of that."""
    lines = [f"Fixes {page.row.label}: {inert(page.row.title, 500)}", ""]
    if page.row.issue:
        # Ours, and meant: GitHub links the two.
        lines += [f"Issue: {page.row.issue.repository}#{page.row.issue.number}", ""]
    ending = f"`workbench bugs show {page.row.label}`"
    return f"Fix {page.row.label}: {title(page)}"[:256], _fitting(["\n".join([*lines, *_signed_off(facts)])], ending)


def standing(page: BugFacts, marker: str) -> str:
    """Return the text of the one comment that tells how a bug stands now."""
    row, today = page.row, sum(page.row.trend)
    times = "once" if row.count == 1 else f"{row.count:,} times"
    lines = [f"**Seen {times}** by now, last at {_time(row.last_seen)}.", ""]
    lines.append(f"- In the last 24 hours: {today:,}")
    if row.users:
        lines.append(f"- Users who met it, in its stored events: {row.users:,}")
    if row.release:
        lines.append(f"- Latest release: {inert(row.release)}")
    back = [step for step in page.history if step.from_state == "closed" and step.actor_kind == "system"]
    if back:
        lines += ["", f"**It came back** after its sign-off{f', {len(back)} times' if len(back) > 1 else ''}:", ""]
        lines += [f"- {_time(step.at)}: {inert(step.reason, 300)}" for step in reversed(back[-_RETURNS:])]
    if back and page.signed_off is not None:
        signed = page.signed_off
        lines.append(f"- Signed off by {inert(signed.who)} at {_time(signed.at)}: commit {inert(signed.commit)}")
    ending = f"This comment is kept up to date. `workbench bugs show {row.label}`\n\n{marker}\n"
    return _fitting(["\n".join(lines)], ending)


def comment(page: BugFacts, facts: Mapping[str, Any], marker: str) -> str:
    """Return a comment's text from the `facts` it was owed with: of a sign-off, or plain `text`."""
    return comment_without_page(page.row.label, facts, marker, page.evidence)


def comment_without_page(
    label: str, facts: Mapping[str, Any], marker: str, evidence: EvidenceView | None = None
) -> str:
    """Return the same for a bug of which nothing else was read: `facts` that name no evidence need no more."""
    parts: list[str] = []
    if "sign_off" in facts:
        lines = _signed_off(facts)
        if evidence is not None and evidence.id == facts.get("evidence"):
            parts = ["\n".join(["### Evidence", "", *evidence_lines(evidence)])]
    else:
        lines = [inert(facts.get("text", ""), 4_000) or f"{label} has changed."]
    ending = f"`workbench bugs show {label}`\n\n{marker}\n"
    return _fitting(["\n".join(lines), *parts], ending)


def _facts(page: BugFacts) -> str:
    row, event = page.row, page.event
    surfaced = event.surfaced if event else None
    if surfaced:
        lines = [f"- **What:** {inert(f'{surfaced.type}: {surfaced.message}', 500)}"]
    else:
        lines = [f"- **What:** {inert((event.message if event else '') or row.title, 4_000)}"]
    if row.method or row.route:
        answer = f" (answered {row.status_code})" if row.status_code else ""
        where = " ".join([row.method or "", row.route or "no route"])
        lines.append(f"- **Where:** {inert(where)}{answer}")
    frame = _innermost(surfaced)
    if frame:
        lines.append(f"- **Code:** {inert(f'{frame.function} in {frame.filename}, line {frame.lineno}')}")
    times = "once" if row.count == 1 else f"{row.count:,} times"
    lines.append(f"- **How often:** {times}, last {_time(row.last_seen)}")
    lines.append(f"- **Since:** {_time(row.first_seen)}")
    if row.release:
        lines.append(f"- **Latest release:** {inert(row.release)}")
    if row.environment:
        lines.append(f"- **Environment:** {inert(row.environment)}")
    return "\n".join(lines)


def _stack(event: Event | None) -> str:
    chain = event.exceptions[-_EXCEPTIONS:] if event else ()
    if not chain:
        return ""
    lines = ["### Stack of the application"]
    for error in chain:
        lines += _told(error, f"{error.type}: {error.message}")
        for place, member in islice(error.every_member(), _MEMBERS):
            lines += _told(member, f"Member {place}: {member.type}: {member.message}")
        if error.link:
            lines += ["", "which is the cause of:" if error.link == "cause" else "while it was handled:"]
    return "\n".join(lines)


def _told(error: ExceptionInfo, head: str) -> list[str]:
    notes = [f"- {inert(note)}" for note in error.notes]
    notes = [*notes, ""] if notes else []
    return ["", inert(head), "", *notes, code_block(_frames(error), limit=_LINE, language="text")]


def _frames(error: ExceptionInfo) -> Iterator[str]:
    frames = [frame for frame in error.frames if frame.in_app] or list(error.frames[-1:])
    if not frames:
        yield "no frames"
    if len(frames) > _FRAMES:
        yield f"… {len(frames) - _FRAMES} more"
    for frame in frames[-_FRAMES:]:
        yield f"{frame.filename}:{frame.lineno} in {frame.function}"
        if frame.context_line.strip():
            yield f"    {frame.context_line.strip()}"


def _innermost(error: ExceptionInfo | None) -> Frame | None:
    ours = [frame for frame in error.frames if frame.in_app] if error else []
    return ours[-1] if ours else None


def _request(event: Event | None) -> str:
    if event is None or event.request is None:
        return ""
    return f"### Request\n\n{inert(f'{event.request.method} {event.request.path}', 500)}"


def _grouping(page: BugFacts) -> str:
    parts = page.fingerprints[0][1] if page.fingerprints else ()
    if not parts:
        return ""
    lines = [
        f"- {inert(part.name)}: {inert(part.value)}" + (f" ({inert(part.why)})" if part.why else "")
        for part in parts[:12]
    ]
    return "\n".join(["### What its events have in common", "", *lines])


def _signed_off(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"**The fix was signed off** by {inert(facts.get('by', ''))} at {inert(facts.get('at', ''), 40)}.", ""]
    branch = f" on branch {inert(facts['branch'])}" if facts.get("branch") else ""
    lines.append(f"- Commit: {inert(facts.get('commit', ''))}{branch}")
    reason = f": {inert(facts['reason'], 1_000)}" if facts.get("reason") else ""
    lines.append(f"- Evidence: {inert(facts.get('verdict', 'none'))}{reason}")
    if facts.get("note"):
        lines.append(f"- Note: {inert(facts['note'], 2_000)}")
    return lines


def _fitting(parts: list[str], ending: str) -> str:
    """Join the parts and the ending, leaving out the last parts where the whole would be too long for GitHub."""
    while parts:
        text = "\n\n".join([*parts, ending])
        if len(text) <= MOST_CHARACTERS:
            return text
        parts = parts[:-1]
    return ending


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
