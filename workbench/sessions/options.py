"""How an agent is started, as plain data: decided when a session is launched, and carried out by its runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from workbench.errors import ConfigurationError
from workbench.sessions.sandbox import Box

# What becomes of what the guard leaves to a person. The client's other modes would decide that without one, or have
# nothing to add: writing inside the worktree is allowed by the guard, and outside it is refused.
PermissionMode = Literal["default", "dontAsk"]

# A second wall behind the guard: rules that Claude Code itself keeps.
SETTINGS = {
    "permissions": {
        "deny": [
            *("Read(~/.ssh/**)", "Read(~/.aws/**)", "Read(~/.gnupg/**)", "Edit(.git/**)", "Edit(.claude/**)"),
            *("Edit(.mcp.json)", "Edit(.github/**)", "Bash(git push *)", "Bash(git config *)", "Bash(gh *)"),
            *("Bash(curl *)", "Bash(wget *)", "Bash(ssh *)", "Bash(sudo *)"),
        ],
        "disableBypassPermissionsMode": "disable",
    }
}


def permission_mode(name: str) -> PermissionMode:
    """Return the mode of that name. Raises `ConfigurationError` for one that is not offered."""
    for mode in get_args(PermissionMode):
        if mode == name:
            return mode  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"The permission mode {name!r} is not offered: nothing but the guard and a person lets a command run.",
        cure=f"Choose one of: {', '.join(get_args(PermissionMode))}.",
    )


@dataclass(frozen=True)
class AgentOptions:
    """How an agent is started. `resume` takes the conversation `session_id` up again instead of beginning it."""

    program: Path
    worktree: Path
    session_id: str
    rules: str
    resume: bool = False
    model: str = ""
    permission_mode: PermissionMode = "default"
    max_turns: int | None = None
    max_cost_usd: float | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    own_settings: bool = False  # load the user's own settings of Claude Code
    box: Box | None = None  # what its commands are contained in

    def settings(self) -> dict[str, Any]:
        """Return the settings that Claude Code is started with."""
        return SETTINGS | ({"sandbox": self.box.as_settings()} if self.box else {})

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        plain = asdict(self)
        plain["program"], plain["worktree"] = str(self.program), str(self.worktree)
        plain["box"] = self.box.as_dict() if self.box else None
        return plain

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> AgentOptions:
        """Return what `as_dict` gave."""
        paths = {name: Path(plain[name]) for name in ("program", "worktree")}
        return cls(**{**plain, **paths, "box": Box.of(plain["box"]) if plain["box"] else None})
