"""Evidence as lines: which tests ran where, and what came out. It never says that anything is fixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.text import plain, plain_lines
from workbench.tui.lines import BLANK, Ink, Line, Span, heading, line, paragraphs
from workbench.tui.words import duration, plural, verdict_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, EvidenceView

TESTS_SHOWN = 12
ON_BASE, ON_FIX = "new tests on base", "new tests on fix"  # as workbench.evidence calls its runs
_OUTCOMES: dict[str, tuple[str, Ink]] = {"passed": ("✓", "good"), "failed": ("✗", "bad"), "not run": ("–", "muted")}


def summary_lines(evidence: EvidenceView, width: int, *, key: str = "") -> list[Line]:
    """Return verdict, reason and one line for each run and flag."""
    glyph, ink = verdict_mark(evidence.verdict)
    out = [line("  evidence ", (f"{glyph} {evidence.verdict}", ink), key=key)]
    out += paragraphs([plain(evidence.reason)], width, indent="    ", key=key)
    out += paragraphs(_replayed(evidence), width, indent="    ", key=key)
    out += [line("    ", *_run(run), key=key) for run in evidence.runs]
    out += [line(("    ⚑ ", "warn"), plain(flag.get("message", ""), 300), key=key) for flag in evidence.flags]
    return out


def latest_lines(page: BugPage, width: int) -> list[Line]:
    """Return everything about the latest evidence of a bug, or when there will be some."""
    if page.evidence is None:
        return [
            BLANK,
            line("  No evidence yet."),
            line((f"  {_when(page)}", "muted")),
        ]
    session = next((row for row in page.sessions if row.id == page.evidence.session_id), None)
    rehearsal = [line((" REHEARSAL ", "rehearsal"), " The agent's part was rehearsed; the runs below are real.")]
    is_rehearsed = session is not None and session.rehearsal is not None
    return (rehearsal if is_rehearsed else []) + evidence_lines(page.evidence, width)


def _when(page: BugPage) -> str:
    if any(session.is_live for session in page.sessions):
        return "A fix session is at work: it is collected when the agent's turn ends."
    return "It is collected when the turn of an agent in a fix session ends."


def evidence_lines(evidence: EvidenceView, width: int) -> list[Line]:
    """Return everything about one piece of evidence."""
    return [
        *verdict_lines(evidence, width),
        *red_to_green_lines(evidence, width),
        *flag_lines(evidence, width),
        *run_lines(evidence, width),
    ]


def verdict_lines(evidence: EvidenceView, width: int) -> list[Line]:
    """Return the verdict with its reason, and what it is about."""
    glyph, ink = verdict_mark(evidence.verdict)
    out = [heading("Verdict", section="verdict"), line("  ", (f"{glyph} {evidence.verdict}", ink))]
    out += paragraphs([plain(evidence.reason)], width, indent="    ")
    out += paragraphs(_replayed(evidence), width, indent="    ")
    took = duration(evidence.ended_at - evidence.started_at)
    out.append(
        line((f"    base {evidence.base_commit[:10]}  result {evidence.result_commit[:10]}  took {took}", "muted"))
    )
    return out


def _replayed(evidence: EvidenceView) -> list[str]:
    from workbench.bugs.evidence_text import replayed  # the first paint does without it

    shown = replayed(evidence.runs)
    return [plain(shown)] if shown else []


def red_to_green_lines(evidence: EvidenceView, width: int) -> list[Line]:
    """Return what each new test said on the base and on the fix."""
    runs = {run.get("name"): run for run in evidence.runs}
    before, after = (
        {str(test.get("id")): test for test in (runs.get(name) or {}).get("tests") or ()} for name in (ON_BASE, ON_FIX)
    )
    if not before:
        return []
    out = [BLANK, heading("Red to green", section="red to green", note="on the base → on the fix")]
    for id_ in list(before)[:TESTS_SHOWN]:
        marks = [_OUTCOMES.get(str(tests.get(id_, {}).get("outcome")), ("✗", "bad")) for tests in (before, after)]
        if id_ not in after:
            marks[1] = ("–", "muted")
        out.append(line("  ", marks[0], (" → ", "muted"), marks[1], f" {plain(id_, 300)}"))
        what = _what(before[id_])
        if what and marks[0][1] == "bad":
            out += paragraphs([f"fails with {what}"], width, indent="        ", ink="muted")
    if len(before) > TESTS_SHOWN:
        out.append(line((f"    … {plural(len(before) - TESTS_SHOWN, 'more test')}", "muted")))
    return out


def flag_lines(evidence: EvidenceView, width: int) -> list[Line]:
    """Return what a person has to look at."""
    flags = _flags(evidence.flags, width) or [line(("  None: nothing in the change weakens a test.", "muted"))]
    return [BLANK, heading("Flags", section="flags"), *flags]


def run_lines(evidence: EvidenceView, width: int) -> list[Line]:
    """Return every run with its tests."""
    if not evidence.runs:
        return [BLANK, line(("  No test was run.", "warn"))]
    return [shown for run in evidence.runs for shown in (BLANK, *_run_lines(run, width))]


def _flags(flags: Sequence[Mapping[str, Any]], width: int) -> list[Line]:
    out: list[Line] = []
    for flag in flags:
        numbers = ", ".join(str(number) for number in list(flag.get("lines") or [])[:8])
        place = f"{plain(flag.get('path') or '', 160)}{':' + plain(numbers, 80) if numbers else ''}"
        out.append(line(("  ⚑ ", "warn"), plain(flag.get("kind", ""), 60), (f"  {place}", "muted")))
        out += paragraphs([plain(flag.get("message", ""))], width, indent="      ")
    return out


def _run(run: Mapping[str, Any]) -> list[Span]:
    outcome = str(run.get("outcome", "not run"))
    glyph, ink = _OUTCOMES.get(outcome, ("?", "warn"))
    counts = [
        f"{run[name]} {name}"
        for name in ("passed", "failed", "errors", "skipped")
        if isinstance(run.get(name), int) and run[name]
    ]
    return [
        (f"{glyph} {outcome:<8}", ink),
        (f"{plain(run.get('name', ''), 40)}", "strong"),
        (f"  {', '.join(counts)}" if counts else "", ""),
        (f"  at {str(run.get('commit') or '')[:10]}" if run.get("commit") else "", "muted"),
    ]


def _run_lines(run: Mapping[str, Any], width: int) -> Iterator[Line]:
    name = plain(run.get("name", ""), 40)
    yield heading(name[:1].upper() + name[1:], section=name)
    yield line("  ", *_run(run), (_seconds(run), "muted"))
    command = run.get("command")
    if command:
        shown = " ".join(plain(word, 200) for word in command)
        yield from paragraphs([f"$ {shown}"], width, indent="    ", ink="muted")
    if run.get("sandbox"):
        contained = run["sandbox"] == "on"
        told = "in a sandbox" if contained else f"no sandbox: {plain(run['sandbox']).removeprefix('none: ')}"
        yield from paragraphs([told], width, indent="    ", ink="muted" if contained else "warn")
    if run.get("note"):
        yield from paragraphs(plain_lines(run["note"], most=8), width, indent="    ", ink="warn")
    tests = sorted(run.get("tests") or (), key=lambda test: test.get("outcome") == "passed")
    for test in tests[:TESTS_SHOWN]:
        yield from _test(test, width)
    if len(tests) > TESTS_SHOWN:
        yield line((f"    … {plural(len(tests) - TESTS_SHOWN, 'more test')}", "muted"))


def _seconds(run: Mapping[str, Any]) -> str:
    seconds = run.get("seconds")
    took = f"  {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    return f"{took}, no network" if took and run.get("network") == "off" else took


def _test(test: Mapping[str, Any], width: int) -> Iterator[Line]:
    outcome = str(test.get("outcome", ""))
    glyph, ink = _OUTCOMES.get(outcome, ("✗" if outcome == "error" else "–", "bad" if outcome == "error" else "muted"))
    yield line((f"    {glyph} ", ink), plain(test.get("id", ""), 300), (f"  {plain(outcome, 20)}", ink))
    what = _what(test)
    where = " in ".join(plain(test[name], 160) for name in ("function", "file") if test.get(name))
    if what and outcome != "passed":
        yield from paragraphs([what], width, indent="        ", ink="muted")
        if where:
            yield line((f"        {where}", "muted"))


def _what(test: Mapping[str, Any]) -> str:
    """Return what a test failed with: pytest begins its message with the type, Django's runner does not."""
    kind, message = (plain(test.get(name) or "", 300) for name in ("exception", "message"))
    if message == kind or message.startswith(f"{kind}:"):
        return message
    return ": ".join(words for words in (kind, message) if words)
