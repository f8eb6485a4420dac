"""Management commands that fail: what ends one that somebody (or cron) started becomes an event.

A `CommandError` is how a command says that it was called wrongly or could not do its work, and no fault of the code.
A command that code calls with `call_command` is a part of that code: its exception is its caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capture import scope
from capture.builder import Failure
from capture.conf import CaptureSettings
from capture.event import Job
from capture.pipeline import capture
from capture.scrub import REDACTED, scrub_text
from capture.secret_keys import is_secret_key

# Whoever runs these sits before them; and what a test run meets is no bug of the site.
LEFT_OUT = frozenset(("runserver", "testserver", "test", "shell", "dbshell", "shell_plus", "runserver_plus"))
MAX_ARGUMENTS = 30

_wanted = False
_installed = False


def connect(settings: CaptureSettings) -> None:
    """Capture what ends a management command from now on, as the settings say."""
    global _wanted, _installed
    _wanted = settings.commands and settings.enabled
    if _wanted and not _installed:
        _installed = True
        # The one place that every command started from outside, and no other, goes through. Django sends no signal.
        BaseCommand.run_from_argv = _capturing(BaseCommand.run_from_argv)  # type: ignore[method-assign]


def _capturing(run_from_argv: Any) -> Any:
    def run_and_capture(self: BaseCommand, argv: list[str]) -> None:
        name = str(argv[1]) if len(argv) > 1 else ""
        if not _wanted or not name or name in LEFT_OUT or name.startswith("capture_"):
            return run_from_argv(self, argv)  # type: ignore[no-any-return]
        noted = scope.begin(Job(kind="command", name=scrub_text(name, limit=100)))
        try:
            return run_from_argv(self, argv)  # type: ignore[no-any-return]
        except CommandError:
            raise
        except Exception as error:
            if not noted.was_told(error):
                noted.tell(error)
                capture(Failure(error=error, noted=noted, contexts={"command": _shown(argv)}))
            raise
        finally:
            scope.end(noted)

    return run_and_capture


def _shown(argv: Sequence[str]) -> dict[str, str]:
    return {"name": scrub_text(str(argv[1]), limit=100), "arguments": " ".join(scrubbed(argv[2:]))}


def scrubbed(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command line without the values of secret options."""
    shown: list[str] = []
    is_secret = False
    for argument in arguments[:MAX_ARGUMENTS]:
        option, equals, value = str(argument).partition("=")
        if is_secret and not option.startswith("-"):
            shown.append(REDACTED)
            is_secret = False
            continue
        is_secret = option.startswith("-") and is_secret_key(option.lstrip("-"))
        if is_secret and equals:
            shown.append(f"{option}={REDACTED}" if value else argument)
            is_secret = False
        else:
            shown.append(scrub_text(str(argument), limit=200))
    if len(arguments) > MAX_ARGUMENTS:
        shown.append(f"… {len(arguments)} in all")
    return shown
