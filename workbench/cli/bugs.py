"""`workbench bugs`: the list, one bug, a new one by hand, and what an agent would be given. Acts are in `triage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import adopting, claiming, importing, repro, shapes, triage
from workbench.cli.given import given, now
from workbench.cli.output import emit, line_width, note, say, say_lines, table, text_argument
from workbench.cli.pager import paged
from workbench.cli.words import BUG, JSON, NO_PAGER, noun, taught
from workbench.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.bugs.rows import BugRow

FILTER = Annotated[
    str,
    typer.Option(
        "--filter",
        metavar="FILTER",
        help="Words, field:value, ! for not, or, brackets, as in the screen: state:open seen:<24h count:>100.",
    ),
]
app = noun("List, show, sort, mute, merge and close bugs.")


@app.command(
    "list",
    epilog=taught(
        'workbench bugs list --filter "state:open seen:<24h !route:/health/*"',
        "0, also when there are none; 2 for a filter that means nothing; 5 without a usable database.",
    ),
)
def list_(
    ctx: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="open, fixing, review, closed or muted; may be given again."),
    ] = None,
    text: Annotated[str, typer.Option(help="Only bugs with this text in their title, route or type.")] = "",
    filter_: FILTER = "",
    as_json: JSON = False,
    no_pager: NO_PAGER = False,
) -> None:
    """List bugs, the latest first."""
    states, call = _states(state or []), given(ctx)
    _check(filter_)
    with call.store() as engine:
        from workbench.bugs import queries

        at, me = now(), call.person() if filter_ else ""
        rows = queries.list_bugs(engine, now=at, states=states or None, text=text, filter=filter_, me=me)
    if as_json:
        emit([shapes.bug(row) for row in rows])
    elif rows:
        with paged(wanted=not no_pager):
            table(
                ("BUG", "STATE", "TITLE", "COUNT", "SEEN", "ISSUE"),
                [_line(row, at) for row in rows],
                flexible=2,
                numbers=(3,),
            )
    else:
        note(
            "No bugs match."
            if states or text or filter_
            else "No bugs yet. Try one: manage.py capture_test in your site."
        )


@app.command(epilog=taught("workbench bugs count --state open", "0, also when there are none."))
def count(
    ctx: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="open, fixing, review, closed or muted; may be given again."),
    ] = None,
    text: Annotated[str, typer.Option(help="Only bugs with this text in their title, route or type.")] = "",
    filter_: FILTER = "",
    as_json: JSON = False,
) -> None:
    """Count bugs: in all, and with --json by state as well."""
    states, call = _states(state or []), given(ctx)
    _check(filter_)
    with call.store() as engine:
        from workbench.bugs import queries

        me = call.person() if filter_ else ""
        by_state = queries.count_bugs(engine, now=now(), states=states or None, text=text, filter=filter_, me=me)
    if as_json:
        emit({"count": sum(by_state.values()), "states": by_state})
    else:
        say(str(sum(by_state.values())))


def _check(text: str) -> None:
    """Raise a `UsageError` that points at what is wrong with a filter."""
    from workbench.bugs.filters import FilterError, parse
    from workbench.text import plain

    try:
        parse(text)
    except FilterError as error:
        before, wrong, after = text[: error.start], text[error.start : error.end], text[error.end :]
        shown = f"{plain(before, 200)}▸{plain(wrong, 200)}◂{plain(after, 200)}"
        raise UsageError(f"--filter: {error.message}", cure=f"At character {error.start + 1}: {shown}") from error


def _states(named: list[str]) -> list[str]:
    from typing import get_args

    from capture.store.lifecycle import State

    words = [word for value in named for word in value.split(",")]
    for word in words:
        if word not in get_args(State):
            raise UsageError(f"There is no state {word!r}.", cure="States: " + ", ".join(get_args(State)) + ".")
    return words


def _line(row: BugRow, at: datetime) -> tuple[str, ...]:
    from workbench.tui.words import age

    state = f"{row.state} again" if row.is_recurrence and row.state == "open" else row.state
    issue = f"#{row.issue.number}{' closed outside' if row.issue.closed_outside else ''}" if row.issue else ""
    return row.label, state, row.title, str(row.count), age(row.last_seen, at), issue


@app.command(epilog=taught("workbench bugs show B-012", "0; 1 when there is no such bug."))
def show(ctx: typer.Context, bug: BUG, as_json: JSON = False, no_pager: NO_PAGER = False) -> None:
    """Show one bug: where, how often, why, and what was done."""
    with given(ctx).store() as engine:
        from workbench.bugs import queries

        at = now()
        page = queries.bug_page(engine, queries.parse_number(bug), now=at)
        if as_json:
            emit(shapes.page(page))
            return
        from workbench.bugs import occurrences, over_time, varying
        from workbench.tui.documents.figures import Figures

        number = page.row.number
        window = occurrences.window(engine, number)
        figures = Figures(over_time.of_bug(engine, number, now=at), varying.of_bug(engine, number))
    from workbench.tui.documents.bug import View, head_lines, page_lines
    from workbench.tui.lines import BLANK

    width = line_width()
    with paged(wanted=not no_pager):
        say_lines([*head_lines(page, width, at), BLANK])
        view = View(width=width, now=at, event=page.event, window=window, figures=figures, by="days")
        say_lines(page_lines(page, view))


@app.command(epilog=taught("workbench bugs stats --json", "0, also when there are no bugs."))
def stats(ctx: typer.Context, as_json: JSON = False, no_pager: NO_PAGER = False) -> None:
    """Show all bugs in figures: the dashboard."""
    call = given(ctx)
    with call.store() as engine:
        from workbench.bugs import stats as figures
        from workbench.tracker import health

        at = now()
        found, github = figures.stats(engine, now=at), health.of_settings(call.config, engine, now=at)
    if as_json:
        emit(shapes.stats(found, github))
        return
    from workbench.tui.documents.dashboard import dashboard_lines

    with paged(wanted=not no_pager):
        say_lines(dashboard_lines(found, github, line_width(), at))


@app.command(
    epilog=taught('workbench bugs new --title "Prices lack the tax" --text - < report.txt', "0; 2 without a title.")
)
def new(
    ctx: typer.Context,
    title: Annotated[str, typer.Option(help="One line: what goes wrong, and where.")],
    text: Annotated[str, typer.Option(help="More about it; - reads it from the input.")] = "",
    project: Annotated[str, typer.Option(help="The project that it is a bug of.")] = "",
    as_json: JSON = False,
) -> None:
    """Write a bug by hand, for what no program noticed."""
    with given(ctx).store() as engine:
        from workbench.bugs import acts, queries

        at = now()
        number = acts.new_bug(
            engine, title=title, text=text_argument(text), by=given(ctx).person(), project=project, now=at
        )
        page = queries.bug_page(engine, number, now=at)
    if as_json:
        emit(shapes.bug(page.row))
    else:
        say(page.row.label)
        note("Its file and its issue are written by the worker: workbench worker --once")


@app.command(epilog=taught("workbench bugs brief B-012 | less", "0; 1 when there is no such bug."))
def brief(ctx: typer.Context, bug: BUG) -> None:
    """Print exactly what an agent would be given for a bug.

    Our rules, the first message, and the recorded event as data in a file, with who could have written each field.
    Nothing is launched.
    """
    from workbench.text import plain

    call = given(ctx)
    with call.store() as engine:
        from workbench import fixing
        from workbench.bugs.queries import parse_number

        shown = fixing.brief(call.config, engine, parse_number(bug), now=now()).shown()
    for line in shown.split("\n"):
        say(plain(line, len(line) + 1))  # exactly: nothing is cut


adopting.add_to(app)
claiming.add_to(app)
importing.add_to(app)
repro.add_to(app)
triage.add_to(app)
