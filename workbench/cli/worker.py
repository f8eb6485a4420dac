"""`workbench worker`: does what is owed to GitHub and to the bug files."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from workbench.cli.given import given
from workbench.cli.output import emit, note, say
from workbench.cli.words import JSON, noun, taught
from workbench.errors import Exit, UsageError

app = noun()


@app.command(
    epilog=taught(
        "workbench worker --once",
        "0 all done, or ended by SIGTERM; 3 a GitHub setting cannot work; 4 with --once: something is tried again"
        " later or was set aside; 5 no usable database; 130 ended by Ctrl+C.",
    )
)
def worker(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Do all that is due, then exit.")] = False,
    as_json: JSON = False,
) -> int:
    """Do what is owed to the outside: write bug files; open, comment, close and reopen issues.

    The open screen does the same. Any number of workers may run at once; each action is done once. What the outside
    refuses is tried again later, or set aside with the reason: see `workbench bugs show`.
    """
    if as_json and not once:
        raise UsageError("--json goes with --once.", cure="workbench worker --once --json")
    call = given(ctx)
    with call.store() as engine:
        if not once:
            from workbench.tracker.settings import github_settings
            from workbench.tracker.worker import Worker

            github_settings(call.config)  # what cannot work is said here and not only in the status of a thread
            stop = threading.Event()
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
            note("Working. Ctrl+C ends it.")
            Worker(call.config, engine).run(stop)
            return Exit.DONE
        from capture.store.lifecycle import label
        from workbench.text import plain
        from workbench.tracker.worker import work_once

        done = work_once(call.config, engine)
    if as_json:
        emit([{"kind": d.kind, "bug": label(d.bug), "state": d.state, "outcome": d.outcome} for d in done])
    else:
        for item in done:
            say(f"{label(item.bug)}  {item.kind:<13}  {item.state:<6}  {plain(item.outcome)}")
        if not done:
            note("Nothing is due.")
    return Exit.DONE if all(item.state == "done" for item in done) else Exit.OUTSIDE
