"""What only a person may do."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import Refused

# What agents set for the commands that they run. Other CLAUDE_CODE_* variables are a person's own: an editor's
# terminal has CLAUDE_CODE_SSE_PORT, a shell profile may choose a provider.
AGENT_VARIABLES = ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AI_AGENT")

# Who makes the commits of sessions, and of agents that commit themselves: whoever signs with these is no person.
OF_SESSIONS = ("bug-workbench@localhost", "noreply@anthropic.com")


@dataclass(frozen=True)
class Account:
    """Who is at the keyboard, beside their name: to the system, and to GitHub where that is known ("" where not)."""

    os_user: str = ""
    github: str = ""


def os_user() -> str:
    """Return the user of the system, or "" where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def refuse_sessions(by: str) -> None:
    """Raise `Refused` for the name that sessions and agents make their commits in."""
    if any(f"<{address}>" in by.lower() for address in OF_SESSIONS):
        raise Refused(
            f"Only a person decides on a fix, and {by} is what sessions go by.",
            cure="Set your own: git config user.name 'Your Name', and the same for user.email.",
        )


def refuse_agents(environ: Mapping[str, str], what: str = "signs off") -> None:
    """Raise `Refused` inside the environment of a coding agent. `what` completes "Only a person …"."""
    for name in AGENT_VARIABLES:
        if name in environ:
            raise Refused(
                f"Only a person {what}, and this is an agent's environment ({name} is set).",
                cure="Decide in a terminal of your own.",
            )
