"""`workbench worker`: does what is owed to GitHub and to the bug files."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import given, now
from workbench.cli.output import emit, note, say
from workbench.cli.words import JSON, noun, taught
from workbench.errors import Exit, UsageError, WorkbenchError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.cli.given import Given

TEND_SECONDS = 2.0

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
    retry: Annotated[
        bool, typer.Option("--retry", help="Try what was set aside again as well: what kept it back is mended.")
    ] = False,
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
        if retry:
            _retry(engine)
        if not once:
            from workbench.tracker.settings import github_settings
            from workbench.tracker.worker import Worker

            github_settings(call.config)  # what cannot work is said here and not only in the status of a thread
            stop = threading.Event()
            interrupted = _end_on_signals(stop)
            note("Working. Ctrl+C ends it.")
            threading.Thread(target=_tend, args=(call, engine, stop), name="sessions", daemon=True).start()
            Worker(call.config, engine).run(stop)
            return Exit.INTERRUPTED if interrupted.is_set() else Exit.DONE
        from capture.store.lifecycle import label
        from workbench.text import plain
        from workbench.tracker.worker import work_once

        _tend_once(call, engine)
        done = work_once(call.config, engine)
    if as_json:
        emit([{"kind": d.kind, "bug": label(d.bug), "state": d.state, "outcome": d.outcome} for d in done])
    else:
        for item in done:
            say(f"{label(item.bug)}  {item.kind:<13}  {item.state:<6}  {plain(item.outcome)}")
        if not done:
            note("Nothing is due.")
    return Exit.DONE if all(item.state == "done" for item in done) else Exit.OUTSIDE


def _retry(engine: Engine) -> None:
    from workbench.bugs.store import database_errors
    from workbench.tracker import outbox

    with database_errors():
        again = outbox.retry_parked(engine, now=now())
    note(
        f"{again} set aside before {'is' if again == 1 else 'are'} tried again." if again else "Nothing was set aside."
    )


def _end_on_signals(stop: threading.Event) -> threading.Event:
    """Let SIGTERM and Ctrl+C set `stop`, and return what tells of Ctrl+C."""
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: object) -> None:
        # Noted as well as raised: Python drops an interrupt that falls into a finaliser or a callback of an import.
        interrupted.set()
        stop.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, interrupt)
    return interrupted


def _tend(call: Given, engine: Engine, stop: threading.Event) -> None:
    """See to fix sessions: those whose runner is gone, and those that wait for a place."""
    while not stop.wait(TEND_SECONDS):
        _tend_once(call, engine)


def _tend_once(call: Given, engine: Engine) -> None:
    from workbench import fixing

    try:
        fixing.tend(call.config, engine, now=now())
    except WorkbenchError as error:
        note(f"Fix sessions could not be seen to: {error}")
