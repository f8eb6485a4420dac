"""The page of a bug as lines, in sections. Made without a screen, tested without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.text import plain, plain_lines
from workbench.tui.documents.breadcrumbs import breadcrumb_lines
from workbench.tui.documents.evidence import summary_lines
from workbench.tui.documents.figures import By, Figures, over_time_lines, varying_lines
from workbench.tui.documents.history import history_lines
from workbench.tui.documents.occurrences import occurrence_lines
from workbench.tui.documents.outside import outside_lines
from workbench.tui.documents.request import request_lines
from workbench.tui.documents.stack import stack_lines
from workbench.tui.documents.triage import note_lines, related_lines, standing
from workbench.tui.lines import BLANK, Line, Span, cell, heading, line, paragraphs
from workbench.tui.words import (
    ago,
    clock_time,
    money,
    plural,
    session_mark,
    short_count,
    sparkline,
    state_mark,
)

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.occurrences import Window
    from workbench.bugs.rows import BugPage, SessionRow, SignOffRow
    from workbench.tui.actions import KeyOf

SECTIONS = (
    "why", "stack", "request", "breadcrumbs", "over time", "varies", "occurrences", "fix", "outside", "history",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """How the page is looked at: which occurrence is open, what is unfolded, how wide, when, with which keys if any.

    `window` is the part of the stored occurrences that is shown, None for the latest; `kept` the one that another is
    to be compared with; `figures` is None until they are read.
    """

    width: int
    now: datetime
    event: Event | None
    unfolded: frozenset[str] = frozenset()
    key: KeyOf | None = None
    window: Window | None = None
    kept: str = ""
    figures: Figures | None = None
    by: By = "hours"


def head_lines(page: BugPage, width: int, now: datetime) -> list[Line]:
    """Return the few lines that stay above the page."""
    row = page.row
    glyph, ink = state_mark(row.state)
    again: list[Span] = [("  ↻ recurrence", "bad")] if row.is_recurrence else []
    if page.false_alarm is not None:
        again = [("  ↻ false alarm", "warn")]
    title_width = width - 12 - len(row.state) - (15 if again else 0)
    first = line(
        (row.label, "muted"),
        "  ",
        (f"{glyph} {row.state}", ink),
        *again,
        "  ",
        (cell(row.title, title_width), "strong"),
    )
    releases = list(dict.fromkeys(seen.release for seen in page.occurrences if seen.release))
    if row.release and row.release not in releases:
        releases.insert(0, row.release)
    named = ", ".join(release[:12] for release in releases[:3]) + (" …" if len(releases) > 3 else "")
    where = " · ".join(plain(word, 40) for word in (row.project, row.environment) if word)
    facts = [
        plural(row.count, "event"),
        f"since {ago(row.first_seen, now)}",
        f"last {ago(row.last_seen, now)}",
        where,
        f"release {named}" if named else "",
    ]
    told = paragraphs([" · ".join(fact for fact in facts if fact)], width, ink="muted")
    return [first, *told, *paragraphs([standing(row)] if standing(row) else [], width, ink="warn"), _links(page)]


def _links(page: BugPage) -> Line:
    issue = page.row.issue
    parts: list[Span] = [
        (f"issue {plain(issue.repository, 60)}#{issue.number} {issue.standing}", "") if issue else ("no issue", "muted")
    ]
    if page.sessions:
        latest = page.sessions[0]
        glyph, word, ink = session_mark(latest.state)
        parts += [(" · fix session ", "muted"), (f"{glyph} {word}", ink), (f" {money(latest.cost_usd)} ", "muted")]
        if latest.rehearsal is not None:
            parts.append((" REHEARSAL ", "rehearsal"))
    return line(*parts)


def page_lines(page: BugPage, view: View) -> list[Line]:
    """Return the whole page."""
    out: list[Line] = []
    for section in (_why, _notes, _stack, _request, _breadcrumbs, _over_time, _varying, _occurrences, _fix):
        if lines := list(section(page, view)):
            out += [*lines, BLANK]
    out += [*outside_lines(page, view.width), BLANK, *history_lines(page, view.width), BLANK]
    return out[:-1]


def _why(page: BugPage, view: View) -> Iterator[Line]:
    row = page.row
    yield heading("Why these events are one bug", section="why")
    for key, parts in page.fingerprints:
        name_width = min(max((len(plain(part.name, 20)) for part in parts), default=0), 20)
        for part in parts:
            yield line(
                f"  {plain(part.name, 20):<{name_width}}  ",
                (plain(part.value, 160), "accent"),
                (f"  {part.why}", "muted"),
            )
        yield line((f"  fingerprint {plain(key, 64)}: events with the same parts land here", "muted"))
    yield from _left_out(view)
    yield from related_lines(page, key=view.key)
    route = " ".join(plain(word, 120) for word in (row.method, row.route) if word)
    if route:
        yield line(("  route ", "muted"), route, (f"  status {row.status_code}" if row.status_code else "", "muted"))
    yield line(("  last 24 h ", "muted"), (sparkline(row.trend, 24), "accent"), (f"  {sum(row.trend):,}", "muted"))


def _left_out(view: View) -> Iterator[Line]:
    """Yield what did not make the events one bug, and what would have split or merged them."""
    from capture.explain import explain  # here, since the first paint does not wait for it

    if view.event is None:
        return
    found = explain(view.event)
    names = ", ".join(dict.fromkeys(plain(part.name, 40) for part in found.left_out))
    facts = {
        "left out": names,
        "would be another bug": found.splits[:1].lower() + found.splits[1:],
        "would be this bug too": found.merges[:1].lower() + found.merges[1:],
    }
    for name, words in facts.items():
        yield from paragraphs([f"{name}: {words}"] if words else [], view.width, indent="  ", ink="muted")


def _notes(page: BugPage, view: View) -> Iterator[Line]:
    return note_lines(page, view.width, view.now)


def _stack(page: BugPage, view: View) -> Iterator[Line]:
    if view.event is None:
        yield heading("Stack", section="stack")
        yield line(("  No occurrence is stored any more; the counts above stay.", "muted"))
        return
    yield heading("Stack", section="stack", note=_which(page, view))
    yield from stack_lines(view.event, view.width, view.unfolded)


def _which(page: BugPage, view: View) -> str:
    assert view.event is not None
    rows, before = page.occurrences, 0
    stored = len(rows)
    if view.window is not None:
        rows, before, stored = view.window.rows, view.window.newer, view.window.stored
    for index, seen in enumerate(rows, before + 1):
        if seen.id == view.event.id:
            keys = f" · {view.key('newer')} newer  {view.key('older')} older" if view.key else ""
            return f"occurrence {index:,} of {stored:,}, {ago(seen.at, view.now)}{keys}"
    return f"occurrence of {ago(view.event.at, view.now)}"


def _request(page: BugPage, view: View) -> Iterator[Line]:
    return request_lines(view.event, view.width, note=_which(page, view) if view.event else "")


def _breadcrumbs(page: BugPage, view: View) -> Iterator[Line]:
    if view.event is not None:
        yield from breadcrumb_lines(view.event, view.width)


def _over_time(_page: BugPage, view: View) -> Iterator[Line]:
    return over_time_lines(view.figures, view.by, view.width, key=view.key)


def _varying(_page: BugPage, view: View) -> Iterator[Line]:
    return varying_lines(view.figures, view.width, key=view.key)


def _occurrences(page: BugPage, view: View) -> Iterator[Line]:
    shown = view.event.id if view.event else ""
    return occurrence_lines(
        page, view.window, shown=shown, kept=view.kept, now=view.now, width=view.width, key=view.key
    )


def _fix(page: BugPage, view: View) -> Iterator[Line]:
    yield heading("Fix", section="fix")
    if not page.sessions:
        launch: list[Span] = [(view.key("fix"), "key"), (" launches a fix session.", "muted")] if view.key else []
        yield line(("  Nobody has worked on it. ", "muted"), *launch)
    for session in page.sessions:
        yield _session(session, view.now)
    yield from _attempts(page.sessions)
    if page.evidence is not None:
        yield BLANK
        yield from summary_lines(page.evidence, view.width, key="evidence")
    for sign_off in page.sign_offs:
        yield from _sign_off(sign_off)
        yield from paragraphs(plain_lines(sign_off.note, most=6) if sign_off.note else [], view.width, indent="      ")
    yield from _fix_releases(page, view)


def _sign_off(sign_off: SignOffRow) -> Iterator[Line]:
    glyph = "✗" if sign_off.decision == "rejected" else "✓"
    user = f"  user {plain(sign_off.os_user, 40)}" if sign_off.os_user else ""
    yield line(
        (f"  {glyph} {plain(sign_off.decision, 20)} by {plain(sign_off.who, 100)}", "" if sign_off.stands else "muted"),
        (f"  {clock_time(sign_off.at)} UTC  commit {sign_off.commit[:10]}{user}", "muted"),
    )
    if sign_off.undone_at is not None:
        by = plain(sign_off.undone_by or "", 80)
        yield line((f"      taken back {clock_time(sign_off.undone_at)} UTC by {by}", "warn"))


def _attempts(sessions: Sequence[SessionRow]) -> Iterator[Line]:
    """Yield what all attempts cost together; what rehearsals say they cost was never paid."""
    real = [session for session in sessions if session.rehearsal is None]
    if len(sessions) < 2:
        return
    rehearsed = plural(len(sessions) - len(real), "rehearsal")
    yield line(
        ("  = ", "muted"),
        f"{plural(len(real), 'attempt')}, {money(sum(session.cost_usd for session in real))}",
        (f"  {short_count(sum(session.tokens for session in real))} tokens", "muted"),
        (f" · {rehearsed} beside, not paid for" if len(real) < len(sessions) else "", "muted"),
    )


def _session(session: SessionRow, now: datetime) -> Line:
    glyph, word, ink = session_mark(session.state)
    rehearsal: list[Span] = [(" REHEARSAL ", "rehearsal"), (" ", "")] if session.rehearsal is not None else []
    return line(
        (f"  {glyph} {word:<11} ", ink),
        *rehearsal,
        (f"{session.id[:8]}  {ago(session.started_at, now)}  ", "muted"),
        money(session.cost_usd),
        (f"  {short_count(session.tokens)} tokens  {plural(session.turns, 'turn')}  ", "muted"),
        plain(session.activity, 120),
        key=f"session:{session.id}",
    )


def _fix_releases(page: BugPage, view: View) -> Iterator[Line]:
    """Yield which of the releases that the bug was seen in hold its fix: an event from another only counts."""
    signed = page.signed_off
    if page.row.is_recurrence and page.row.state != "closed" and signed is not None:
        said = f"↻ it came back after the sign-off of {ago(signed.at, view.now)} by {plain(signed.who, 100)}"
        yield from paragraphs([said], view.width, indent="      ", ink="bad")
    if page.false_alarm is not None:
        way = view.key("close") if view.key else f"workbench bugs close {page.row.label} --false-alarm"
        said = f"{plain(page.false_alarm.said, 300)}: a false alarm; {way} closes it again under its sign-off"
        yield from paragraphs([said], view.width, indent="      ", ink="warn")
    if page.on_old_release:
        said = f"still on the old release: {plural(page.on_old_release, 'event')} since the sign-off, which only count"
        yield from paragraphs([said], view.width, indent="      ", ink="muted")
    for is_in, words in ((True, "the fix is in"), (False, "still without the fix")):
        names = [plain(name, 40) for name, holds in page.fix_releases if holds == is_in]
        if names:
            said = f"{words}: {', '.join(names[:6])}" + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            yield from paragraphs([said], view.width, indent="      ", ink="" if is_in else "muted")
    if page.row.state == "closed" and page.quiet_until is not None and page.quiet_until > view.now:
        until = f"an event without a release is no recurrence before {clock_time(page.quiet_until)} UTC"
        yield from paragraphs([until], view.width, indent="      ", ink="muted")
