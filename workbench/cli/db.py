"""`workbench db`: create, upgrade and check the shared database."""

from __future__ import annotations

import typer

from workbench.cli.given import given
from workbench.cli.output import emit, say
from workbench.cli.words import JSON, noun, taught

app = noun("Create, upgrade and check the shared database.")


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

    url = given(ctx).config.database_url
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

    url = given(ctx).config.database_url
    engine = open_engine(url)
    try:
        check_schema(engine)
    finally:
        engine.dispose()
    if as_json:
        emit({"database": shown_url(url), "schema": "current"})
    else:
        say(f"The database at {shown_url(url)} has this version's schema.")
