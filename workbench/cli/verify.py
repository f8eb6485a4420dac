"""`workbench verify`: a person's decision on a fix, without the screen."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import Given, given, now
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, ask, line_width, note, say, say_lines
from workbench.cli.words import BUG, noun, taught
from workbench.errors import Refused, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.signoff import Proposal

app = noun()


@app.command(
    epilog=taught(
        'workbench verify B-012 --note "checked on staging"',
        "0 signed off, or rejected; 1 not done: refused, not in review, or the number was not typed; 2 no terminal.",
    )
)
def verify(
    ctx: typer.Context,
    bug: BUG,
    words: Annotated[str, typer.Option("--note", help="A word for the record.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Send it back to the agent, with a reason.")] = False,
    reason: Annotated[str, typer.Option(help="What is wrong with the fix; goes with --reject.")] = "",
) -> None:
    """Sign a fix off, or reject it. Only a person can: it needs a terminal, and is refused to an agent.

    It shows the verdict, the evidence and the commit, and asks for the bug's number to be typed. Signing off closes
    the bug, its file and its issue. A rejection goes back to the agent in the same session.
    """
    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ)
    require_terminal(
        "A sign-off is a person's decision: it needs a terminal.", cure=f"Run it in one: workbench verify {bug}"
    )
    _fit_together(words, reason, reject=reject)
    call = given(ctx)
    with call.store() as engine:
        from workbench import signoff
        from workbench.bugs.queries import parse_number

        proposal = signoff.proposal(engine, parse_number(bug))
        _show(proposal)
        (_reject if reject else _sign)(call, engine, proposal, reason if reject else words)


def _fit_together(words: str, reason: str, *, reject: bool) -> None:
    if reject and not reason.strip():
        raise UsageError("A rejection needs a reason.", cure='Say what is wrong: --reject --reason "…"')
    if reject and words:
        raise UsageError("--note goes with a sign-off.", cure="With --reject, say it in --reason.")
    if reason and not reject:
        raise UsageError("--reason goes with --reject.", cure="For a sign-off, say it in --note.")


def _show(proposal: Proposal) -> None:
    from workbench.tui.documents.signoff import proposal_lines
    from workbench.tui.lines import line

    say_lines(
        [line((f"{proposal.row.label}  {proposal.row.title}", "strong")), *proposal_lines(proposal, line_width())]
    )


def _typed(proposal: Proposal, what: str) -> None:
    label = proposal.row.label
    if ask(f"\nType {label} to {what}, or press Enter to leave everything as it is:").upper() != label:
        raise Refused("Nothing was changed.", cure=f"To do it, type {label} when asked.")


def _sign(call: Given, engine: Engine, proposal: Proposal, words: str) -> None:
    from workbench import landing, signoff
    from workbench.tracker import logins

    evidence, not_a_bug = proposal.evidence, bool(proposal.session.not_a_bug)
    if not not_a_bug and not words.strip() and (evidence is None or evidence.verdict != "demonstrated"):
        words = ask("\nThis was not demonstrated. Why do you sign it all the same?")
    _typed(proposal, "close the bug as not a bug" if not_a_bug else "sign this fix off and close the bug")
    at, quiet = now(), timedelta(minutes=call.config["signoff.quiet_minutes"])
    signed = signoff.verify(
        engine,
        proposal.row.number,
        proposal.seen,
        by=call.person(),
        account=logins.account(call.config),
        note=words,
        quiet=quiet,
        now=at,
    )
    say(f"{proposal.row.label} is closed: {signed.commit[:12]}, signed off by {signed.who}.")
    for step in landing.land(call.config, engine, proposal, signed, now=at):
        say(f"{step.text[0].upper()}{step.text[1:]}" + (f" {step.cure}" if step.cure else ""))
    say("Its file and its issue follow: workbench worker --once, or the open screen.")
    note("Taken back by: workbench bugs undo")
    _offer_removal(proposal)


def _offer_removal(proposal: Proposal) -> None:
    """Ask whether the worktree of the fix may go, and with it what is not in the fix."""
    from workbench import landing
    from workbench.text import plain

    found = landing.leftover(proposal)
    if found is None:
        return
    if found.lost:
        say(f"Not in the fix, and gone for good with its worktree ({len(found.lost)}):")
        for name in found.lost:
            say(f"  {plain(name)}")
    if agreed(f"\nRemove the worktree {found.path}? The branch and the signed commit stay."):
        say(landing.remove(proposal, found))


def _reject(call: Given, engine: Engine, proposal: Proposal, reason: str) -> None:
    from workbench import signoff
    from workbench.tracker import logins

    _typed(proposal, "reject this fix")
    account = logins.account(call.config)
    row = signoff.reject(
        call.config, engine, proposal.row.number, by=call.person(), reason=reason, now=now(), account=account
    )
    if row.is_attached:
        say(f"{proposal.row.label} is open again, with your reason on record.")
        note(f"The fix is that of {row.launched_by}: there is no agent of ours to tell, so say it there.")
        return
    say(f"{proposal.row.label} went back to session {row.id[:8]}. Watch it: workbench sessions show {row.id[:8]}")
