"""Claude Code as a person uses it, on the conversation of a session and inside the same bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.sessions.guard import TOOLS
from workbench.sessions.options import AgentOptions


def argv(options: AgentOptions) -> list[str]:
    """Return the command that goes on with a conversation in a terminal.

    Its tools, settings and sandbox are those of the session. What is not allowed by these it asks whoever sits there,
    who takes the place of the guard; the caps on cost, turns and time are theirs too.
    """
    words = [str(options.program), f"--resume={options.session_id}", "--append-system-prompt", options.rules]
    words += ["--settings", json.dumps(options.settings()), "--strict-mcp-config", "--tools", ",".join(TOOLS)]
    words += ["--permission-mode", "default", f"--setting-sources={'user' if options.own_settings else ''}"]
    return [*words, *(["--model", options.model] if options.model else [])]


def welcome(home: Path, worktree: Path, key: str) -> None:
    """Let a client with a home of its own, that of a rehearsal, begin without the questions that a new one asks."""
    path = home / ".claude.json"
    known = _read(path)
    known |= {"hasCompletedOnboarding": True, "theme": known.get("theme", "dark")}
    known["customApiKeyResponses"] = {"approved": [key[-20:]], "rejected": []}
    trusted = known.get("projects", {}).get(str(worktree), {}) | {"hasTrustDialogAccepted": True}
    known["projects"] = known.get("projects", {}) | {str(worktree): trusted}
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(json.dumps(known), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
