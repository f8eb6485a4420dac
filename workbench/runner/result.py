"""What becomes of what an agent has left: a proposal, a commit with its evidence, or what is kept of its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

from capture.store.tables import FixSession
from workbench import evidence
from workbench.errors import WorkbenchError
from workbench.evidence import Flag
from workbench.fixing import alarm, left_as_is
from workbench.fixing.phases import Locked, not_a_bug, with_flags
from workbench.reproducing import replay
from workbench.runner.known import Known
from workbench.sessions import sandbox, worktrees
from workbench.sessions.brief import visible


def proposed(known: Known, said: str) -> bool:
    """Bring the bug to review where the agent proposes that it is none, and return whether it does."""
    reasons = not_a_bug(said)
    if not reasons:
        return False
    known.record.update(not_a_bug=reasons)
    kept = worktrees.keep(known.repository, known.place, left_as_is.work_ref(known.fix.id), "kept: not a bug")
    left_as_is.leave(known.record, kept)
    told = f"the agent proposes: not a bug. {' '.join(reasons.split())}"[:500]
    known.record.end("done", told, to="review", reason=told)
    return True


def freeze(known: Known, said: str) -> bool:
    """Record what the agent has left as a commit, and return whether it changed anything."""
    fix, repository = known.fix, known.repository
    sandbox.clear_placeholders(known.place.path, kept=repository.files(fix.base_commit))
    rounds = int(fix.options.get("rounds", 0)) + 1
    ref = f"refs/workbench/{fix.id}/result-{rounds}"
    commit = repository.freeze(known.place.path, ref, f"B-{known.number:03d}: result of session {fix.id}")
    left_as_is.leave(known.record, commit)
    if not repository.changes(fix.base_commit, commit):
        reason = f"the agent changed nothing: {visible(' '.join(said.split()), 300)}"
        known.record.end("done", reason, to="open", reason=reason)
        return False
    known.record.update(result_commit=commit, phase="evidence")
    known.record.option(phase="evidence", rounds=rounds)
    return True


def make_evidence(known: Known) -> None:
    """Run what shows whether the fix is one, and bring the bug to review with it."""
    fix, config = known.record.load(), known.config
    assert fix.result_commit is not None
    base, commit = fix.base_commit, fix.result_commit
    request = evidence.EvidenceRequest(
        repository=Path(fix.repository),
        base=base,
        result=commit,
        fault=evidence.RecordedFault.of(known.event) if known.event else None,
        command=config["tests.command"],
        timeout=config["tests.timeout"],
        workdir=config.state_dir / "evidence" / fix.id,
        cache=config.state_dir / "evidence-cache",
        network=config["tests.network"],
        at_once=config["tests.at_once"],
        personal=evidence.personal_values(known.event) if known.event else (),
    )

    def progress(text: str) -> None:
        if text.partition(":")[0] not in get_args(evidence.Verdict):  # the verdict has an entry of its own
            known.record.entry("notice", text=text)
        known.ticked(text)

    try:
        again = replay(known.repository, known.number, known.event, base=base, result=commit)
        request = replace(request, replay=again)
        collected = evidence.collect(request, progress=progress, tick=known.ticked)
        report = with_flags(collected, _flags(known, fix))
        number = evidence.save(known.record.engine, known.number, fix.id, report)
    except WorkbenchError as error:
        ended(known, "failed", f"no evidence could be made: {error}")
        return
    told = f"{report.verdict}: {report.reason}"
    known.record.entry("evidence", text=told, evidence=number, verdict=report.verdict, reason=report.reason)
    known.record.end("done", told, to="review", reason=f"evidence {number}: {told}")


def ended(known: Known, kind: str, reason: str) -> int:
    """End a session that has no result, keeping what is in its worktree, and return the exit code."""
    fix = known.fix
    if fix.worktree:
        kept = worktrees.keep(known.repository, known.place, left_as_is.work_ref(fix.id), f"kept: {kind}")
        left_as_is.leave(known.record, kept)
    known.record.entry("notice", text=f"{kind}: {reason}")
    # An interrupted session is to be resumed, so its bug stays in fixing.
    known.record.end(kind, reason, to="open" if kind == "failed" else None, reason=f"the session failed: {reason}")
    return 1 if kind == "failed" else 0


def _flags(known: Known, fix: FixSession) -> list[Flag]:
    """Return what a person has to look at that no run of tests can show."""
    assert fix.result_commit is not None
    locked = Locked(fix.options.get("locked_at", ""), tuple(fix.options.get("locked", ())))
    return [*locked.flags(known.repository, fix.result_commit), *alarm.flags(fix.alarm)]
