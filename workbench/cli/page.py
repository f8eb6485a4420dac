"""One bug, its evidence and its sessions as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.cli.output import ago, moment, paint
from workbench.text import plain, plain_lines

if TYPE_CHECKING:
    from capture.event import Event, ExceptionInfo, Frame, Part
    from workbench.bugs.rows import BugPage, BugRow, EvidenceView, SessionRow

VERDICT_COLORS = {"demonstrated": "green", "refuted": "red"}


def lines(page: BugPage, now: datetime) -> Iterator[str]:
    """Yield everything about a bug that a person wants to read, most telling first."""
    yield from _head(page.row, now)
    if page.event is not None:
        yield from _event(page.event)
    for key, parts in page.fingerprints:
        yield from _why(key, parts)
    yield from _section("History")
    for change in page.history:
        came = f"{change.from_state} → " if change.from_state else ""
        reason = f": {plain(change.reason)}" if change.reason else ""
        yield f"  {moment(change.at)}  {came}{change.to_state} by {plain(change.actor)} ({change.actor_kind}){reason}"
    if page.sessions:
        yield from _section("Fix sessions")
        yield from (f"  {session_line(row)}" for row in page.sessions)
    if page.evidence is not None:
        yield from _section("Evidence")
        yield from (f"  {line}" for line in evidence_lines(page.evidence))
    if page.sign_offs:
        yield from _section("Sign-offs")
        for decision in page.sign_offs:
            words = f" — {plain(decision.note)}" if decision.note else ""
            yield f"  {moment(decision.at)}  {decision.decision} {decision.commit[:10]} by {plain(decision.by)}{words}"


def _section(title: str) -> Iterator[str]:
    yield ""
    yield paint(title, "bold")


def _head(row: BugRow, now: datetime) -> Iterator[str]:
    again = ", a recurrence" if row.is_recurrence else ""
    yield paint(f"{row.label}  {plain(row.title)}", "bold")
    last = f"last {ago(row.last_seen, now)} ago"
    yield f"{row.state}{again} · {row.count} times · {last} · since {moment(row.first_seen)}"
    where = [row.method or "", row.route or "", str(row.status_code or ""), row.project, row.environment]
    yield " · ".join(plain(word) for word in [" ".join(w for w in where[:2] if w), *where[2:]] if word)
    if row.release:
        yield f"release {plain(row.release)}"
    if row.issue is not None:
        yield f"issue {row.issue.repository}#{row.issue.number} ({row.issue.state}) {plain(row.issue.url)}"


def _event(event: Event) -> Iterator[str]:
    if event.request is not None:
        query = f"?{event.request.query}" if event.request.query else ""
        yield from _section("Latest request")
        yield f"  {plain(event.request.method)} {plain(event.request.path + query)}  {event.status or ''}".rstrip()
    if event.message and not event.exceptions:
        yield from _section("Message")
        yield from (f"  {line}" for line in plain_lines(event.message))
    for error in event.exceptions:
        yield from _exception(error)


def _exception(error: ExceptionInfo) -> Iterator[str]:
    how = {"cause": " (the cause of the next)", "context": " (while this was handled, the next was raised)"}
    yield from _section("Stack" + how.get(error.link or "", ""))
    hidden = 0
    for frame in error.frames:
        if not frame.in_app:
            hidden += 1
            continue
        if hidden:
            yield f"  … {hidden} of libraries"
        hidden = 0
        yield from _frame(frame)
    if hidden:
        yield f"  … {hidden} of libraries"
    yield f"  {paint(plain(error.type), 'red')}: {plain(error.message)}"


def _frame(frame: Frame) -> Iterator[str]:
    yield f"  {plain(frame.filename)}:{frame.lineno} in {plain(frame.function)}"
    if frame.context_line.strip():
        yield f"    {plain(frame.context_line.strip())}"
    for name, value in (frame.locals or {}).items():
        yield f"      {plain(name)} = {plain(value)}"


def _why(key: str, parts: tuple[Part, ...]) -> Iterator[str]:
    yield from _section(f"Why these events are one bug ({key})")
    for part in parts:
        reason = f"  ({plain(part.why)})" if part.why else ""
        yield f"  {plain(part.name)}: {plain(part.value)}{reason}"


def session_line(row: SessionRow) -> str:
    """Return a fix session as one line."""
    rehearsal = f" (rehearsal {plain(row.rehearsal)})" if row.rehearsal else ""
    return f"{row.id[:8]}  {row.state}{rehearsal}  ${row.cost_usd:.2f}  {plain(row.activity)}"


def evidence_lines(view: EvidenceView) -> Iterator[str]:
    """Yield stored evidence: the verdict, the runs behind it, and what to look at twice."""
    verdict = paint(view.verdict, VERDICT_COLORS.get(view.verdict, "yellow"))
    yield f"{verdict}: {plain(view.reason)}"
    yield f"base {view.base_commit[:10]} → result {view.result_commit[:10]}, {moment(view.ended_at)}"
    for run in view.runs:
        counts = f"{run['passed']} passed, {run['failed']} failed, {run['errors']} errors, {run['skipped']} skipped"
        yield f"  {plain(run['name'])}: {plain(run['outcome'])} ({counts}, {run['seconds']:.1f} s)"
        if run.get("note"):
            yield f"    {plain(run['note'])}"
    for flag in view.flags:
        yield f"  {paint('!', 'yellow')} {plain(flag['path'])}: {plain(flag['message'])}"
