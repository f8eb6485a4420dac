"""A fix session as it goes: what the agent says and does, what it costs, and what it asks for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from workbench.text import plain
from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import TAIL, Document
from workbench.tui.documents.transcript import approval_lines, entry_lines
from workbench.tui.lines import Line, Span, line
from workbench.tui.place import bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.screens.in_hand import InHand
from workbench.tui.screens.searching import Searching
from workbench.tui.words import duration, money, plural, session_mark, short_count

if TYPE_CHECKING:
    from workbench.bugs.rows import ApprovalRow, BugRow, SessionRow, TranscriptRow

ENTRIES_KEPT = 2_000
READ_SECONDS = 0.6  # between two readings: what an agent says in many lines a second is drawn at once
SURELY_WHOLE = 100  # entries; a reading of fewer was not cut short
TICK_SECONDS = 1.0  # of the time that a session takes
BUG_SECONDS = 5.0  # between two readings of the bug, which changes less often than its session


@dataclass(frozen=True)
class Progress:
    """What is new in a session."""

    session: SessionRow
    entries: list[TranscriptRow]
    approvals: list[ApprovalRow]
    is_whole: bool  # nothing more was to be read then
    bug: BugRow
    has_evidence: bool
    bug_read: float  # when, by the monotonic clock


_PHASES = {
    "test": "phase 1: test  ",
    "fix": "phase 2: fix  ",
    "evidence": "evidence  ",
    "taken over": "in a person's hands  ",
}


def _warnings(session: SessionRow) -> list[Span]:
    return [(" NO SANDBOX ", "rehearsal"), ("  ", "")] if session.is_sandboxed is False else []


class SessionScreen(InHand, BugActs, Searching):
    """One fix session, live."""

    PLACE = "session"
    OPENS = "decision"  # a key signs, or lets a command run
    BINDINGS: ClassVar[list[BindingType]] = bindings("session")

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self._session_id = session_id
        self._session: SessionRow | None = None
        self._row: BugRow | None = None
        self._approvals: list[ApprovalRow] = []
        self._entries: list[TranscriptRow] = []
        self._last = 0
        self._drawn_width = 0
        self._progress: Progress | None = None
        self._has_changed = False
        self._next: Timer | None = None  # reads what has changed since
        self._seconds: Timer | None = None
        self._head_at = 0.0  # when the head was drawn

    def body(self) -> Iterable[Widget]:
        """Return the head, the transcript, the question and the message box."""
        yield Bar(id="head")
        yield Document(id="main", follow=True)
        yield Document(id="asks", has_cursor=False)
        yield self.message_box()

    @property
    def transcript(self) -> Document:
        """The transcript."""
        return self.query_one("#main", Document)

    @property
    def bug(self) -> BugRow | None:
        """The bug that the session works on."""
        return self._row

    @property
    def steered(self) -> SessionRow | None:
        """The session."""
        return self._session

    @property
    def questions(self) -> list[ApprovalRow]:
        """What the agent asks for."""
        return self._approvals

    def here(self) -> Here:
        """Return the session, and whether it asks for something."""
        return Here(
            key=self.key,
            bug=self._row,
            session=self._session,
            asks=bool(self._approvals),
            once=self._approvals[0].why_not_always if self._approvals else "",
            in_browser=self.app.is_web,
            has_evidence=self._progress is not None and self._progress.has_evidence,
            searched=self.is_searched,
        )

    def read(self) -> Progress:
        """Read what is new."""
        desk = self.workbench.desk
        before = self._progress
        session = desk.sessions.session(self._session_id)
        entries = desk.sessions.transcript(self._session_id, after=self._last)
        approvals = desk.sessions.approvals(self._session_id)
        is_whole = len(entries) < SURELY_WHOLE or not desk.sessions.transcript(self._session_id, after=entries[-1].id)
        now = time.monotonic()
        # That the agent said something is reason enough for the change that we read for.
        is_same = before is not None and entries and before.session.state == session.state
        if before is not None and is_same and now - before.bug_read < BUG_SECONDS:
            bug, has_evidence, bug_read = before.bug, before.has_evidence, before.bug_read
        else:
            page = desk.page(session.bug)
            bug, has_evidence, bug_read = page.row, page.evidence is not None, now
        return Progress(session, entries, approvals, is_whole, bug, has_evidence, bug_read)

    def store_changed(self) -> None:
        """Read again, now or soon: each reading and drawing takes in all that was said since the last."""
        if self._next is None:
            self._next = self.set_timer(READ_SECONDS, self._read_next)
            self.reload()
        else:
            self._has_changed = True

    def _read_next(self) -> None:
        self._next = None
        if self._has_changed:
            self._has_changed = False
            self.store_changed()

    def arrived(self, result: Progress) -> None:
        """Append what is new; what was said of a session at work goes when it ends."""
        if not result.session.is_live:
            if self._session is not None and self._session.is_live and not self.told_of_end:
                self.say("")
            self.told_of_end = False
        self._session, self._row, self._approvals = result.session, result.bug, result.approvals
        self._progress = result
        new = [entry for entry in result.entries if entry.id > self._last]
        if new:
            self._last = new[-1].id
            self._entries = (self._entries + new)[-ENTRIES_KEPT:]
            self._append(new)
        self.draw()
        self._count_seconds()
        if new and not result.is_whole:
            self.reload()

    def _append(self, entries: list[TranscriptRow]) -> None:
        self.transcript.add([made for entry in entries for made in self._made(entry)])
        self._drawn_width = self.transcript.room

    def _made(self, entry: TranscriptRow) -> list[Line]:
        worktree = self._session.worktree if self._session else ""
        return entry_lines(entry, self.transcript.room, worktree=worktree)

    def _count_seconds(self) -> None:
        """Let the elapsed time run only while the session does."""
        is_live = self._session is not None and self._session.is_live
        if is_live and self._seconds is None:
            self._seconds = self.set_interval(TICK_SECONDS, self._tick)
        elif not is_live and self._seconds is not None:
            self._seconds.stop()
            self._seconds = None

    def _tick(self) -> None:
        if time.monotonic() > self._head_at + READ_SECONDS:  # what an agent says brings the time along
            self._draw_head()

    def draw(self) -> None:
        """Draw head and question; the transcript anew only for a new width."""
        self.query_one("#title", Bar).show(line(("Bug workbench", "strong"), (" › ", "muted"), "fix session"))
        self._draw_head()
        asks = self.query_one("#asks", Document)
        asks.display = bool(self._approvals)
        if self._approvals:
            asks.show(approval_lines(self._approvals[0], self.size.width - 2, self.key))
        if self._entries and self._drawn_width != self.transcript.room:
            self._drawn_width = self.transcript.room
            lines: list[Line] = [made for entry in self._entries for made in self._made(entry)]
            self.transcript.show(lines[-TAIL:])

    def _draw_head(self) -> None:
        session = self._session
        if session is None or self._row is None:
            self.query_one("#head", Bar).show(line(("Reading …", "muted")))
            return
        self._head_at = time.monotonic()
        glyph, word, ink = session_mark(session.state)
        until = session.ended_at or self.workbench.clock()
        rehearsal: list[Span] = []
        if session.rehearsal is not None:
            rehearsal = [(" REHEARSAL ", "rehearsal"), (f" {plain(session.rehearsal, 30)}  ", "warn")]
        about = "~" if session.is_cost_estimated else ""
        phase = _PHASES.get(session.phase, "") if session.is_live else ""
        first = line(*rehearsal, *_warnings(session), (f"{glyph} {word}", ink),
                     f"  {phase}{duration(until - session.started_at)}  ",
                     (f"{about}{money(session.cost_usd)}", "strong"),
                     (f"  {short_count(session.tokens)} tokens  {plural(session.turns, 'turn')}", "muted"),
                     (f"  {plain(session.model, 40)}", "muted"))  # fmt: skip
        second = line((f"{self._row.label}  ", "muted"), plain(self._row.title, 200))
        third = line((f"{plain(session.branch, 60)}  ", "muted"), plain(session.activity, 200))
        alarm = [line((f"⚠ {plain(session.alarm, 300)}", "bad"))] if session.alarm else []
        self.query_one("#head", Bar).show(first, second, third, *alarm)

    # --- acts --------------------------------------------------------------------------------------------------

    def do_unlock(self) -> None:
        """Let the agent go on without its test, or change the one that is locked."""
        unlock = self.workbench.desk.sessions.unlock
        said = "The agent is told: it may go on."
        self.write("unlocking of the tests", lambda: unlock(self._session_id), lambda _: said)

    def do_copy(self) -> None:
        """Copy the branch."""
        if self._session is not None:
            self.copy(self._session.branch)
