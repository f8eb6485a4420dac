"""What may be done where nothing may be changed (`--read-only`): the commands that only look."""

from __future__ import annotations

from typing import Any

from workbench.cli.given import given
from workbench.errors import ConfigurationError, Refused

# All others are refused, so that a new command has to be named here before it works read-only.
LOOKING = frozenset(
    {
        "bugs list",
        "bugs count",
        "bugs show",
        "bugs stats",
        "bugs brief",
        "evidence",
        "sessions list",
        "sessions show",
        "worktrees list",
        "db check",
        "db copy",  # the other database is written, and this one is read
        "db roles",
        "doctor",
        "config",
        "fingerprint",
        "rehearse",
        "skill show",
        "skill session-start",
    }
)


def keep_to_reading(command: Any, name: str) -> None:
    """Let a command of typer, and those below it, refuse where nothing may be changed."""
    for inner, found in getattr(command, "commands", {}).items():
        keep_to_reading(found, f"{name} {inner}")
    if name in LOOKING or hasattr(command, "commands"):
        return
    invoke = command.invoke

    def invoke_or_refuse(ctx: Any) -> Any:
        call = given(ctx)
        try:
            refused = call.config.read_only
        except ConfigurationError:
            refused = call.flags.get("database.read_only") == "on"  # the command itself says what is wrong, if it minds
        if refused:
            from workbench.bugs.store import OPEN_TO_WRITE

            raise Refused(f"`workbench {name}` changes something, and the workbench is read-only.", cure=OPEN_TO_WRITE)
        call.acts = True
        return invoke(ctx)

    command.invoke = invoke_or_refuse
