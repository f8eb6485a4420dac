"""What other packages raise, in our own words. Imported only once something has gone wrong."""

from __future__ import annotations

import errno
import sys
import traceback

from workbench.errors import ConfigurationError, DatabaseError, Refused, UsageError, WorkbenchError

OURS = ("capture", "workbench")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def expected(error: BaseException) -> WorkbenchError | None:
    """Return `error` as one of ours, or None where nobody expected it."""
    return (
        _missing(error) or _usage(error) or _capture(error) or _lifecycle(error) or _database(error) or _system(error)
    )


def _missing(error: BaseException) -> WorkbenchError | None:
    """A package of an extra is not installed: `capture` alone brings what a site needs, and no more."""
    if not isinstance(error, ModuleNotFoundError) or (error.name or "workbench").partition(".")[0] in OURS:
        return None
    return ConfigurationError(
        f"The package {error.name} is not installed.",
        cure="Install what the terminal needs: pip install 'bug-workbench[terminal]' ([demo] for the demo).",
    )


def help_asked_for(error: BaseException) -> bool:
    """Tell whether a noun was called without a command, which is answered with its help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _usage(error: BaseException) -> WorkbenchError | None:
    if "typer" not in sys.modules:
        return None
    import typer

    # typer carries click inside or beside it, by version; the base of all its complaints is found either way.
    complaint = typer.BadParameter.__mro__[2]
    if not isinstance(error, complaint):
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "workbench"
    return UsageError(error.format_message(), cure=f"See: {command} --help")  # type: ignore[attr-defined]


def _capture(error: BaseException) -> WorkbenchError | None:
    from capture import errors

    if not isinstance(error, errors.CaptureError):
        return None
    ours = DatabaseError if isinstance(error, errors.StoreError) else ConfigurationError
    return ours(str(error), cure=error.cure)


def _lifecycle(error: BaseException) -> WorkbenchError | None:
    if "capture.store.lifecycle" not in sys.modules:
        return None
    from capture.store.lifecycle import IllegalTransition

    if not isinstance(error, IllegalTransition):
        return None
    return Refused(f"{error}.", cure=f"See where it is: workbench bugs show {error.bug}")


def _database(error: BaseException) -> WorkbenchError | None:
    if "sqlalchemy" not in sys.modules:
        return None
    from capture.store.failures import explain

    known = explain(error, "that is shared")
    return None if known is None else DatabaseError(str(known), cure=known.cure)


def _system(error: BaseException) -> WorkbenchError | None:
    if isinstance(error, OSError) and error.filename is not None:
        return ConfigurationError(
            f"{error.filename}: {error.strerror}.", cure="Check that the path exists and that you may use it."
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return ConfigurationError(
            f"{_full(error)} could not be written: {error.strerror}.",
            cure="Make room where it goes to, or send it elsewhere, and run the command again.",
        )
    return None


def _full(error: OSError) -> str:
    """Return what it is that took no more. An open file does not say its name, and so neither does the error."""
    frames = (frame for frame, _line in traceback.walk_tb(error.__traceback__))
    is_ours = any(frame.f_globals.get("__name__") == "workbench.cli.output" for frame in frames)
    return "The output" if is_ours else "The output, or a file,"
