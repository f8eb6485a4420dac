"""What can be done with a bug, on the list as on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.tui.screens.prompts import Choice, Menu
from workbench.tui.screens.triage import Triage

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.rows import BugPage, BugRow, SessionRow
    from workbench.fixing import Terms


COPIES: tuple[Choice, ...] = (
    ("number", "n", "the number"),
    ("title", "t", "the title"),
    ("fingerprint", "f", "the fingerprint"),
    ("issue", "i", "the issue's address"),
    ("curl", "c", "the request as a curl line"),
    ("client", "d", "the request as a call of Django's test client"),
    ("stack", "s", "the stack as text"),
)
_LINES = frozenset({"curl", "client", "stack"})


class BugActs(Triage):
    """Acts on `bug`, the bug that is selected or shown; those of `Triage` on all that are marked."""

    @property
    def bugs_at_hand(self) -> tuple[BugRow, ...]:
        """The marked bugs, or the one that is selected or shown."""
        return self.here().bugs

    @property
    def bug(self) -> BugRow | None:
        """The bug that the keys act on."""
        raise NotImplementedError

    @property
    def _bug(self) -> BugRow:
        assert self.bug is not None, "the table of actions offers nothing without a bug"
        return self.bug

    def do_fix(self) -> None:
        """Ask for what a fix session needs, with everything filled in."""
        from workbench.tui.screens.launch import LaunchScreen

        bug = self._bug

        def ask(terms: Terms) -> None:
            self.app.push_screen(LaunchScreen(bug, self.workbench.config, terms), self._launched)

        self.load(lambda: self.workbench.desk.sessions.terms(bug.number), ask, opens="box")

    def _launched(self, session: SessionRow | None) -> None:
        if session is not None:
            self.show_session(session.id)

    def show_session(self, session_id: str) -> None:
        """Open a session's screen."""
        from workbench.tui.screens.session import SessionScreen

        self.app.push_screen(SessionScreen(session_id))

    def do_session(self) -> None:
        """Show the latest fix session."""
        number = self._bug.number
        self.load(
            lambda: self.workbench.desk.sessions.latest_session(number),
            lambda session: self.show_session(session.id) if session else None,
            opens="decision",  # y would let a command run
        )

    def do_resume(self) -> None:
        """Let the latest fix session go on, and show it."""
        number = self._bug.number
        desk = self.workbench.desk

        def resume() -> SessionRow | None:
            session = desk.sessions.latest_session(number)
            return desk.sessions.resume(session.id) if session else None

        self.load(resume, self._launched, opens="decision")

    def do_evidence(self) -> None:
        """Show the latest evidence."""
        from workbench.tui.screens.evidence import EvidenceScreen

        self.app.push_screen(EvidenceScreen(self._bug.number))

    def do_signoff(self) -> None:
        """Show what there is to sign off."""
        from workbench.tui.screens.signoff import SignOffScreen

        self.app.push_screen(SignOffScreen(self._bug.number))

    def do_issue(self) -> None:
        """Open the issue in the browser."""
        issue = self._bug.issue
        assert issue is not None
        self.app.open_url(issue.url)
        self.say(f"Opened {issue.url}")

    def do_copy(self) -> None:
        """Ask what of the bug is to be copied."""
        number = self._bug.number

        def ask(page: BugPage) -> None:
            found = copies(page, self.event_at_hand(page))
            choices = [choice for choice in COPIES if choice[0] in found]

            def chosen(name: str) -> None:
                if name in _LINES:
                    self.copy_lines(found[name], next(words for what, _key, words in COPIES if what == name))
                else:
                    self.copy(found[name])

            self.ask(Menu(f"Copy of {page.row.label}", choices), chosen)

        self.load(lambda: self.workbench.desk.page(number), ask, opens="box")

    def event_at_hand(self, page: BugPage) -> Event | None:
        """Return the event whose request and stack are copied: the latest, unless another is shown."""
        return page.event


def copies(page: BugPage, event: Event | None) -> dict[str, str]:
    """Return what can be copied of a bug, by the names of `COPIES`."""
    from workbench.bugs import copying

    row = page.row
    found = {"number": row.label, "title": row.title, "fingerprint": row.fingerprint}
    if row.issue is not None:
        found["issue"] = row.issue.url
    if event is not None and event.request is not None:
        found |= {"curl": copying.curl(event.request), "client": copying.client_call(event.request)}
    if event is not None and event.exceptions:
        found["stack"] = copying.stack(event)
    return found
