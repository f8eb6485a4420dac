"""`workbench bugs mute|assign|merge|…`: the acts of the screen, for one or many bugs, without a screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import given, now
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, ask, emit, note, say, text_argument
from workbench.cli.words import BUG, JSON, completed_bugs, taught
from workbench.errors import Refused, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.acts import Done

BUGS = Annotated[
    list[str],
    typer.Argument(metavar="BUG…", help="The bugs: B-012 or 12, several at once.", autocompletion=completed_bugs),
]
REASON = Annotated[str, typer.Option("--reason", help="Why; it goes into the bug's history.")]
YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
CODES = "0 done; 1 refused, or there is no such bug, and nothing was changed; 2 wrong usage."
CODES_PERSON = CODES + " It needs a terminal and a person: agents are refused."

Act = Callable[["Engine", list[int], str, datetime], "Done"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of `workbench bugs`."""
    for command, example, codes in (
        (mute, "workbench bugs mute B-012 B-013 --for 7d", CODES_PERSON),
        (unmute, "workbench bugs unmute B-012", CODES),
        (assign, "workbench bugs assign B-012 --to me", CODES),
        (label, "workbench bugs label B-012 --add billing --remove p3", CODES),
        (write_note, 'workbench bugs note B-012 --text "only with the old client"', CODES),
        (link, "workbench bugs link B-012 41", CODES),
        (unlink, "workbench bugs unlink B-012", CODES),
        (merge, "workbench bugs merge B-012 B-015 --into B-012", CODES),
        (unmerge, "workbench bugs unmerge B-015", CODES),
        (split, "workbench bugs split B-012 --by release=2026.11", CODES),
        (close, 'workbench bugs close B-012 --not-a-bug --reason "a scanner"', CODES_PERSON),
        (reopen, 'workbench bugs reopen B-012 --reason "seen on staging"', CODES),
        (delete, "workbench bugs delete B-012", CODES_PERSON),
        (undo, "workbench bugs undo", CODES),
    ):
        app.command("note" if command is write_note else command.__name__, epilog=taught(example, codes))(command)


def _do(ctx: typer.Context, bugs: Sequence[str], act: Act, *, as_json: bool) -> None:
    """Do one act on all bugs, and tell what became of it."""
    call = given(ctx)
    with call.store() as engine:
        from workbench.bugs.queries import parse_number

        done = act(engine, [parse_number(bug) for bug in bugs], call.person(), now())
    tell(done, as_json=as_json)


def tell(done: Done, *, as_json: bool) -> None:
    """Say what was done, or print it: {"done", "text", "bugs", "acts"}."""
    from capture.store.lifecycle import label as shown
    from workbench.text import plain

    if as_json:
        emit(
            {
                "done": bool(done.acts) or not done.text.endswith("already."),
                "text": done.text,
                "bugs": [shown(number) for number in done.numbers],
                "acts": list(done.acts),
            }
            | ({"further": done.further} if done.further else {})
        )
        return
    say(plain(done.text, 1_000))
    for further in done.further.splitlines():
        say(plain(further, 2_000))
    if done.acts:
        note("Taken back by: workbench bugs undo")


def mute(
    ctx: typer.Context,
    bugs: BUGS,
    length: Annotated[str, typer.Option("--for", metavar="TIME", help="For so long: 30min, 8h, 7d, 2w.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="Until 2026-12-01, or 2026-12-01T09:00.")] = "",
    events: Annotated[int | None, typer.Option("--events", min=1, help="Until it was seen so often again.")] = None,
    new_release: Annotated[bool, typer.Option("--new-release", help="Until a new release shows it.")] = False,
    reason: REASON = "",
    as_json: JSON = False,
) -> None:
    """Leave bugs alone: for a time, for N events, or for good. Only a person can: it needs a terminal.

    Several conditions may be given; whichever comes first wakes the bug. Without one it is muted for good: its
    events are only counted.
    """
    from workbench.bugs.acts import MuteTerms
    from workbench.bugs.acts import mute as do
    from workbench.bugs.acts.muting import span

    if length and until:
        raise UsageError("--for and --until say the same.", cure="Give one of them.")
    _require_person("Muting a bug", f"workbench bugs mute {' '.join(bugs)}")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        ends = at + span(length) if length else _date(until) if until else None
        return do(engine, numbers, MuteTerms(ends, events, new_release), by=by, reason=reason, now=at)

    _do(ctx, bugs, act, as_json=as_json)


def unmute(ctx: typer.Context, bugs: BUGS, reason: REASON = "", as_json: JSON = False) -> None:
    """Open muted bugs again."""
    from workbench.bugs.acts import unmute as do

    _do(ctx, bugs, lambda engine, found, by, at: do(engine, found, by=by, reason=reason, now=at), as_json=as_json)


def assign(
    ctx: typer.Context,
    bugs: BUGS,
    to: Annotated[str | None, typer.Option("--to", metavar="WHO", help="Who takes them; me is you.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take them from whoever has them.")] = False,
    as_json: JSON = False,
) -> None:
    """Say who looks after bugs."""
    from workbench.bugs.acts import assign as do

    if (to is None) == (not nobody):
        raise UsageError("It is not said to whom.", cure="Give --to NAME, --to me, or --nobody.")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        return do(engine, numbers, by if to == "me" else to, by=by, now=at)

    _do(ctx, bugs, act, as_json=as_json)


def label(
    ctx: typer.Context,
    bugs: BUGS,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="LABEL", help="May be given again.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="LABEL", help="May be given again.")] = None,
    as_json: JSON = False,
) -> None:
    """Put labels on bugs, and take others off."""
    from workbench.bugs.acts import label as do

    _do(
        ctx,
        bugs,
        lambda engine, found, by, at: do(engine, found, add=add or [], remove=remove or [], by=by, now=at),
        as_json=as_json,
    )


def write_note(
    ctx: typer.Context,
    bugs: BUGS,
    text: Annotated[str, typer.Option(help="What to note; - reads it from the input.")],
    as_json: JSON = False,
) -> None:
    """Write a note about bugs. It shows on their pages and in their files."""
    from workbench.bugs.acts import note as do

    words = text_argument(text)
    _do(ctx, bugs, lambda engine, found, by, at: do(engine, found, words, by=by, now=at), as_json=as_json)


def link(
    ctx: typer.Context,
    bug: BUG,
    issue: Annotated[int, typer.Argument(metavar="ISSUE", min=1, help="The issue's number on GitHub.")],
    as_json: JSON = False,
) -> None:
    """Link a bug to an issue that is there already.

    It is one of the repository of the settings (github.repository).
    """
    from workbench.bugs.acts import link as do
    from workbench.bugs.acts.linking import issue_url

    repository = str(given(ctx).config["github.repository"] or "")
    url = issue_url(str(given(ctx).config["github.base_url"] or ""), repository, issue)

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        return do(engine, numbers[0], repository=repository, issue=issue, url=url, by=by, now=at)

    _do(ctx, [bug], act, as_json=as_json)


def unlink(ctx: typer.Context, bug: BUG, as_json: JSON = False) -> None:
    """Let go of a bug's issue. The issue stays as it is, and no other is opened by itself."""
    from workbench.bugs.acts import unlink as do

    _do(ctx, [bug], lambda engine, found, by, at: do(engine, found[0], by=by, now=at), as_json=as_json)


def merge(
    ctx: typer.Context,
    bugs: BUGS,
    into: Annotated[str, typer.Option("--into", metavar="BUG", help="The bug that stays; else the oldest.")] = "",
    reason: REASON = "",
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Merge bugs that are one fault. The others are closed, and all their events go to the one that stays.

    It shows the fingerprints and asks. `workbench bugs unmerge` takes them apart again, with every count as it was.
    """
    from workbench.bugs import queries
    from workbench.bugs.acts import merge as do
    from workbench.text import plain
    from workbench.tui.words import plural

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        target = queries.parse_number(into) if into else None
        if not yes:
            wanted = sorted({*numbers, *([target] if target else [])})
            if len(wanted) < 2:
                raise UsageError("A merge takes at least two bugs.", cure="Name the others as well.")
            pages = [queries.bug_page(engine, number, now=at) for number in wanted]
            for page in pages:
                note(f"{page.row.label}  {plain(page.row.title, 100)}  ({plural(page.row.count, 'event')})")
                for key, _parts in page.fingerprints:
                    note(f"       fingerprint {plain(key, 64)}")
            stays = target or wanted[0]
            others = " and ".join(page.row.label for page in pages if page.row.number != stays)
            _agree(f"Merge {others} into {pages[wanted.index(stays)].row.label}?")
        return do(engine, numbers, into=target, by=by, reason=reason, now=at)

    _do(ctx, bugs, act, as_json=as_json)


def unmerge(ctx: typer.Context, bugs: BUGS, reason: REASON = "", as_json: JSON = False) -> None:
    """Take merged bugs out again.

    They get back the counts, events and state that were theirs, and what came since.
    """
    from workbench.bugs.acts import unmerge as do

    _do(ctx, bugs, lambda engine, found, by, at: do(engine, found, by=by, reason=reason, now=at), as_json=as_json)


def split(
    ctx: typer.Context,
    bug: BUG,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="FIELD=VALUE",
            help="What they have: release, environment, status, user, path, route, method, type or server.",
        ),
    ],
    reason: REASON = "",
    as_json: JSON = False,
) -> None:
    """Split off a part of a bug's events as a bug of its own.

    Those go that are stored and have what --by names. It says where such events go from now on, and which rule of the
    site sends them to the new bug.
    """
    from workbench.bugs.acts import split as do
    from workbench.bugs.differing import parse_difference

    difference = parse_difference(by)

    def act(engine: Engine, numbers: list[int], person: str, at: datetime) -> Done:
        return do(engine, numbers[0], difference, by=person, reason=reason, now=at)

    _do(ctx, [bug], act, as_json=as_json)


def close(
    ctx: typer.Context,
    bugs: BUGS,
    not_a_bug: Annotated[bool, typer.Option("--not-a-bug", help="Nothing is wrong; it stays closed.")] = False,
    duplicate_of: Annotated[str, typer.Option("--duplicate-of", metavar="BUG", help="That bug tells the same.")] = "",
    fixed: Annotated[bool, typer.Option("--fixed", help="Fixed elsewhere; it comes back if it happens again.")] = False,
    reason: REASON = "",
    as_json: JSON = False,
) -> None:
    """Close bugs without a sign-off, with a reason. Only a person can: it needs a terminal, and asks.

    A fix that a session made is signed off with `workbench verify` instead.
    """
    from workbench.bugs import queries
    from workbench.bugs.acts import close as do
    from workbench.bugs.acts.record import named

    if (not_a_bug, bool(duplicate_of), fixed).count(True) != 1:
        raise UsageError("It is not said why.", cure="Give one of --not-a-bug, --duplicate-of BUG and --fixed.")
    _require_person("Closing a bug", f"workbench bugs close {' '.join(bugs)}")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        other = queries.parse_number(duplicate_of) if duplicate_of else None
        for number in numbers:
            queries.bug_page(engine, number, now=at)  # what is not there is not asked about
        way = "not a bug" if not_a_bug else "fixed" if fixed else "duplicate"
        _agree(f"Close {named(set(numbers))} as {f'a duplicate of {duplicate_of}' if other else way}?")
        return do(engine, numbers, way, reason=reason, duplicate_of=other, by=by, now=at)  # type: ignore[arg-type]

    _do(ctx, bugs, act, as_json=as_json)


def reopen(
    ctx: typer.Context,
    bugs: BUGS,
    reason: Annotated[str, typer.Option(help="Why; it goes into the bug's history.")],
    as_json: JSON = False,
) -> None:
    """Open closed bugs again, and their issues."""
    from workbench.bugs.acts import reopen as do

    _do(ctx, bugs, lambda engine, found, by, at: do(engine, found, reason=reason, by=by, now=at), as_json=as_json)


def delete(ctx: typer.Context, bug: BUG, reason: REASON = "", as_json: JSON = False) -> None:
    """Delete a bug and all its events, for good. Only a person can: it asks for the number to be typed.

    For what should never have been a bug, such as a trial. If the fault happens again it is a new bug; to hear of it
    no more, mute it instead.
    """
    from workbench.bugs import queries
    from workbench.bugs.acts import delete as do
    from workbench.text import plain
    from workbench.tui.words import plural

    _require_person("Deleting a bug", f"workbench bugs delete {bug}")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        row = queries.bug_page(engine, numbers[0], now=at).row
        note(f"{row.label}  {plain(row.title, 100)}  ({plural(row.count, 'event')})")
        typed = ask(f"Type {row.label} to delete it and all its events:")
        return do(engine, row.number, typed=typed, by=by, reason=reason, now=at)

    _do(ctx, [bug], act, as_json=as_json)


def undo(ctx: typer.Context, as_json: JSON = False) -> None:
    """Take back your last act on bugs.

    Refused where somebody has changed the same thing since.
    """
    call = given(ctx)
    with call.store() as engine:
        from workbench import undoing
        from workbench.bugs import acts

        by = call.person()
        rows = acts.last_act(engine, by=by)
        if not rows:
            raise Refused("There is nothing of yours to undo.", cure="See a bug's history: workbench bugs show B-012")
        done = undoing.undo(engine, rows, by=by, now=now())
    tell(done, as_json=as_json)


def _require_person(what: str, command: str) -> None:
    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ, "closes, mutes or deletes bugs")
    require_terminal(f"{what} is a person's decision: it needs a terminal.", cure=f"Run it in one: {command}")


def _agree(question: str) -> None:
    if not agreed(question):
        raise Refused("Nothing was changed.", cure="Answer y to do it.")


def _date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)  # without a zone it is the local time
    except ValueError as error:
        raise UsageError(f"{text!r} is not a date.", cure="Write it as 2026-12-01, or 2026-12-01T09:00.") from error
