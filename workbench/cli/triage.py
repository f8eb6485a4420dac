"""`workbench bugs mute|assign|merge|…`: the acts of the screen, for one or many bugs, without a screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.acting import BUGS, CODES, CODES_PERSON, REASON, agree, do_act, require_person, tell
from workbench.cli.given import given, now
from workbench.cli.merging import merge, split, unmerge
from workbench.cli.output import ask, note, text_argument
from workbench.cli.words import BUG, JSON, taught
from workbench.errors import Refused, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.acts import Done


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
    require_person("Muting a bug", f"workbench bugs mute {' '.join(bugs)}")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        ends = at + span(length) if length else _date(until) if until else None
        return do(engine, numbers, MuteTerms(ends, events, new_release), by=by, reason=reason, now=at)

    do_act(ctx, bugs, act, as_json=as_json)


def unmute(ctx: typer.Context, bugs: BUGS, reason: REASON = "", as_json: JSON = False) -> None:
    """Open muted bugs again."""
    from workbench.bugs.acts import unmute as do

    do_act(ctx, bugs, lambda engine, found, by, at: do(engine, found, by=by, reason=reason, now=at), as_json=as_json)


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

    do_act(ctx, bugs, act, as_json=as_json)


def label(
    ctx: typer.Context,
    bugs: BUGS,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="LABEL", help="May be given again.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="LABEL", help="May be given again.")] = None,
    as_json: JSON = False,
) -> None:
    """Put labels on bugs, and take others off."""
    from workbench.bugs.acts import label as do

    do_act(
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
    do_act(ctx, bugs, lambda engine, found, by, at: do(engine, found, words, by=by, now=at), as_json=as_json)


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

    do_act(ctx, [bug], act, as_json=as_json)


def unlink(ctx: typer.Context, bug: BUG, as_json: JSON = False) -> None:
    """Let go of a bug's issue. The issue stays as it is, and no other is opened by itself."""
    from workbench.bugs.acts import unlink as do

    do_act(ctx, [bug], lambda engine, found, by, at: do(engine, found[0], by=by, now=at), as_json=as_json)


def close(
    ctx: typer.Context,
    bugs: BUGS,
    not_a_bug: Annotated[bool, typer.Option("--not-a-bug", help="Nothing is wrong; it stays closed.")] = False,
    duplicate_of: Annotated[str, typer.Option("--duplicate-of", metavar="BUG", help="That bug tells the same.")] = "",
    fixed: Annotated[bool, typer.Option("--fixed", help="Fixed elsewhere; it comes back if it happens again.")] = False,
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="It came back, and git says that the release lacks its fix.")
    ] = False,
    reason: REASON = "",
    as_json: JSON = False,
) -> None:
    """Close bugs without a sign-off, with a reason. Only a person can: it needs a terminal, and asks.

    A fix that a session made is signed off with `workbench verify` instead. After a false alarm the sign-off stands.
    """
    from workbench.bugs import queries
    from workbench.bugs.acts import close as do
    from workbench.bugs.acts import close_false_alarm
    from workbench.bugs.acts.record import named

    if (not_a_bug, bool(duplicate_of), fixed, false_alarm).count(True) != 1:
        ways = "--not-a-bug, --duplicate-of BUG, --fixed and --false-alarm"
        raise UsageError("It is not said why.", cure=f"Give one of {ways}.")
    require_person("Closing a bug", f"workbench bugs close {' '.join(bugs)}")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        other = queries.parse_number(duplicate_of) if duplicate_of else None
        for number in numbers:
            queries.bug_page(engine, number, now=at)  # what is not there is not asked about
        if false_alarm:
            agree(f"Close {named(set(numbers))} again, as a false alarm?")
            return close_false_alarm(engine, numbers, reason=reason, by=by, now=at)
        way = "not a bug" if not_a_bug else "fixed" if fixed else "duplicate"
        agree(f"Close {named(set(numbers))} as {f'a duplicate of {duplicate_of}' if other else way}?")
        return do(engine, numbers, way, reason=reason, duplicate_of=other, by=by, now=at)  # type: ignore[arg-type]

    do_act(ctx, bugs, act, as_json=as_json)


def reopen(
    ctx: typer.Context,
    bugs: BUGS,
    reason: Annotated[str, typer.Option(help="Why; it goes into the bug's history.")],
    as_json: JSON = False,
) -> None:
    """Open closed bugs again, and their issues."""
    from workbench.bugs.acts import reopen as do

    do_act(ctx, bugs, lambda engine, found, by, at: do(engine, found, reason=reason, by=by, now=at), as_json=as_json)


def delete(ctx: typer.Context, bug: BUG, reason: REASON = "", as_json: JSON = False) -> None:
    """Delete a bug and all its events, for good. Only a person can: it asks for the number to be typed.

    For what should never have been a bug, such as a trial. If the fault happens again it is a new bug; to hear of it
    no more, mute it instead.
    """
    from workbench.bugs import queries
    from workbench.bugs.acts import delete as do
    from workbench.text import plain
    from workbench.tui.words import plural

    require_person("Deleting a bug", f"workbench bugs delete {bug}")

    def act(engine: Engine, numbers: list[int], by: str, at: datetime) -> Done:
        row = queries.bug_page(engine, numbers[0], now=at).row
        note(f"{row.label}  {plain(row.title, 100)}  ({plural(row.count, 'event')})")
        typed = ask(f"Type {row.label} to delete it and all its events:")
        return do(engine, row.number, typed=typed, by=by, reason=reason, now=at)

    do_act(ctx, [bug], act, as_json=as_json)


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


def _date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)  # without a zone it is the local time
    except ValueError as error:
        raise UsageError(f"{text!r} is not a date.", cure="Write it as 2026-12-01, or 2026-12-01T09:00.") from error
