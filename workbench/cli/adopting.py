"""`workbench bugs adopt`: an issue that somebody opened on GitHub becomes a bug."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.given import given, now
from workbench.cli.output import emit, say
from workbench.cli.words import JSON, taught
from workbench.errors import ConfigurationError


def add_to(app: typer.Typer) -> None:
    """Add the command to those of `workbench bugs`."""
    codes = "0 done; 1 refused; 3 a GitHub setting cannot work; 4 GitHub did not answer as it should."
    app.command(epilog=taught("workbench bugs adopt 41", codes))(adopt)


def adopt(
    ctx: typer.Context,
    issue: Annotated[int, typer.Argument(metavar="ISSUE", min=1, help="The issue's number on GitHub.")],
    repository: Annotated[
        str, typer.Option("--repository", metavar="OWNER/NAME", help="Where it is; github.repository otherwise.")
    ] = "",
    as_json: JSON = False,
) -> None:
    """Make a bug of an issue that was opened by hand.

    The issue stays the bug's issue. With github.adopt = "on" the worker does that with every open issue that has the
    label bug.
    """
    call = given(ctx)
    from capture.store.lifecycle import label
    from workbench.text import plain
    from workbench.tracker.adopting import adopt_by_hand
    from workbench.tracker.connected import connect_github
    from workbench.tracker.settings import github_settings

    settings = github_settings(call.config)
    if settings is None:
        raise ConfigurationError("No GitHub repository is set.", cure="Set github.repository; see workbench config.")
    with call.store() as engine:
        client = connect_github(settings)
        try:
            seen = client.issues(repository or settings.repository).look(issue)
        finally:
            client.close()
        number = adopt_by_hand(engine, seen, by=call.person(), now=now())
    if as_json:
        emit({"bug": label(number), "issue": seen.found.url, "title": seen.title})
    else:
        say(f"{label(number)}  {plain(seen.title, 200)}")
