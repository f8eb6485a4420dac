"""What can go wrong in the terminal, and the exit code of each.

The class docstring says what happened in general, the message says what happened here, `cure` what to do next.
Nothing but these reaches a user; `workbench.cli` maps each to its exit code and the screen to its status line.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    NO = 1  # the answer is no: refuted, not found, checks failed
    USAGE = 2
    CONFIGURATION = 3
    OUTSIDE = 4  # GitHub, agent, network, git
    DATABASE = 5
    INTERRUPTED = 130


class WorkbenchError(Exception):
    """Something went wrong. `cure` says what to do next."""

    exit_code = Exit.NO

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class NotFound(WorkbenchError):
    """What was named does not exist."""


class Refused(WorkbenchError):
    """The rules do not allow this step now, or not for this actor."""


class UsageError(WorkbenchError):
    """The command was called with words that do not fit."""

    exit_code = Exit.USAGE


class ConfigurationError(WorkbenchError):
    """A setting is missing or has a value that cannot work, or the repository is not fit for the step."""

    exit_code = Exit.CONFIGURATION


class OutsideError(WorkbenchError):
    """GitHub, the agent, git or the network failed."""

    exit_code = Exit.OUTSIDE


class DatabaseError(WorkbenchError):
    """The shared database cannot be used."""

    exit_code = Exit.DATABASE
