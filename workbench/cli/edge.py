"""The error edge: whatever a command raises becomes one message, its cure and an exit code of `Exit`.

Nothing heavy is imported here: `workbench` alone reaches the screen through this module, and the screen's first
paint waits for everything that this module imports.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

from workbench.errors import Exit, WorkbenchError

CRASH_LOG_BYTES = 1_000_000


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Never raises, but for what ends a completion script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 (until the end of the process)
    code = _ran(arguments)
    # Whatever it ended with: what Python itself cannot write at its exit, it reports in its own words.
    lost = _unwritten()
    return code if lost is None else _output_lost(lost)


def _ran(arguments: Sequence[str]) -> int:
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("Interrupted.", "", Exit.INTERRUPTED)
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as end:
        # typer answers a closed pipe by itself, with an exit in the middle of its own handling of the error.
        return _reader_left() if isinstance(end.__context__, BrokenPipeError) else _number(end.code)
    except Exception as error:  # noqa: BLE001  (the edge: what gets past here would be a traceback on a screen)
        return _explain(error)
    if code == Exit.INTERRUPTED:
        _say("Interrupted.", "", Exit.INTERRUPTED)
    return code


def _dispatch(arguments: Sequence[str]) -> int:
    flags = _screen_flags(arguments)
    if flags is not None and "_WORKBENCH_COMPLETE" not in os.environ:
        from workbench.cli.opening import open_screen

        return open_screen(flags)
    if tuple(arguments) == ("skill", "session-start"):
        from workbench.cli.session_start import greet

        greet({})
        return Exit.DONE
    if tuple(arguments[:2]) == ("bugs", "list") and "_WORKBENCH_COMPLETE" not in os.environ:
        from workbench.cli import quick_list

        if quick_list.show(arguments[2:], {}):
            return Exit.DONE
    from workbench.cli.app import command

    return _number(command().main(args=list(arguments), prog_name="workbench", standalone_mode=False))


def _screen_flags(arguments: Sequence[str]) -> dict[str, str | None] | None:
    """Return the global options where there is nothing else, so that the screen opens without typer (0.1 s)."""
    known = {"--db": "database_url", "--repo": "repository", "--ssh": "database.ssh"}
    flags: dict[str, str | None] = {}
    words = iter(arguments)
    for word in words:
        if word == "--read-only":
            flags["database.read_only"] = "on"
            continue
        name, separator, value = word.partition("=")
        given = value if separator else next(words, None)
        if name not in known or given is None:
            return None
        flags[known[name]] = given
    return flags


def _number(code: object) -> int:
    return code if isinstance(code, int) else Exit.DONE


def _explain(error: Exception) -> int:
    if isinstance(error, WorkbenchError):
        return _say(str(error), error.cure, error.exit_code)
    if isinstance(error, OSError) and (lost := _unwritten()) is not None:
        return _output_lost(lost)
    from workbench.cli.translation import expected, help_asked_for

    if help_asked_for(error):
        print(error, file=sys.stderr)
        return Exit.USAGE
    known = expected(error)
    return _say(str(known), known.cure, known.exit_code) if known else _crash(error)


def _crash(error: Exception) -> int:
    """Write what nobody expected to the crash log, and say where."""
    from workbench.config import state_dir

    what = f"Something went wrong that nobody expected ({type(error).__name__})."
    report = "Please report it, with those lines, at the project's issue tracker."
    try:
        path = state_dir() / "crash.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        too_long = path.exists() and path.stat().st_size > CRASH_LOG_BYTES
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if too_long else os.O_APPEND)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{datetime.now(UTC).isoformat()}\n{''.join(traceback.format_exception(error))}\n")
    except OSError as unwritable:
        return _say(what, f"The details could not be written to a file ({unwritable.strerror}). {report}", Exit.NO)
    return _say(what, f"The details are at the end of {path}. {report}", Exit.NO)


def _say(message: str, cure: str, code: Exit) -> int:
    from workbench.cli.output import complain

    try:
        complain(message, cure)
    except OSError:
        return code  # nobody is left to read it
    return code


def _reader_left() -> int:
    """Answer a reader that closed the pipe: quietly."""
    _write_nowhere()
    return Exit.INTERRUPTED


def _unwritten() -> OSError | None:
    """Return why what was said on stdout could not be written, None where it was: a buffer keeps what it cannot."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return None


def _output_lost(error: OSError) -> int:
    """Answer an output that took no more; it is a file that cannot be used, as one that is named."""
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    _write_nowhere()
    cure = "Make room where it goes to, or send it elsewhere, and run the command again."
    return _say(f"The output could not be written: {error.strerror}.", cure, Exit.CONFIGURATION)


def _write_nowhere() -> None:
    """Let what is left of the output go, so that Python does not complain of it at its own exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
