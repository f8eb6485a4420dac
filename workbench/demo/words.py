"""The demo's story as lines of plain text. Captured text goes through the one door before it gets here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.bugs.rows import ApprovalRow, BugRow, EvidenceView, SessionRow, TranscriptRow
from workbench.demo.traffic import Answered
from workbench.text import plain, plain_lines

TEXT_LINES = 12
RESULT_LINES = 3
WIDTH = 110


def answered(answer: Answered) -> str:
    """Return a request and what it got."""
    visitor = answer.visitor
    surprise = "" if answer.as_expected else f"   (expected {visitor.expected})"
    return f"  {visitor.method:<5} {visitor.path:<28} {answer.status}   {visitor.shows}{surprise}"


def bugs(rows: Iterable[BugRow]) -> Iterator[str]:
    """Yield the bugs as a table."""
    yield f"  {'bug':<7}{'state':<9}{'events':>6}  {'issue':<7}title"
    for row in rows:
        issue = f"#{row.issue.number}" if row.issue else "–"
        yield f"  {row.label:<7}{row.state:<9}{row.count:>6}  {issue:<7}{plain(row.title, 80)}"


def files(paths: Sequence[Path], folder: Path) -> str:
    """Return the names of the bug files."""
    return f"  {len(paths)} bug files: " + ", ".join(str(path.relative_to(folder)) for path in paths)


def session(row: SessionRow) -> Iterator[str]:
    """Yield who works where."""
    who = (
        f"REHEARSAL “{plain(row.rehearsal)}”: no model, no cost" if row.rehearsal else plain(row.model or "your model")
    )
    yield f"  session   {row.id}"
    yield f"  model     {who}"
    yield f"  worktree  {plain(row.worktree)}"
    yield f"  branch    {plain(row.branch)}"


def ended(row: SessionRow) -> str:
    """Return what a session came to and cost."""
    why = "" if row.state == "done" else f" – {plain(row.activity, WIDTH)}"
    nobody = ", which nobody pays" if row.rehearsal else ""
    seconds = (row.ended_at - row.started_at).total_seconds() if row.ended_at else 0.0
    return (
        f"  {row.state} in {seconds:.0f} s: {row.turns} turns, {row.tokens:,} tokens, ${row.cost_usd:.2f}{nobody}{why}"
    )


def entry(row: TranscriptRow, worktree: str) -> Iterator[str]:
    """Yield one entry of a transcript. Nothing for what the story tells elsewhere: the brief and the evidence."""
    text = _text(row.body).replace(f"{worktree}/", "")
    if row.kind == "text":
        yield from (f"  {line}".rstrip() for line in plain_lines(text, most=TEXT_LINES, limit=WIDTH * 3))
    elif row.kind == "tool_use":
        yield f"    > {plain(text, WIDTH)}"
    elif row.kind == "tool_result":
        lines = [line for line in plain_lines(text, most=10_000, limit=WIDTH) if line.strip()]
        mark = "!" if row.body.get("is_error") else "|"
        yield from (f"    {mark} {line}" for line in lines[-RESULT_LINES:])
    elif row.kind in ("notice", "phase", "alarm"):
        yield f"  · {plain(text, WIDTH * 3)}"


def question(row: ApprovalRow) -> str:
    """Return what the agent asks a person."""
    what = row.body.get("title") or row.body.get("tool")
    return f"  ? it asks: {plain(what, WIDTH)} ({plain(row.body.get('reason') or '', WIDTH)}) – answer it in the screen"


def evidence(view: EvidenceView) -> Iterator[str]:
    """Yield every run with its outcome, the flags, and the verdict."""
    for run in view.runs:
        counts = ", ".join(f"{run[name]} {name}" for name in ("passed", "failed", "errors", "skipped") if run.get(name))
        note = f" – {plain(run['note'], WIDTH)}" if run.get("note") else ""
        yield f"  {plain(run['name']):<20} {plain(run['outcome']):<8} {counts or 'no tests'}{note}"
        yield from _failed(run)
    for flag in view.flags:
        yield f"  flag: {plain(flag.get('path') or '')} {plain(flag.get('message') or flag.get('kind'), WIDTH)}"
    yield f"  verdict: {view.verdict.upper()} – {plain(view.reason, WIDTH * 3)}"


def _failed(run: Mapping[str, Any]) -> Iterator[str]:
    for test in run.get("tests", ()):
        if test.get("outcome") in ("failed", "error"):
            place = f" in {plain(test['function'])}" if test.get("function") else ""
            yield f"    {plain(test['id'], WIDTH)}: {plain(test.get('exception') or 'failed')}{place}"


def _text(body: Mapping[str, Any]) -> str:
    said = body.get("text", "")
    return said if isinstance(said, str) else json.dumps(said)
