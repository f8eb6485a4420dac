"""`workbench bugs repro`: a failing test from what was recorded, without an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.given import Given, given, now
from workbench.cli.output import emit, note, say
from workbench.cli.words import BUG, JSON, taught
from workbench.errors import Exit, NotFound, Refused

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.reproducing import Attempt


def add_to(app: typer.Typer) -> None:
    """Put the command beside the others on bugs."""
    app.command(
        epilog=taught(
            "workbench bugs repro B-012 --write",
            "0 the test fails with the recorded fault; 1 it does not, or none could be written; 4 git failed.",
        )
    )(repro)


def repro(
    ctx: typer.Context,
    bug: BUG,
    base: Annotated[
        str, typer.Option(metavar="REV", help="Try it on this commit; without it, the release it was seen in, or HEAD.")
    ] = "",
    write: Annotated[bool, typer.Option("--write", help="Also put the test into the checkout.")] = False,
    as_json: JSON = False,
) -> int:
    """Write a failing test from what was recorded, and try it.

    It sends the recorded request, or makes the call that failed. It is run on a clean copy of the code, with
    `tests.command` of the settings, and what it shows is said as it is: the database of the site was not recorded, so a
    test may well show nothing. Without --write it is only printed.
    """
    call = given(ctx)
    number, event = _event(call, bug)
    from workbench.reproducing import CannotWrite, attempt
    from workbench.text import plain

    try:
        tried = attempt(
            call.config, number, event, base=base or _seen_in(call, event), progress=lambda words: note(plain(words))
        )
    except CannotWrite as reason:
        raise Refused(
            f"No test can be written from what was recorded of {bug}: {reason}.",
            cure=f"See what was recorded: workbench bugs show {bug}",
        ) from None
    best = tried[-1] if tried[-1].outcome.answer == "reproduced" else tried[0]
    if write:
        _write(call, best)
    if as_json:
        emit([_shape(one) for one in tried])
    else:
        _tell(tried, best, is_written=write)
    return Exit.DONE if best.outcome.answer == "reproduced" else Exit.NO


def _event(call: Given, bug: str) -> tuple[int, Event]:
    with call.store() as engine:
        from workbench.bugs.queries import bug_page, parse_number

        page = bug_page(engine, parse_number(bug), now=now())
    if page.event is None:
        raise NotFound(f"Nothing was recorded of {page.row.label}.", cure="Wait for its next occurrence.")
    return page.row.number, page.event


def _seen_in(call: Given, event: Event) -> str:
    from workbench.git import Repository

    repository = Repository.open(call.config.repo)
    found = repository.release(event.release) if event.release else None
    return found or repository.head()


def _write(call: Given, attempt: Attempt) -> None:
    path = call.config.repo / attempt.path
    if path.exists():
        raise Refused(f"{attempt.path} is there already.", cure="Move it away; nothing of yours is overwritten.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(attempt.written.text, encoding="ascii")


def _tell(tried: list[Attempt], best: Attempt, *, is_written: bool) -> None:
    from workbench.text import plain

    if not is_written:
        for line in best.written.text.split("\n"):
            say(plain(line, len(line) + 1))
    for one in tried:
        glyph = "✓" if one.outcome.answer == "reproduced" else "✗"
        words = (
            f"{glyph} {one.outcome.answer} on {one.base[:10]} by the recorded {one.written.kind}: {one.outcome.reason}"
        )
        note(plain(words, 2_000))
    note(f"wrote {best.path}" if is_written else f"With --write it is put at {best.path}.")
    if best.outcome.answer != "reproduced":
        note("Next: complete it, by the rows that the site had, say; its first lines tell what was not recorded")


def _shape(attempt: Attempt) -> dict[str, Any]:
    return {
        "answer": attempt.outcome.answer,
        "reason": attempt.outcome.reason,
        "kind": attempt.written.kind,
        "base": attempt.base,
        "commit": attempt.commit,
        "path": attempt.path,
        "notes": list(attempt.written.notes),
        "test": attempt.written.text,
    }
