"""`workbench evidence`: what the tests proved about a fix, or a proof made now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import shapes
from workbench.cli.given import Given, given, now
from workbench.cli.output import emit, line_width, note, say_lines
from workbench.cli.words import JSON, noun, taught
from workbench.errors import Exit, NotFound, UsageError

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.rows import EvidenceView
    from workbench.evidence import EvidenceReport

app = noun()


@app.command(
    epilog=taught(
        "workbench evidence --base main --result fix/prices --bug B-012 --json",
        "0 demonstrated; 1 anything else, or nothing there; 2 wrong usage; 3 not a git repository; 4 git failed.",
    )
)
def evidence(
    ctx: typer.Context,
    bug: Annotated[str | None, typer.Argument(metavar="[BUG]", help="Show the latest evidence of this bug.")] = None,
    base: Annotated[str | None, typer.Option(metavar="REV", help="Prove now: the commit without the fix.")] = None,
    result: Annotated[str | None, typer.Option(metavar="REV", help="Prove now: the commit with the fix.")] = None,
    fault: Annotated[
        str | None, typer.Option("--bug", metavar="BUG", help="The recorded fault that the new test must fail with.")
    ] = None,
    each_hunk: Annotated[
        bool, typer.Option("--each-hunk", help="Also run the new tests without each piece of the fix: is it needed?")
    ] = False,
    collect: Annotated[
        bool, typer.Option("--collect", help="Make it now, on the branch that is attached to this bug.")
    ] = False,
    as_json: JSON = False,
) -> int:
    """Show what was proven about a bug's fix, or prove a fix between two commits of any repository.

    A proof runs the new tests on the base, where they must fail with the recorded fault, and on the result, where
    they must pass, and then the whole suite; each in a clean worktree. Only `tests.command` of the settings runs. It
    is printed and not stored. With --collect it is made by a runner on what `workbench bugs attach` has named, stored,
    and brings the bug to review; the runner goes on where this command is ended.
    """
    if collect:
        if bug is None or any(given_ is not None for given_ in (base, result, fault)) or each_hunk:
            raise UsageError("--collect takes a bug and nothing else.", cure="workbench evidence B-012 --collect")
        from workbench.cli.claiming import collected

        return collected(given(ctx), bug, as_json=as_json)
    if bug is not None and base is None and result is None and fault is None and not each_hunk:
        return _stored(given(ctx), bug, as_json=as_json)
    if bug is not None or base is None or result is None:
        raise UsageError(
            "Name a bug, or two commits.",
            cure="Stored evidence: workbench evidence B-012. A new proof: workbench evidence --base SHA --result SHA",
        )
    return _collected(given(ctx), base, result, fault, each_hunk=each_hunk, as_json=as_json)


def _stored(call: Given, bug: str, *, as_json: bool) -> int:
    with call.store() as engine:
        from workbench.bugs import queries

        page = queries.bug_page(engine, queries.parse_number(bug), now=now())
    view = page.evidence
    if view is None:
        raise NotFound(
            f"There is no evidence for {page.row.label} yet.",
            cure=f"A fix session makes it: workbench fix {page.row.label}",
        )
    if as_json:
        emit(shapes.evidence(view))
    else:
        _say(view)
    return _code(view.verdict)


def _collected(call: Given, base: str, result: str, fault: str | None, *, each_hunk: bool, as_json: bool) -> int:
    number, event = (0, None) if fault is None else _event(call, fault)
    repository = call.repository()
    from workbench.evidence import EvidenceRequest, RecordedFault, collect, personal_values
    from workbench.reproducing import replay
    from workbench.text import plain

    base, result = repository.resolve(base), repository.resolve(result)
    report = collect(
        EvidenceRequest(
            repository=repository.root,
            base=base,
            result=result,
            fault=None if event is None else RecordedFault.of(event),
            command=call.config["tests.command"],
            timeout=call.config["tests.timeout"],
            workdir=call.config.state_dir / "evidence",
            cache=call.config.state_dir / "evidence-cache",
            network=call.config["tests.network"],
            at_once=call.config["tests.at_once"],
            personal=() if event is None else personal_values(event),
            each_hunk=each_hunk,
            replay=None if event is None else replay(repository, number, event, base=base, result=result),
        ),
        progress=lambda words: note(plain(words)),
    )
    if as_json:
        emit(report.as_dict())
    else:
        _say(_view(report))
    return _code(report.verdict)


def _event(call: Given, bug: str) -> tuple[int, Event]:
    with call.store() as engine:
        from workbench.bugs import queries

        page = queries.bug_page(engine, queries.parse_number(bug), now=now())
    if page.event is None:
        raise NotFound(
            f"{page.row.label} has no stored event to compare with.", cure="Leave --bug out to prove without it."
        )
    return page.row.number, page.event


def _view(report: EvidenceReport) -> EvidenceView:
    from workbench.bugs.rows import EvidenceView

    return EvidenceView(
        id=0,
        session_id=None,
        base_commit=report.base,
        result_commit=report.result,
        verdict=report.verdict,
        reason=report.reason,
        flags=tuple(flag.as_dict() for flag in report.flags),
        runs=tuple(run.as_dict() for run in report.runs),
        started_at=report.started_at,
        ended_at=report.ended_at,
    )


def _say(view: EvidenceView) -> None:
    from workbench.tui.documents.evidence import evidence_lines

    say_lines(evidence_lines(view, line_width()))


def _code(verdict: str) -> int:
    return Exit.DONE if verdict == "demonstrated" else Exit.NO
