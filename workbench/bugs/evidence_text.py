"""Evidence as Markdown, for the comment on an issue and for the bug file: what ran where, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workbench.bugs.markdown import inert
from workbench.bugs.rows import EvidenceView

_TESTS = 10  # listed from red to green
_FLAGS = 20
_COUNTS = ("passed", "failed", "errors", "skipped")
_MARKS = {"passed": "✓", "failed": "✗", "error": "✗"}
# As workbench.evidence calls its runs.
_ON_BASE, _ON_FIX = "new tests on base", "new tests on fix"
_REPLAYS = ("replay", "replay on fix")


def evidence_lines(evidence: EvidenceView) -> list[str]:
    """Return verdict, each new test on the base and on the fix, all runs, and the flags, as lines of Markdown."""
    lines = [f"**{inert(evidence.verdict)}**: {inert(evidence.reason, 1_000)}", ""]
    if shown := replayed(evidence.runs):
        lines += [f"{inert(shown[:1].upper() + shown[1:])}.", ""]
    lines += [*_red_to_green(evidence), *_runs(evidence), *_flags(evidence)]
    lines.append(f"Base {evidence.base_commit[:10]}, result {evidence.result_commit[:10]}, evidence {evidence.id}.")
    return lines


def replayed(runs: Iterable[Mapping[str, Any]]) -> str:
    """Return what sending the recorded request again showed, as it was captured; empty where nothing was to be sent."""
    return next((str(run.get("note") or "") for run in runs if run.get("name") in _REPLAYS), "")


def _red_to_green(evidence: EvidenceView) -> Iterator[str]:
    runs = {run.get("name"): run for run in evidence.runs}
    before, after = _tests(runs.get(_ON_BASE)), _tests(runs.get(_ON_FIX))
    for id_ in list(before)[:_TESTS]:
        was, is_ = (_MARKS.get(str(tests.get(id_, {}).get("outcome")), "–") for tests in (before, after))
        said = ": ".join(inert(before[id_][name]) for name in ("exception", "message") if before[id_].get(name))
        yield f"- {was} → {is_} {inert(id_)}" + (f" ({said})" if said and was == "✗" else "")
    if len(before) > _TESTS:
        yield f"- … {len(before) - _TESTS} more"
    if before:
        yield ""


def _tests(run: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    return {str(test.get("id")): test for test in (run or {}).get("tests") or ()}


def _runs(evidence: EvidenceView) -> Iterator[str]:
    if not evidence.runs:
        return
    yield f"| run | at | {' | '.join(_COUNTS)} | seconds |"
    yield f"|---|---|{'---:|' * (len(_COUNTS) + 1)}"
    for run in evidence.runs:
        counts = [_number(run.get(name)) for name in _COUNTS]
        if run.get("outcome") == "not run":
            counts = [f"not run: {inert(run.get('note') or '', 200)}", "", "", ""]
        at = inert(str(run.get("commit") or "")[:10])
        yield f"| {inert(run.get('name', ''), 60)} | {at} | {' | '.join(counts)} | {_number(run.get('seconds'))} |"
    yield ""


def _flags(evidence: EvidenceView) -> Iterator[str]:
    for flag in evidence.flags[:_FLAGS]:
        place = f" ({inert(flag['path'])})" if flag.get("path") else ""
        yield f"- ⚑ {inert(flag.get('kind', ''), 60)}{place}: {inert(flag.get('message', ''))}"
    if len(evidence.flags) > _FLAGS:
        yield f"- … {len(evidence.flags) - _FLAGS} more flags"
    if evidence.flags:
        yield ""


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else ""
