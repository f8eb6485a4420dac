"""What there is to sign off, and what followed from it, as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.text import plain, plain_lines
from workbench.tui.documents.diff import diff_lines
from workbench.tui.documents.evidence import flag_lines, latest_lines, red_to_green_lines, run_lines, verdict_lines
from workbench.tui.documents.outside import owed_lines
from workbench.tui.lines import BLANK, Ink, Line, heading, line, paragraphs
from workbench.tui.words import clock_time, money, plural

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, SessionRow, SignOffRow
    from workbench.signoff import Proposal
    from workbench.tui.actions import KeyOf


def proposal_lines(proposal: Proposal, width: int) -> list[Line]:
    """Return what a person decides on: verdict, red to green, flags, diff, every run, and the cost."""
    session = proposal.session
    out: list[Line] = []
    if session.rehearsal is not None:
        out.append(
            line((" REHEARSAL ", "rehearsal"), " A scripted model wrote this change; the test runs below are real.")
        )
    out.append(line((f"  branch {plain(proposal.branch, 80)}  commit {proposal.commit[:10]}", "muted")))
    if session.not_a_bug:
        out += [
            BLANK,
            heading("Proposal: not a bug", section="proposal"),
            line(("  The agent changed nothing. Signing closes the bug as “not a bug”, for these reasons:", "muted")),
            *paragraphs(plain_lines(session.not_a_bug, most=60), width, indent="  "),
        ]
        return [*out, *_cost(session)]
    if proposal.evidence is None:
        out += [
            BLANK,
            heading("Evidence", section="evidence"),
            line(("  None was collected: no test was run.", "warn")),
        ]
        return [*out, BLANK, *diff_lines(proposal.diff, width), *_cost(session)]
    shown = proposal.evidence
    out += [BLANK, *verdict_lines(shown, width), *red_to_green_lines(shown, width), *flag_lines(shown, width)]
    return [*out, BLANK, *diff_lines(proposal.diff, width), *run_lines(shown, width), *_cost(session)]


def unread_lines(page: BugPage, why: str, cure: str, width: int) -> list[Line]:
    """Return what is known where there is no fix to decide on here: why there is none, and what was run."""
    return [
        heading("Nothing to decide on here", section="proposal"),
        *paragraphs([f"✗ {why}"], width, indent="  ", ink="warn"),
        *paragraphs([cure] if cure else [], width, indent="    ", ink="muted"),
        BLANK,
        *latest_lines(page, width),
    ]


def _cost(session: SessionRow) -> list[Line]:
    about = "about " if session.is_cost_estimated else ""
    spent = f"  {about}{money(session.cost_usd)}, {plural(session.turns, 'turn')}, {plural(session.tokens, 'token')}"
    return [BLANK, heading("Cost", section="cost"), line((spent, "muted"))]


def merge_command(commit: str) -> str:
    """Return the command that takes a signed fix over. It names the commit: that is what was tested and signed."""
    return f"git merge {plain(commit)}"


def decided_lines(
    sign_off: SignOffRow, page: BugPage, *, branch: str, worktree: str = "", width: int, key: KeyOf
) -> list[Line]:
    """Return what a sign-off recorded, what follows from it, and how to take the fix over, or the decision back."""
    return [*_decided(sign_off, page, branch, width, key), *_left(worktree, width, key)]


def _left(worktree: str, width: int, key: KeyOf) -> Iterator[Line]:
    if worktree:
        yield BLANK
        yield heading("Clean up", section="clean up")
        yield from paragraphs([plain(worktree, 400)], width, indent="  ")
        removes = "removes this worktree, after a question; the branch and the signed commit stay."
        yield line((f"  {key('worktree')} {removes}", "muted"))
    yield BLANK
    yield line((f"  {key('undo')} takes the decision back, for as long as nothing was built upon it.", "muted"))


def _decided(sign_off: SignOffRow, page: BugPage, branch: str, width: int, key: KeyOf) -> Iterator[Line]:
    yield heading("Signed off", section="signed off")
    yield line(("  ✓ ", "good"), (page.row.label, "strong"), f" is {page.row.state}.")
    yield line((f"    by {plain(sign_off.who, 140)}  {clock_time(sign_off.at)} UTC", "muted"))
    evidence = f"evidence {sign_off.evidence_id}" if sign_off.evidence_id is not None else "no evidence"
    yield line((f"    commit {sign_off.commit[:10]}  {evidence}", "muted"))
    yield from paragraphs(plain_lines(sign_off.note, most=10) if sign_off.note else [], width, indent="    ")
    yield BLANK
    yield heading("What follows", section="what follows")
    landed = next((act for act in page.acts if act.kind == "land" and act.after.get("commit") == sign_off.commit), None)
    for step in landed.after["steps"] if landed else ():
        ink: Ink = "warn" if step.startswith("no") else "good"
        yield from paragraphs([f"{'!' if ink == 'warn' else '✓'} {plain(step, 400)}"], width, indent="  ")
    if not page.owed:
        yield line(("  Nothing is owed to the outside.", "muted"))
    yield from owed_lines(page.owed, width)
    if sign_off.decision != "verified":
        return
    yield BLANK
    yield heading("Take the fix over", section="merge")
    yield line("  ", (merge_command(sign_off.commit), "strong"))
    yield line(
        (f"  {key('merge')} copies this command. The agent's branch is ", "muted"), plain(branch, 120), (".", "muted")
    )
    yield line(("  An event from a release that holds the fix reopens the bug.", "muted"))
