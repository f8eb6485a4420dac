"""All fix sessions of all bugs: who needs a person, who is at work, what it costs, and how the others ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.documents.sessions import detail_lines, empty_lines, head_line, heading_line
from workbench.tui.documents.transcript import approval_lines
from workbench.tui.lines import Line, line
from workbench.tui.pane import Pane
from workbench.tui.place import bindings
from workbench.tui.screens.steering import Steering
from workbench.tui.session_list import SessionList
from workbench.tui.words import plural

if TYPE_CHECKING:
    from workbench.bugs.overview import Overview, SessionLine
    from workbench.bugs.rows import ApprovalRow, SessionRow

# Between two readings: what many agents say in a second is drawn at once, and reading takes a twentieth of the time.
SOONEST, LATEST, SHARE = 0.6, 2.0, 20
ENDED = 200  # sessions that have ended, at first; as many more whenever the cursor comes to the last of them
MOST_ENDED = 5_000
Read = tuple["Overview", float]


class SessionsScreen(Steering):
    """Every session, live."""

    PLACE = "sessions"
    OPENS = "decision"  # a key signs, or lets a command run
    BINDINGS: ClassVar[list[BindingType]] = bindings("sessions")

    def __init__(self) -> None:
        super().__init__()
        self._found: Overview | None = None
        self._today_usd = 0.0
        self._ended = ENDED
        self._next: Timer | None = None  # reads what has changed since
        self._has_changed = False
        self._is_cut = False  # the question has more lines than are shown
        self._took = 0.0  # the last reading, in seconds
        self._seconds: Timer | None = None

    def body(self) -> Iterable[Widget]:
        """Return the totals, the columns, the list or what stands in for it, and more of the selected one."""
        yield Bar(id="head")
        yield Bar(id="columns")
        yield SessionList(id="main")
        yield Document(id="empty", has_cursor=False)
        yield Document(id="asks", has_cursor=False)
        yield self.message_box()

    @property
    def list(self) -> SessionList:
        """The list."""
        return self.query_one("#main", SessionList)

    @property
    def selected(self) -> SessionLine | None:
        """The session under the cursor."""
        return self.list.selected if self.is_mounted else None

    @property
    def steered(self) -> SessionRow | None:
        """The selected session."""
        return self.selected.session if self.selected is not None else None

    @property
    def questions(self) -> tuple[ApprovalRow, ...]:
        """What it asks first."""
        row = self.selected
        return (row.question,) if row is not None and row.question is not None else ()

    def here(self) -> Here:
        """Return the selected session, and whether it asks for something."""
        row = self.selected
        return Here(
            key=self.key,
            session=self.steered,
            asks=bool(self.questions),
            once=self.questions[0].why_not_always if self.questions else "",
            in_review=row is not None and row.bug_state == "review",
        )

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self) -> Read:
        """Read all sessions, and what today cost."""
        began = time.monotonic()
        found = self.workbench.desk.sessions.overview(ended=self._ended)
        self._took = time.monotonic() - began
        return found

    def store_changed(self) -> None:
        """Read again, now or soon: each reading takes in all that was said since the last."""
        if self._next is None:
            self._next = self.set_timer(min(max(SHARE * self._took, SOONEST), LATEST), self._read_next)
            self.reload()
        else:
            self._has_changed = True

    def _read_next(self) -> None:
        self._next = None
        if self._has_changed:
            self._has_changed = False
            self.store_changed()

    def arrived(self, result: Read) -> None:
        """Show them without moving the cursor from its session."""
        self._found, self._today_usd = result
        self.list.show(self._found, self.workbench.clock())
        self.draw()
        self._count_seconds(is_live=bool(self._found.needs_you or self._found.at_work))

    def _count_seconds(self, *, is_live: bool) -> None:
        """Let the elapsed times run only while some session does."""
        if is_live and self._seconds is None:
            self._seconds = self.set_interval(1.0, self._tick)
        elif not is_live and self._seconds is not None:
            self._seconds.stop()
            self._seconds = None

    def _tick(self) -> None:
        if self.is_current:
            self.list.tick(self.workbench.clock())

    # --- drawing -----------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the bars, the list's times and the selected session."""
        name = self.workbench.config.repo.name
        title = line(("Bug workbench", "strong"), (f"  {name}", "muted"), (" › ", "muted"), "all sessions")
        self.query_one("#title", Bar).show(title)
        found, head = self._found, self.query_one("#head", Bar)
        empty = self.query_one("#empty", Document)
        self.list.display = found is not None and bool(found.groups)
        empty.display = found is not None and not found.groups
        self.query_one("#columns", Bar).display = self.list.display
        if found is None:
            head.show(line(("Reading …", "muted")))
        else:
            config = self.workbench.config
            places, daily = max(1, int(config["agent.parallel"])), float(config["agent.daily_usd"])
            head.show(head_line(found, places=places, today_usd=self._today_usd, daily_usd=daily))
            self.query_one("#columns", Bar).show(heading_line(self.list.columns))
            empty.show(empty_lines(self.key, self.size.width - 4))
            self.list.tick(self.workbench.clock())
        self._draw_selected()

    def _draw_selected(self) -> None:
        asks, row = self.query_one("#asks", Document), self.selected
        asks.display = row is not None
        asks.set_class(row is not None and row.question is not None, "-asks")
        width = self.size.width - 4
        if row is not None and row.question is not None:
            asks.show(self._whole_or_cut(approval_lines(row.question, width, self.key)))
        elif row is not None:
            asks.show(detail_lines(row, width))

    def _whole_or_cut(self, lines: Sequence[Line]) -> Sequence[Line]:
        """Return a question in half of the screen; where it does not fit, nobody can say yes to it here."""
        room = max(self.size.height // 2 - 1, 3)
        self._is_cut = len(lines) > room
        if not self._is_cut:
            return lines
        more = f"  … {plural(len(lines) - room + 2, 'more line')}: {self.key('open')} shows the whole question"
        return [*lines[: room - 2], line((more, "warn")), lines[-1]]

    def on_pane_moved(self, event: Pane.Moved) -> None:
        """Show what this one asks, and read more where the last one was reached."""
        if event.pane is not self.list:
            return
        self._draw_selected()
        self.offer_keys()
        found = self._found
        if found is not None and found.earlier and event.index >= self.list.line_count - 1 and self._ended < MOST_ENDED:
            self._ended += ENDED
            self.reload()

    # --- acts --------------------------------------------------------------------------------------------------

    def on_pane_chosen(self, _event: Pane.Chosen) -> None:
        """Enter opens the session."""
        self.action_do("open")

    @property
    def _selected(self) -> SessionLine:
        assert self.selected is not None, "the table of actions offers nothing without a session"
        return self.selected

    def _answer(self, *, allow: bool, always: bool = False) -> None:
        if self._is_cut:
            self.say(
                f"The question has no room here: {self.key('open')} shows all of it, to be answered there.", "warn"
            )
        else:
            super()._answer(allow=allow, always=always)

    def do_open(self) -> None:
        """Watch the session."""
        from workbench.tui.screens.session import SessionScreen

        self.app.push_screen(SessionScreen(self._selected.session.id))

    def do_bug(self) -> None:
        """Show its bug."""
        from workbench.tui.screens.bug import BugScreen

        self.app.push_screen(BugScreen(self._selected.session.bug))

    def do_signoff(self) -> None:
        """Show what there is to sign off."""
        from workbench.tui.screens.signoff import SignOffScreen

        self.app.push_screen(SignOffScreen(self._selected.session.bug))
