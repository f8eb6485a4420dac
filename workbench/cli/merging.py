"""`workbench bugs merge|unmerge|split`: bugs that are one fault, and a bug that is several."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.acting import BUGS, REASON, YES, agree, do_act
from workbench.cli.output import note
from workbench.cli.words import BUG, JSON
from workbench.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.acts import Done


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
            agree(f"Merge {others} into {pages[wanted.index(stays)].row.label}?")
        return do(engine, numbers, into=target, by=by, reason=reason, now=at)

    do_act(ctx, bugs, act, as_json=as_json)


def unmerge(ctx: typer.Context, bugs: BUGS, reason: REASON = "", as_json: JSON = False) -> None:
    """Take merged bugs out again.

    They get back the counts, events and state that were theirs, and what came since.
    """
    from workbench.bugs.acts import unmerge as do

    do_act(ctx, bugs, lambda engine, found, by, at: do(engine, found, by=by, reason=reason, now=at), as_json=as_json)


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

    do_act(ctx, [bug], act, as_json=as_json)
