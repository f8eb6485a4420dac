"""What the recorded request shows when it is sent again, on the base and on the fix. Nothing here runs anything.

A replay only adds to evidence: a fix without a test of its own is not demonstrated by it, and one that shows nothing
takes nothing away. The one thing it can do is to raise a flag, where the recorded fault is still there on the fix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workbench.evidence.fault import RecordedFault
from workbench.evidence.report import REPLAY, REPLAY_ON_BASE, REPLAY_ON_FIX, REPLAYS, Flag, Replay, Run, TestResult

RUNS = (*REPLAYS, REPLAY)


def concluded(
    fault: RecordedFault | None, replay: Replay | None, runs: Mapping[str, Run], *, base: str
) -> tuple[dict[str, Run], list[Flag]]:
    """Return `runs` with the replay's at the end, the last of them with what it showed in its note, and its flags."""
    found = {name: run for name, run in runs.items() if name not in REPLAYS}
    if replay is None or fault is None:
        return found, []
    sides = [runs[name] for name in REPLAYS if name in runs]
    why_not = replay.why_not or _why_not(sides)
    if why_not:
        note = f"not replayed, because {why_not}"
        return {**found, REPLAY: Run(REPLAY, base, trouble="no tests", note=note)}, []
    on_base, on_fix = sides
    words, flags = _compared(fault, replay, on_base.tests[0], on_fix.tests[0])
    return {**found, REPLAY_ON_BASE: on_base, REPLAY_ON_FIX: replace(on_fix, note=words)}, flags


def _why_not(sides: list[Run]) -> str:
    if len(sides) < 2:
        return "the other runs could not be made"
    for run, where in zip(sides, ("base", "fix"), strict=True):
        if run.trouble:
            return f"it could not be run on the {where}: {run.note}"
        stopped = next((test for test in run.tests if test.phase not in ("call", "teardown")), None)
        if len(run.tests) != 1 or stopped is not None:
            said = stopped.message if stopped is not None else "nothing was run"
            return f"it could not be made ready on the {where}: {said}"
    return ""


def _compared(fault: RecordedFault, replay: Replay, before: TestResult, after: TestResult) -> tuple[str, list[Flag]]:
    was, is_ = (_shows(fault, replay, test) for test in (before, after))
    said = _said(fault, replay, after)
    words = f"replay: base {_said(fault, replay, before)} → fix {said}"
    if is_ and replay.caveat:
        return f"{words}; {replay.caveat}", []
    if is_:
        message = f"The recorded {replay.kind} still shows {fault.words} on the fix: it {said}."
        return words, [Flag("replay still fails", "", message)]
    if not was:
        why = f": {replay.differences[0]}" if replay.differences else ""
        return f"{words}; the recorded fault does not show here{why}", []
    return words, []


def _shows(fault: RecordedFault, replay: Replay, test: TestResult) -> bool:
    met = [raised for raised in (*test.chain, *test.raised) if raised.file != replay.path]
    return test.is_red and fault.is_shown_by(met, test.responses) == "recorded fault"


def _said(fault: RecordedFault, replay: Replay, test: TestResult) -> str:
    """Return what the site did, in words: `raised KeyError in owners/views.py:31`, `answered 200`."""
    met = [raised for raised in (*test.chain, *test.raised) if raised.file and raised.file != replay.path]
    if test.is_red and met:
        same = (raised for raised in met if fault.is_shown_by([raised], ()) == "recorded fault")
        shown = next(same, met[0])
        return f"raised {shown.type} in {shown.file}" + (f":{shown.line}" if shown.line else "")
    if test.responses:
        return f"answered {test.responses[-1].status}"
    if test.is_red:
        return f"raised {test.chain[0].type}" if test.chain else "failed"
    return "returned" if replay.kind == "call" else "passed"
