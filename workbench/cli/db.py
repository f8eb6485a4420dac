"""`workbench db`: create, upgrade, check and copy the shared database, and take it back to an earlier schema."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from workbench import config
from workbench.cli.given import given
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, emit, note, say
from workbench.cli.words import JSON, noun, taught
from workbench.errors import Refused, UsageError

if TYPE_CHECKING:
    from workbench.bugs.database_copy import Step

BETWEEN_STEPS_SECONDS = 1.0

app = noun("Create, upgrade, check and copy the shared database.")


@app.command(
    epilog=taught(
        "workbench db upgrade",
        "0; 5 when it cannot be reached, is locked, or was made by a later version.",
    )
)
def upgrade(ctx: typer.Context) -> None:
    """Bring the database to this version, or create it."""
    from capture.store.engine import open_engine, shown_url
    from capture.store.migrate import upgrade as bring_up
    from workbench.tunnel import reached_url

    url = reached_url(given(ctx).config)
    engine = open_engine(url, create=True)
    try:
        bring_up(engine)
    finally:
        engine.dispose()
    say(f"The database at {shown_url(url)} is up to date.")


@app.command(
    epilog=taught(
        "workbench db check && workbench worker --once",
        "0 current; 5 missing, locked, older or newer (the message says what to do).",
    )
)
def check(ctx: typer.Context, as_json: JSON = False) -> None:
    """Say whether the database can be used as it is."""
    from capture.store.engine import open_engine, shown_url
    from capture.store.migrate import check as check_schema
    from workbench.tunnel import reached_url

    url = reached_url(given(ctx).config)
    engine = open_engine(url)
    try:
        check_schema(engine)
    finally:
        engine.dispose()
    if as_json:
        emit({"database": shown_url(url), "schema": "current"})
    else:
        say(f"The database at {shown_url(url)} has this version's schema.")


@app.command(
    epilog=taught(
        "workbench db copy --to postgresql://workbench@db.example/workbench",
        "0 copied, and both are the same; 1 the other one is not empty; 5 one of them cannot be used, or they differ in"
        " the end. Unless it is 0, the other one is as it was.",
    )
)
def copy(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The empty database that gets everything.")],
    as_json: JSON = False,
) -> None:
    """Copy everything into an empty database, and compare both.

    From SQLite to PostgreSQL, or back, or to one of the same kind. Bugs keep their numbers, rows their ids. What is
    written is one transaction: an interrupted copy leaves nothing behind, and is begun again. A password belongs into
    PGPASSWORD or ~/.pgpass, not into the command line.
    """
    from capture.store.engine import open_engine, shown_url
    from workbench.bugs.database_copy import copy as copy_all

    call = given(ctx)
    other = config.load(flags={**call.flags, "database_url": to}).database_url
    target = open_engine(other, create=True)
    try:
        with call.store() as source:
            copied = copy_all(source, target, tell=_Progress())
    finally:
        target.dispose()
    if as_json:
        emit(
            {"from": shown_url(call.config.database_url), "to": shown_url(other), "rows": copied.rows}
            | {"tables": copied.tables, "moved_meanwhile": copied.has_moved}
        )
    else:
        for one in copied.tables:
            say(f"{one.rows:>10}  {one.checksum[:16]}  {one.table}")
        say(f"{copied.rows} rows are in {shown_url(other)}; counts and checksums are the same.")
    if copied.has_moved:
        note("Somebody wrote to the old database meanwhile; the copy has what was there when it began.")


class _Progress:
    """Says on stderr how far a copy is, once a second."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if now - self._said_at >= BETWEEN_STEPS_SECONDS:
            self._said_at = now
            note(f"{step.what} {step.table}: {step.done} of {step.total} rows ({step.done * 100 // step.total} %)")


@app.command(
    epilog=taught(
        "workbench db downgrade 0007",
        "0 done, or there already; 1 not agreed to; 2 no such revision, or nobody to ask; 5 no usable database, or"
        " one that is in use: then nothing was changed.",
    )
)
def downgrade(
    ctx: typer.Context,
    revision: Annotated[str, typer.Argument(metavar="[REVISION]", help="The schema; without it, the one before.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take the database back to an earlier schema.

    For an earlier version of this program. It says what that schema has no place for, and asks.
    """
    from capture.store import migrate
    from capture.store.engine import open_engine, shown_url
    from workbench.bugs.downgrading import losses
    from workbench.tunnel import reached_url

    url = reached_url(given(ctx).config)
    engine = open_engine(url)
    try:
        present = migrate.current(engine)
        if present is None:
            migrate.check(engine)  # raises that it is empty
        wanted = _wanted(revision, str(present))
        if wanted == present:
            say(f"The database at {shown_url(url)} has the schema {present} already.")
            return
        for loss in losses(engine, wanted):
            note(f"Lost will be {loss}.")
        if not yes:
            require_terminal("Taking the schema back needs a person.", cure="Or agree beforehand: --yes")
            if not agreed(f"Take {shown_url(url)} from schema {present} back to {wanted}?"):
                raise Refused("Nothing was changed.", cure="Answer y to do it.")
        migrate.downgrade(engine, wanted)
    finally:
        engine.dispose()
    say(f"The database at {shown_url(url)} has the schema {wanted}.")
    note(f"This version of the program needs {migrate.HEAD}: install the one that {wanted} belongs to.")


@app.command(
    epilog=taught(
        "workbench db roles | psql -d workbench",
        "0 printed or applied; 2 no name for roles; 3 SQLite, which has none; 5 the database cannot be used, or one may"
        " not do that there, and nothing was changed.",
    )
)
def roles(
    ctx: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Run it on the database, in one transaction.")] = False,
    prefix: Annotated[str, typer.Option("--prefix", metavar="NAME", help="What the names begin with.")] = "workbench",
    as_json: JSON = False,
) -> None:
    """Print or run the SQL for PostgreSQL's roles.

    Three roles without a login, to be granted to those that log in: NAME_site takes events in and can read no event,
    NAME_reader may only read, NAME_person does all that people and workers do. None can change the schema: that is
    left to the owner of the tables, who runs this, and again after each upgrade.
    """
    from workbench.bugs import database_roles

    wanted = database_roles.statements(prefix)
    if apply:
        call = given(ctx)
        if call.config.read_only:
            raise Refused("The workbench is read-only.", cure="Print the SQL without --apply.")
        with call.store() as engine:
            database_roles.apply(engine, prefix)
        note(f"The roles {prefix}_site, {prefix}_reader and {prefix}_person have their rights.")
    if as_json:
        emit(wanted)
    elif not apply:
        say("\n".join(f"{statement};" for statement in wanted))
        note(f"Then, for each that logs in: CREATE ROLE shop LOGIN PASSWORD '…' IN ROLE {prefix}_site;")


def _wanted(revision: str, present: str) -> str:
    from capture.store.migrate import REVISIONS

    earlier = REVISIONS[: REVISIONS.index(present) + 1]
    if not revision:
        return earlier[-2] if len(earlier) > 1 else present
    if revision not in earlier:
        raise UsageError(
            f"There is no earlier schema {revision!r}; this database's is {present}.",
            cure="Name one of " + ", ".join(earlier) + ".",
        )
    return revision
