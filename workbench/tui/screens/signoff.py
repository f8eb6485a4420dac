"""The sign-off: diff and evidence, and one keystroke of a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from workbench.text import plain
from workbench.tui.actions import Here
from workbench.tui.bars import Bar
from workbench.tui.document import Document
from workbench.tui.documents.bug import head_lines
from workbench.tui.documents.signoff import decided_lines, merge_command, proposal_lines, unread_lines
from workbench.tui.failures import told
from workbench.tui.lines import line
from workbench.tui.place import RETRY_SECONDS, bindings
from workbench.tui.screens.acts import BugActs
from workbench.tui.screens.prompts import YesNo
from workbench.tui.screens.sections import Sections
from workbench.tui.words import bugs_named, plural
from workbench.tui.writing import TEXT_SHOWN, Act

if TYPE_CHECKING:
    from workbench.bugs.acts import Done
    from workbench.bugs.rows import BugPage, BugRow, SessionRow, SignOffRow
    from workbench.landing import Leftover
    from workbench.signoff import Proposal

LOST_SHOWN = 8
REJECT = "why not? enter sends it to the agent, which goes on in the same session"


class Read(NamedTuple):
    """What was read; `unread` is what kept the proposal, or what becomes of it on yes, from being read."""

    page: BugPage
    proposal: Proposal | None = None
    follows: str = ""
    leftover: Leftover | None = None
    unread: BaseException | None = None


class SignOffScreen(BugActs, Sections):
    """One proposed fix, to be signed off or rejected."""

    PLACE = "signoff"
    OPENS = "decision"  # a key signs, or lets a command run
    BINDINGS: ClassVar[list[BindingType]] = bindings("signoff")

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._page: BugPage | None = None
        self._proposal: Proposal | None = None
        self._signed: SignOffRow | None = None
        self._is_signing = False
        self._leftover: Leftover | None = None
        self._note = ""
        self._follows = ""
        self._unread: tuple[str, str] | None = None  # why there is no proposal, and what can be done about it
        self._waits: Timer | None = None  # to look for the proposal again
        self._typing = ""  # what the box is for: note, reject

    def body(self) -> Iterable[Widget]:
        """Return head, sections, document, question and the box for words."""
        yield Bar(id="head")
        yield Bar(id="sections")
        yield Document(id="main")
        yield Bar(id="ask")
        box = Input(id="say")
        box.cursor_blink = False
        yield box

    @property
    def bug(self) -> BugRow | None:
        """The bug at hand."""
        return self._page.row if self._page else None

    def here(self) -> Here:
        """Return the bug, and whether the decision is made."""
        return Here(
            key=self.key,
            bug=self.bug,
            has_evidence=True,
            decided=self._signed is not None,
            proposed=self._proposal is not None,
            unread=" ".join(self._unread or ()),
            can_undo=self.workbench.writing.can_undo,
            has_worktree=self._leftover is not None,
            searched=self.is_searched,
        )

    def read(self) -> Read:
        """Read the bug, what is proposed for it, what becomes of that on yes, and what is left of it after that."""
        from workbench.errors import DatabaseError, WorkbenchError

        desk, page = self.workbench.desk, self.workbench.desk.page(self._number)
        if self._signed is not None:
            leftover = desk.leftover(self._proposal) if self._proposal else None
            return Read(page, follows=self._follows, leftover=leftover)
        try:
            return Read(page, desk.proposal(self._number), desk.follows())
        except DatabaseError:
            raise
        except WorkbenchError as error:
            if self._proposal is not None:  # it stays before the person's eyes, and its signing is refused
                raise
            return Read(page, unread=error)

    def arrived(self, result: Read) -> None:
        """Show them; what is missing comes from outside the store, which tells of nothing, so look again."""
        self._page, proposal, self._follows, self._leftover, unread = result
        self._proposal = proposal or self._proposal
        self._unread = told(unread, self.key) if unread is not None else None
        if self._waits is not None:
            self._waits.stop()
        self._waits = self.set_timer(RETRY_SECONDS, self._look_again) if unread is not None else None
        self.draw()

    def _look_again(self) -> None:
        if self.is_current:  # else it is done on coming back
            self.reload()

    def draw(self) -> None:
        """Draw everything."""
        self.query_one("#title", Bar).show(line(("Bug workbench", "strong"), (" › ", "muted"), "sign-off"))
        if self._page is None:
            self.document.show([line(("Reading …", "muted"))])
            return
        self.query_one("#head", Bar).show(*head_lines(self._page, self.size.width - 2, self.workbench.clock()))
        width = self.document.room
        if self._signed is not None:
            branch = self._proposal.branch if self._proposal else ""
            worktree = str(self._leftover.path) if self._leftover else ""
            shown = decided_lines(self._signed, self._page, branch=branch, worktree=worktree, width=width, key=self.key)
            self.document.show(shown)
        elif self._proposal is not None:
            self.document.show(proposal_lines(self._proposal, width))
        elif self._unread is not None:
            self.document.show(unread_lines(self._page, *self._unread, width))
        self.draw_sections()
        self._draw_question()

    def _draw_question(self) -> None:
        ask = self.query_one("#ask", Bar)
        # While words are typed, y is a letter: a question that asks for it would mislead.
        ask.display = self._signed is None and self._proposal is not None and not self._typing
        if self._proposal is None:
            return
        note = line((f"with the note: {self._note}", "muted")) if self._note else None
        issue = self._proposal.row.issue
        closes = f"the bug, its file and issue #{issue.number} close" if issue else "the bug and its file close"
        follows = "" if self._proposal.session.not_a_bug else f"; {plain(self._follows, 100)}"
        on_yes = line((f"On yes {closes}{follows}{self._acknowledged()}.", "muted"))
        question = line(
            ("Close as not a bug: " if self._proposal.session.not_a_bug else "Sign off ", "strong"),
            (f"{self._proposal.row.label} at {self._proposal.commit[:10]}", "accent"),
            (f" as {plain(self.workbench.desk.person, 60)}? ", "strong"),
            ("(y/N)", "key"),
        )
        ask.show(question, on_yes, *([note] if note else []))

    def _acknowledged(self) -> str:
        evidence = self._proposal.evidence if self._proposal else None
        return f"; {plural(len(evidence.flags), 'flag')} acknowledged" if evidence and evidence.flags else ""

    # --- acts --------------------------------------------------------------------------------------------------

    def do_sign(self) -> None:
        """Record the sign-off, once."""
        if self._proposal is None or self._is_signing:
            return
        proposal, note, desk = self._proposal, self._note, self.workbench.desk
        self._is_signing = True

        def signed(found: tuple[SignOffRow, tuple[int, ...]]) -> None:
            self._signed, acts = found
            self._is_signing = False
            self.workbench.undoable.append(acts)
            if self in self.app.screen_stack:
                self.document.move_to(0)
            else:
                self.app.notify(f"Signed off {proposal.row.label}.\n{self.key('undo')} undoes it.", markup=False)

        def failed(_error: BaseException) -> str:
            self._is_signing = False
            return ""

        named = f"sign-off of {proposal.row.label}"
        self.workbench.writing.begin(Act(named, lambda: (desk.verify(proposal, note), desk.last_act()), signed, failed))

    def do_undo(self) -> None:
        """Take the decision that was made here back, and say what of it stays."""

        def undone(done: Done) -> None:
            self._signed = self._proposal = self._leftover = None
            if self in self.app.screen_stack:
                self.document.move_to(0)
                self.say(done.text, "warn", stays=True)
            else:
                self._done(done)

        self.undo(undone)

    def do_worktree(self) -> None:
        """Ask whether the worktree may go, and with it what is not in the fix."""
        proposal, found = self._proposal, self._leftover
        if proposal is None or found is None:
            return
        facts = [str(found.path)]
        if found.lost:
            facts += ["Not in the fix, and gone for good:", *(plain(name, 60) for name in found.lost[:LOST_SHOWN])]
        if len(found.lost) > LOST_SHOWN:
            facts.append(f"and {len(found.lost) - LOST_SHOWN} more")

        def remove(yes: bool) -> None:  # noqa: FBT001 (the answer of a question)
            if yes:
                removal = self.workbench.desk.remove_worktree
                self.write("removal of the worktree", lambda: removal(proposal, found), lambda said: said)

        self.ask(YesNo("Remove the worktree? The branch and the signed commit stay.", facts), remove)

    def do_decline(self) -> None:
        """No: nothing is recorded."""
        super().do_back()

    def do_note(self) -> None:
        """Let a note be typed."""
        self._ask_for("note", "note for the sign-off; enter keeps it", self._note)

    def do_reject(self) -> None:
        """Let the reason be typed; meanwhile nothing asks for a sign-off."""
        self._ask_for("reject", REJECT, "")

    def _ask_for(self, what: str, placeholder: str, value: str) -> None:
        self._typing = what
        self._draw_question()
        box = self.query_one("#say", Input)
        box.placeholder, box.value = placeholder, value
        box.add_class("-shown")
        self.set_focus(box)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the note, or reject with the reason."""
        words = event.value.strip()
        what = self._typing
        if what == "reject" and not words:
            self.say("A rejection needs a reason: it is what the agent gets to read.", "warn")
            return
        self._close_box()
        if what == "note":
            self._note = words
            self._draw_question()
        else:
            self._reject(words)

    def _reject(self, reason: str) -> None:
        number, desk = self._number, self.workbench.desk

        def rejected(found: tuple[SessionRow, tuple[int, ...]]) -> None:
            session, acts = found
            if acts:
                self.workbench.undoable.append(acts)
            if self.app.screen is self:
                self.app.pop_screen()
                self.show_session(session.id)
            else:
                undoes = f"\n{self.key('undo')} undoes it." if acts else ""
                self.app.notify(f"Rejected the fix of {named}: the agent goes on.{undoes}", markup=False)

        def failed(_error: BaseException) -> str:
            if self.app.screen is not self or self._typing:
                return f"What you wrote: {plain(reason, TEXT_SHOWN)}"
            self._ask_for("reject", REJECT, reason)
            return "What you wrote is in the box again."

        named = bugs_named([number])
        what = Act(f"rejection of {named}", lambda: (desk.reject(number, reason), desk.last_act()), rejected, failed)
        self.workbench.writing.begin(what._replace(text=reason))

    def _close_box(self) -> None:
        box = self.query_one("#say", Input)
        box.remove_class("-shown")
        box.value = ""
        self._typing = ""
        self._draw_question()
        self.set_focus(self.document)

    def do_back(self) -> None:
        """Close the box, or go back; nothing is recorded."""
        if self._typing:
            self._close_box()
        else:
            super().do_back()

    def do_merge(self) -> None:
        """Copy the command that takes the fix over."""
        if self._proposal is not None:
            self.copy(merge_command(self._proposal.commit))
