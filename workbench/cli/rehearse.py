"""`workbench rehearse`: serve a scripted model on loopback, for any Claude Code client."""

from __future__ import annotations

import secrets
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.given import given
from workbench.cli.output import emit, note, say, table
from workbench.cli.words import JSON, noun, taught
from workbench.errors import Exit, OutsideError

app = noun()


@app.command(
    epilog=taught(
        "workbench rehearse happy --bug B-012",
        "0 listed, or ended by Ctrl+C; 1 no such bug; 2 no such scenario; 3 a mistake in it; 4 the port is taken.",
    )
)
def rehearse(
    ctx: typer.Context,
    scenario: Annotated[str, typer.Argument(help="One of ours, or a file that ends in .toml; none: list ours.")] = "",
    bug: Annotated[str, typer.Option(metavar="BUG", help="Play the script that fits this bug.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 for any.")] = 0,
    as_json: JSON = False,
) -> int:
    """Serve a scripted model: it speaks the streaming Messages API, and no account is needed.

    Start a client in the folder that it is to work in, with the variables that are printed. `workbench fix --rehearse`
    does all of this by itself. The format of scenarios stands in workbench/sessions/scenario.py.
    """
    from workbench.sessions import scenario as scenarios

    if not scenario:
        found = [scenarios.load(name) for name in scenarios.names()]
        if as_json:
            emit([{"name": each.name, "summary": each.summary} for each in found])
        else:
            table(("SCENARIO", "WHAT HAPPENS"), [(each.name, each.summary) for each in found], flexible=1)
        return Exit.DONE
    from workbench.sessions.rehearsal import RehearsalModel

    played = scenarios.load(scenario)
    event = None
    if bug:
        with given(ctx).store() as engine:
            from workbench.bugs import queries
            from workbench.cli.given import now

            event = queries.bug_page(engine, queries.parse_number(bug), now=now()).event
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        model = RehearsalModel(
            played,
            event,
            worktree=str(Path.cwd()),
            python=sys.executable,
            port=port,
            key=secrets.token_hex(8),
        )
    except OSError as error:
        raise OutsideError(
            f"Port {port} cannot be used: {error.strerror}.", cure="Name another, or 0 for any."
        ) from error
    with model:
        if as_json:
            emit({"scenario": played.name, "environment": model.environ})
        else:
            for name, value in model.environ.items():
                say(f"export {name}={shlex.quote(value)}")
            note(f"{played.name}: {played.summary}. Start a client with these variables; Ctrl+C ends the model.")
        sys.stdout.flush()
        stop.wait()
    return Exit.DONE
