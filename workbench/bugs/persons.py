"""What only a person may do."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.errors import Refused

# What agents set for the commands that they run. Other CLAUDE_CODE_* variables are a person's own: an editor's
# terminal has CLAUDE_CODE_SSE_PORT, a shell profile may choose a provider.
AGENT_VARIABLES = ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AI_AGENT")


def refuse_agents(environ: Mapping[str, str], what: str = "signs off") -> None:
    """Raise `Refused` inside the environment of a coding agent. `what` completes "Only a person …"."""
    for name in AGENT_VARIABLES:
        if name in environ:
            raise Refused(
                f"Only a person {what}, and this is an agent's environment ({name} is set).",
                cure="Decide in a terminal of your own.",
            )
