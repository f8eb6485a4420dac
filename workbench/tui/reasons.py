"""Why an action can't be done now, as a sentence that says what can be done instead; "" where it can.

A sentence that names a key asks `Here.key` for it, so that it is the one that is in use.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow
    from workbench.tui.actions import Here

NO_BUG = "No bug is selected."
AT_WORK = ("queued", "starting", "working", "needs_input", "waiting", "quiet")


def nothing(_here: Here) -> str:
    """Of what can always be done."""
    return ""


def no_bug(here: Here) -> str:
    """Of what is done to the bug under the cursor."""
    return "" if here.bug else NO_BUG


def no_bugs(here: Here) -> str:
    """Of what is done to all that are marked."""
    return "" if here.bugs else NO_BUG


def not_one_bug(here: Here) -> str:
    """Of what is done to one bug, and would not say which of the marked ones it took."""
    if len(here.bugs) > 1:
        return f"This is done to one bug at a time: {here.key('clear')} lets go of the marks."
    return no_bugs(here)


def _wrong(here: Here, wrong: Callable[[BugRow], str]) -> str:
    """Return why the first bug that something is wrong with cannot be acted on, and that it need not stay marked."""
    if why := no_bugs(here):
        return why
    for bug in here.bugs:
        if why := wrong(bug):
            return f"{why} Or unmark it: {here.key('list.mark')} on {bug.label}." if here.marked else why
    return ""


def _merged(here: Here, bug: BugRow) -> str:
    if not bug.merged_into:
        return ""
    return f"{bug.label} was merged into B-{bug.merged_into:03d}: {here.key('bug.unmerge')} takes it out."


def mute(here: Here) -> str:
    """Of muting."""
    return _wrong(here, lambda bug: _fixing_or_closed(here, bug))


def close(here: Here) -> str:
    """Of closing."""
    return _wrong(here, lambda bug: _fixing_or_closed(here, bug))


def _fixing_or_closed(here: Here, bug: BugRow) -> str:
    if bug.state == "fixing":
        return f"{bug.label} is being fixed: {here.key('session')} shows the session, which can be interrupted."
    return f"{bug.label} is closed already: {here.key('reopen')} reopens it." if bug.state == "closed" else ""


def reopen(here: Here) -> str:
    """Of reopening."""

    def wrong(bug: BugRow) -> str:
        return _merged(here, bug) or (f"{bug.label} is {bug.state}, not closed." if bug.state != "closed" else "")

    return _wrong(here, wrong)


def merge(here: Here) -> str:
    """Of merging."""
    return _wrong(here, lambda bug: _merged(here, bug))


def unmerge(here: Here) -> str:
    """Of taking out of a merge."""
    return _wrong(here, lambda bug: "" if bug.merged_into else f"{bug.label} was not merged into another bug.")


def split(here: Here) -> str:
    """Of splitting."""
    return _wrong(here, lambda bug: _merged(here, bug) or ("Its one event cannot be split." if bug.count < 2 else ""))


def undo(here: Here) -> str:
    """Of taking the last act back."""
    return "" if here.can_undo else "Nothing was done in this session that can be undone."


def fix(here: Here) -> str:
    """Of launching a fix session."""
    bug = here.bug
    if bug is None:
        return NO_BUG
    if bug.session_state in AT_WORK:
        return f"A fix session is at work on {bug.label} already: {here.key('session')} shows it."
    if bug.state == "review":
        return f"The fix of {bug.label} waits for your decision: {here.key('signoff')} shows it."
    if bug.state == "closed":
        return _merged(here, bug) or f"{bug.label} is closed: {here.key('reopen')} reopens it."
    return f"{bug.label} is muted: {here.key('mute')} lets you unmute it." if bug.state == "muted" else ""


def session(here: Here) -> str:
    """Of showing the fix session."""
    if here.bug is None:
        return NO_BUG
    if here.bug.session_state:
        return ""
    return f"{here.bug.label} has no fix session yet: {here.key('fix')} launches one."


def no_session(here: Here) -> str:
    """Of what is done with the fix session under the cursor."""
    return "" if here.session else "No fix session is selected."


def no_fix_to_decide(here: Here) -> str:
    """Of showing what the session under the cursor leaves to decide."""
    return "" if here.in_review else no_session(here) or "The bug of this session has no fix that waits for a decision."


def evidence(here: Here) -> str:
    """Of showing evidence."""
    if here.has_evidence or (here.bug and here.bug.session_state):
        return ""
    return "There is no evidence yet: it is collected when a fix session ends."


def signoff(here: Here) -> str:
    """Of showing what there is to decide."""
    if here.bug is None:
        return NO_BUG
    if here.bug.state != "review":
        return f"{here.bug.label} is {here.bug.state}: only a bug in review can be signed off."
    return ""


def issue(here: Here) -> str:
    """Of opening the issue."""
    if here.bug is None:
        return NO_BUG
    return "" if here.bug.issue else f"{here.bug.label} has no issue on GitHub."


def no_occurrence(here: Here) -> str:
    """Of what is done with a stored event."""
    return "" if here.has_occurrence else "No occurrence is stored, or none has been read (yet)."


def not_parked(here: Here) -> str:
    """Of trying an owed action again."""
    return "" if here.on_parked else "The cursor is not on a parked action."


def not_asked(here: Here) -> str:
    """Of answering the agent."""
    return "" if here.asks else "The agent asks for nothing now."


def not_always(here: Here) -> str:
    """Of allowing for the whole of a session."""
    return not_asked(here) or here.once


def not_running(here: Here) -> str:
    """Of ending the processes of a session."""
    return "" if here.session and here.session.is_live else "The session is not running."


def into_worktree(here: Here) -> str:
    """Of what a person does in the worktree of a session, in this terminal."""
    if here.session is None:
        return "No fix session is selected."
    if here.in_browser:
        return "A browser has no terminal to be given away: do this in a workbench that runs in one."
    if here.session.is_attached or here.session.phase == "claim":
        return "This session has no worktree of ours."
    host = here.session.host
    return "" if host == socket.gethostname() else f"The worktree is on {host}: do this in a workbench there."


def take_over(here: Here) -> str:
    """Of going on with a session in Claude Code itself."""
    if why := into_worktree(here):
        return why
    if here.session and here.session.is_live and here.session.phase == "taken over":
        return f"The session is {here.session.activity}: only one can."
    if here.bug and here.bug.state in ("review", "closed", "muted"):
        return fix(here)
    return ""


def not_at_work(here: Here) -> str:
    """Of what is said to an agent at work."""
    if here.session and here.session.is_live:
        taken = here.session.phase == "taken over"
        return f"The session is {here.session.activity}: there is no agent of ours to hear it." if taken else ""
    if here.bug is None or here.bug.state != "review":
        return "The session is not at work."
    shows, rejects = here.key("signoff"), here.key("signoff.reject")
    return f"The session is not at work: {shows} shows its fix, and {rejects} there sends it back with a reason."


def no_test_phase(here: Here) -> str:
    """Of what changes the test that an agent writes first."""
    if here.session and here.session.is_live and here.session.phase in ("test", "fix"):
        return ""
    return not_at_work(here) or "The session makes its evidence: its test can no longer be changed."


def not_interrupted(here: Here) -> str:
    """Of letting a session go on."""
    state = here.session.state if here.session else here.bug.session_state if here.bug else None
    return "" if state in ("interrupted", "failed") else "Only an interrupted session can be resumed."


def decided(here: Here) -> str:
    """Of deciding on a fix."""
    if here.decided:
        return "The decision is made."
    return not_proposed(here)


def not_proposed(here: Here) -> str:
    """Of what is done with a fix that was read."""
    return "" if here.proposed else here.unread or "No proposed fix has been read (yet)."


def not_searched(here: Here) -> str:
    """Of going from match to match."""
    if here.asks:
        return f"The agent's question comes first: {here.key('allow')} or {here.key('deny')}."
    return "" if here.searched else f"Nothing is looked for: {here.key('search')} searches."


def not_decided(here: Here) -> str:
    """Of taking the decision back."""
    return "" if here.decided and here.can_undo else "No decision was made here that can be taken back."


def no_worktree(here: Here) -> str:
    """Of removing the worktree of a fix."""
    if not here.decided:
        return "The worktree stays until the decision is made."
    return "" if here.has_worktree else "The fix has no worktree (any more)."


def nothing_to_clear(here: Here) -> str:
    """Of letting go of marks and filter."""
    if here.filtered or here.marked:
        return ""
    filters, marks, quits = (here.key(f"list.{action}") for action in ("filter", "mark", "quit"))
    return f"Nothing is filtered or marked: {filters} filters, {marks} marks, {quits} quits."
