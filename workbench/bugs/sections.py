"""What a bug file says: its front matter for programs, its sections for people.

No local variable, header, query or body of a request goes into a file: files are committed and pushed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from capture.event import Event, ExceptionInfo, Frame
from capture.store.labels import label
from workbench.bugs.evidence_text import evidence_lines
from workbench.bugs.markdown import code_block, inert
from workbench.bugs.rows import BugFacts, IssueLink, SignOffRow, TransitionRow
from workbench.text import plain, plain_lines

FRAMES = 25  # of each exception, the innermost
EXCEPTIONS = 5  # of a chain, the last
MEMBERS = 5  # of a group, the first
HISTORY = 200  # transitions, the latest
RELEASES = 20
NOTES = 50  # the latest
LINES = 100  # of a message


def front_matter(page: BugFacts) -> dict[str, str]:
    """Return the front matter's keys and values; each value is one line of JSON, which is YAML as well."""
    row = page.row
    releases = dict.fromkeys(release for release in (row.release, *(o.release for o in page.occurrences)) if release)
    values: dict[str, object] = {
        "number": row.label,
        "state": row.state,
        "fingerprints": [key for key, _parts in page.fingerprints],
        "project": row.project,
        "environment": row.environment,
        "count": row.count,
        "first_seen": row.first_seen.isoformat(timespec="seconds"),
        "last_seen": row.last_seen.isoformat(timespec="seconds"),
        "releases": list(releases)[:RELEASES],
        "issue": row.issue.url if row.issue else None,
        "title": row.title,
        "kind": row.kind,
        "type": row.exception_type,
        "status": row.status_code,
        "method": row.method,
        "route": row.route,
        "fix_commit": page.signed_off.commit if page.signed_off else None,
    }
    return {key: _json(value) for key, value in values.items()}


def sections(page: BugFacts, *, is_new: bool = True) -> dict[str, str]:
    """Return the text of each generated section by its name, in their order.

    Where no event is stored, as of a bug that came from its file, a file that exists keeps what it says of one.
    """
    parts = {
        "summary": _summary(page),
        **({"stack": _stack(page.event), "request": _request(page.event)} if is_new or page.event else {}),
        "history": "\n".join(["## History", "", *(_step(step) for step in page.history[-HISTORY:])]),
        "sign-off": _sign_offs(page),
    }
    # Once there was a note, its section stays, or the file would keep one that was taken back.
    if any(act.kind == "note" for act in page.acts):
        parts["notes"] = _notes(page)
    return parts


def _json(value: object) -> str:
    """Return `value` as JSON in which no captured text shows as a mention, a reference or a comment."""
    if isinstance(value, list):
        return f"[{', '.join(_json(item) for item in value)}]"
    shown = plain(value, 200) if isinstance(value, str) else value
    text = json.dumps(shown, ensure_ascii=False)
    return text.replace("@", "\\u0040").replace("#", "\\u0023").replace("<", "\\u003c")


def _summary(page: BugFacts) -> str:
    row, event = page.row, page.event
    surfaced = event.surfaced if event else None
    lines = [f"# {row.label}: {inert(row.title)}", ""]
    lines += _standing(page)
    if surfaced:
        lines.append(f"- What: {inert(f'{surfaced.type}: {surfaced.message}')}")
    if row.route or row.method:
        lines.append("- Where: " + inert(f"{row.method or ''} {row.route or 'no route'}"))
    frame = _innermost(surfaced)
    if frame:
        lines.append(f"- Code: {inert(f'{frame.function} in {frame.filename}, line {frame.lineno}')}")
    if row.status_code:
        lines.append(f"- Status: {row.status_code}")
    times = "once" if row.count == 1 else f"{row.count:,} times"
    lines.append(f"- Seen: {times}, first {_time(row.first_seen)}, last {_time(row.last_seen)}")
    if row.release:
        lines.append(f"- Latest release: {inert(row.release)}")
    lines += _sorting(page)
    if row.issue:
        told = f" · {' · '.join(words)}" if (words := _issue_words(row.issue)) else ""
        lines.append(
            f"- Issue: [{inert(f'{row.issue.repository} issue {row.issue.number}')}](<{_link(row.issue.url)}>){told}"
        )
    if event and event.message and not surfaced:
        lines += ["", *(f"> {inert(line, 1_000)}".rstrip() for line in plain_lines(event.message, most=LINES))]
    return "\n".join(lines)


def _issue_words(issue: IssueLink) -> list[str]:
    by = f" by {inert(issue.closed_by)}" if issue.closed_by else ""
    return [*([f"closed outside{by}"] if issue.closed_outside else []), *([inert(issue.note)] if issue.note else [])]


def _standing(page: BugFacts) -> list[str]:
    """Return what has to be known before anything else is read."""
    row = page.row
    if row.merged_into is not None:
        return [f"Merged into {label(row.merged_into)}: its events are counted there.", ""]
    if row.duplicate_of is not None:
        return [f"Closed as a duplicate of {label(row.duplicate_of)}.", ""]
    if not row.is_recurrence:
        return []
    signed = page.signed_off
    of = f" by {inert(signed.who)} at {_time(signed.at)}, commit {inert(signed.commit)}" if signed else ""
    return [f"It came back after a sign-off{of}.", ""]


def _sorting(page: BugFacts) -> list[str]:
    facts = {
        "Assigned to": page.row.assignee or "",
        "Labels": ", ".join(page.row.labels),
        "Merged into it": ", ".join(bug.label for bug in page.merged),
    }
    return [f"- {name}: {inert(value, 1_200)}" for name, value in facts.items() if value]


def _notes(page: BugFacts) -> str:
    """Return the notes, the oldest first. `## Notes` itself is the part of the file that people own."""
    lines = ["## Notes from the workbench", ""]
    for note in reversed(page.notes[:NOTES]):
        lines += [f"{_time(note.at)} · {inert(note.by)}", ""]
        lines += [*(f"> {inert(line, 1_000)}".rstrip() for line in plain_lines(note.text, most=LINES)), ""]
    return "\n".join(lines).rstrip()


def _stack(event: Event | None) -> str:
    lines = ["## Stack", ""]
    chain = event.exceptions[-EXCEPTIONS:] if event else ()
    if not chain:
        return "\n".join([*lines, "No exception was recorded."])
    for error in chain:
        lines += _told(error, f"{error.type}: {error.message}")
        for place, member in islice(error.every_member(), MEMBERS):
            lines += _told(member, f"Member {place}: {member.type}: {member.message}")
        if error.link:
            lines += ["which is the cause of:" if error.link == "cause" else "while it was handled:", ""]
    return "\n".join(lines).rstrip()


def _told(error: ExceptionInfo, head: str) -> list[str]:
    notes = [f"- {inert(note)}" for note in error.notes]
    notes = [*notes, ""] if notes else []
    return [inert(head), "", *notes, code_block(_frames(error), language="text"), ""]


def _frames(error: ExceptionInfo) -> Iterator[str]:
    """Yield the frames of the application, outermost first, with the place of what was left out."""
    frames = [frame for frame in error.frames if frame.in_app] or list(error.frames[-1:])
    if len(frames) > FRAMES:
        yield f"… {len(frames) - FRAMES} more"
    for frame in frames[-FRAMES:]:
        yield f"{frame.filename}:{frame.lineno} in {frame.function}"
        if frame.context_line.strip():
            yield f"    {frame.context_line.strip()}"
    if not frames:
        yield "no frames"


def _innermost(error: ExceptionInfo | None) -> Frame | None:
    ours = [frame for frame in error.frames if frame.in_app] if error else []
    return ours[-1] if ours else None


def _request(event: Event | None) -> str:
    lines = ["## Request", ""]
    request = event.request if event else None
    if event is None or request is None:
        return "\n".join([*lines, "It did not happen in a request."])
    lines.append(f"- {inert(f'{request.method} {request.path}', 500)}")
    if request.view:
        lines.append(f"- View: {inert(request.view)}")
    if event.status:
        lines.append(f"- Answer: {event.status} {inert(event.reason)}".rstrip())
    return "\n".join(lines)


def _step(step: TransitionRow) -> str:
    what = f"{step.from_state} → {step.to_state}" if step.from_state else step.to_state
    who = inert(step.actor) if step.actor_kind == "person" else f"{step.actor_kind} {inert(step.actor)}"
    why = f": {inert(step.reason, 1_000)}" if step.reason else ""
    return f"- {_time(step.at)} · {what} · {who}{why}"


def _sign_offs(page: BugFacts) -> str:
    lines = ["## Sign-off", ""]
    if not page.sign_offs:
        return "\n".join([*lines, "Nobody has signed this off."])
    lines += [_decision(page, decision) for decision in reversed(page.sign_offs)]
    decided = page.sign_offs[0].evidence_id  # of the latest decision
    if page.evidence is not None and page.evidence.id == decided:
        lines += ["", "### Evidence", "", *evidence_lines(page.evidence)]
    return "\n".join(lines)


def _decision(page: BugFacts, decision: SignOffRow) -> str:
    parts = [f"- {_time(decision.at)} · {decision.decision} by {inert(decision.who)} · commit {inert(decision.commit)}"]
    if page.evidence and page.evidence.id == decision.evidence_id:
        parts.append(f"evidence: {inert(page.evidence.verdict)}")
    if decision.note:
        parts.append(inert(decision.note, 2_000))
    if decision.undone_at is not None:
        parts.append(f"taken back {_time(decision.undone_at)} by {inert(decision.undone_by or '')}")
    return " · ".join(parts)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _link(url: str) -> str:
    """Return a link's address without what would end it; ours come from GitHub's answers."""
    return plain(url, 500).translate({ord(character): None for character in "<> \\"})
