"""`workbench doctor`: what is right, what is wrong, and what to do about it."""

from __future__ import annotations

import typer

from workbench.cli.given import Given, given, now
from workbench.cli.output import emit, paint, say
from workbench.cli.words import JSON, noun, taught
from workbench.doctor import examine
from workbench.doctor_looks import Finding
from workbench.errors import ConfigurationError, Exit

app = noun()
MARKS = {"ok": ("✓", "good"), "note": ("·", "warn"), "wrong": ("✗", "bad")}


@app.command(epilog=taught("workbench doctor", "0 nothing is wrong; 1 something is."))
def doctor(ctx: typer.Context, as_json: JSON = False) -> int:
    """Look at all that the loop needs, and say what to do about each finding.

    Configuration, state directory, database, schema, clocks, journals, ledger, outbox, bug files, worktrees, git,
    claude, its login, GitHub and its token, sandbox. Nothing is changed, and nothing but the database is asked.
    """
    from workbench.text import plain

    findings = _findings(given(ctx))
    if as_json:
        emit(findings)
    else:
        for finding in findings:
            mark, ink = MARKS[finding.status]
            say(f"{paint(mark, ink)} {finding.subject:<16} {plain(finding.message)}")
            if finding.cure:
                say(f"  {'':<16} → {plain(finding.cure)}")
    return Exit.NO if any(finding.status == "wrong" for finding in findings) else Exit.DONE


def _findings(call: Given) -> list[Finding]:
    try:
        return list(examine(call.config, now=now()))
    except ConfigurationError as error:
        return [Finding("configuration", "wrong", str(error), error.cure)]
