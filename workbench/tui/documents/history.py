"""What happened to a bug, as one line of time: every change of state, and everything that somebody did to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.text import plain
from workbench.tui.documents.triage import LANDED, act_words
from workbench.tui.lines import Ink, Line, Span, heading, line, paragraphs
from workbench.tui.words import clock_time, state_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import ActView, BugPage, TransitionRow

_REASONED = ("merge", "unmerge")  # what is said of these is no part of their words


def history_lines(page: BugPage, width: int) -> Iterator[Line]:
    """Yield the section, the oldest first. An act that changed the state stands on the line of that change."""
    yield heading("History", section="history", note="who, when and why, the oldest first")
    steps = {(step.at, step.to_state) for step in page.history}
    told = {(act.at, act.after["state"]): act for act in page.acts if "state" in act.after}
    events = [
        (step.at, place, _step(step, told.get((step.at, step.to_state)), width))
        for place, step in enumerate(page.history)
    ]
    events += [
        (act.at, len(page.history) + act.id, _act(act, width))
        for act in page.acts
        if (act.at, act.after.get("state")) not in steps
    ]
    if (found := page.false_alarm) is not None:
        mark: list[Span] = [("↻ a false alarm", "warn")]
        events.append((found.said_at, -1, _told(found.said_at, mark, "system git", found.said, None, width)))
    for _at, _place, lines in sorted(events, key=lambda event: event[:2]):
        yield from lines


def _step(step: TransitionRow, act: ActView | None, width: int) -> Iterator[Line]:
    glyph, ink = state_mark(step.to_state)
    what: list[Span] = [(f"{step.from_state} → " if step.from_state else "", ""), (f"{glyph} {step.to_state}", ink)]
    return _told(step.at, what, f"{step.actor_kind} {plain(step.actor, 80)}", step.reason, act, width)


def _act(act: ActView, width: int) -> Iterator[Line]:
    reason = "; ".join(act.after["steps"]) if act.kind in LANDED else act.reason if act.kind in _REASONED else ""
    who = "system" if act.kind in LANDED else "person"
    return _told(act.at, [(act_words(act), "")], f"{who} {plain(act.actor, 80)}", reason, act, width)


def _told(at: datetime, what: list[Span], who: str, why: str, act: ActView | None, width: int) -> Iterator[Line]:
    undone = act is not None and act.undone_at is not None
    mark: Ink = "muted" if undone else ""
    spans = [(text, mark if undone else ink) for text, ink in what]
    yield line((f"  {clock_time(at)}  ", "muted"), *spans, (f"  by {who}", "muted"))
    if act is not None and act.undone_at is not None:
        by = plain(act.undone_by or "", 80)
        yield line((f"      undone {clock_time(act.undone_at)} by {by}", "warn"))
    yield from paragraphs([plain(why)] if why else [], width, indent="      ", ink="muted")
