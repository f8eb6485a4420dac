"""What an agent may do: one decision for every call of a tool, before it runs. It fails closed.

Writing stays inside the worktree, and within what the session's phase allows. The project's own test command and
harmless reads run unasked; every other shell command asks a person. A command that repeats something from the event's
file is always asked, and says what.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.sessions.brief import hostile_texts, own_identifiers
from workbench.sessions.commands import ALLOWED, Commands, Decision
from workbench.sessions.environment import ASSIGNMENT, spelled
from workbench.sessions.overlap import LONG, Overlap
from workbench.sessions.paths import Paths

TOOLS = ("Read", "Glob", "Grep", "Edit", "Write", "Bash")
_LONGEST_COMMAND = 20_000

# Why a file of the worktree may not be written in this phase, and whether the next one allows it.
PhaseRule = Callable[[Path], tuple[str, bool] | None]


class Guard:
    """The rules of one session."""

    def __init__(
        self,
        worktree: Path,
        event_file: Path,
        tests: Sequence[str],
        *,
        given: Sequence[Path] = (),
        phase: PhaseRule = lambda _: None,
    ) -> None:
        event = json.loads(event_file.read_text(encoding="utf-8"))
        # A path of ours may be spelled in the event as well without meaning anything.
        variables = list(itertools.takewhile(ASSIGNMENT.match, tests))
        program, *words = tests[len(variables) :]
        runs = [[name, *words] for name in (program, Path(program).name, "python", "python3")]
        ours = [program, str(worktree), str(event_file), *map(spelled, runs)]
        ours += [spelled([*variables, *each]) for each in [*runs, ["pytest"]] if variables]
        ours += own_identifiers(event, LONG)
        self.worktree = worktree
        self._phase = phase
        self._paths = Paths.of(worktree, event_file, *given)
        self._commands = Commands(self._paths, tests)
        self._overlap = Overlap(hostile_texts(event), sorted(ours, key=len, reverse=True))

    def decide(self, tool: str, given: Mapping[str, Any], cwd: str | None = None) -> Decision:
        """Return what is said to a call of `tool`. Whatever goes wrong here is a refusal."""
        try:
            return self._decide(tool, given, Path(cwd) if cwd else self.worktree)
        except Exception as error:  # noqa: BLE001 - a guard that fails must not let anything through
            return Decision("deny", f"the guard could not judge this ({type(error).__name__})")

    def _decide(self, tool: str, given: Mapping[str, Any], cwd: Path) -> Decision:
        if tool == "Bash":
            return self._bash(given, cwd)
        if tool in ("Edit", "Write"):
            return self._write(tool, _text(given, "file_path"), cwd)
        if tool == "Read":
            return self._read(tool, _text(given, "file_path"), cwd)
        if tool in ("Glob", "Grep"):
            decision = self._read(tool, _text(given, "path") if given.get("path") else str(cwd), cwd)
            pattern = _text(given, "pattern") if tool == "Glob" else str(given.get("glob") or "")
            leads_out = pattern.startswith(("/", "~")) or ".." in Path(pattern).parts
            return Decision("ask", f"{tool} {pattern}: it leads out of the worktree") if leads_out else decision
        return Decision("deny", f"the tool {tool} is not part of a fix session")

    def _write(self, tool: str, path: str, cwd: Path) -> Decision:
        if why := self._paths.why_not_write(path, cwd):
            return Decision("deny", f"{tool} {path}: {why}")
        within = self._paths.within(self._paths.resolve(path, cwd))
        assert within is not None, "what is outside was refused above"
        if held := self._phase(within):
            return Decision("deny", f"{tool} {path}: {held[0]}", early=held[1])
        return ALLOWED

    def _read(self, tool: str, path: str, cwd: Path) -> Decision:
        why = self._paths.why_not_read(path, cwd)
        return Decision("ask", f"{tool} {path}: {why}") if why else ALLOWED

    def _bash(self, given: Mapping[str, Any], cwd: Path) -> Decision:
        command = _text(given, "command")
        if len(command) > _LONGEST_COMMAND:
            return Decision("deny", "the command is too long to be judged")
        decision = self._commands.judge(command, cwd)
        if decision.verdict == "deny":
            return decision
        if shared := self._overlap.shared(command):
            return Decision("ask", "the command repeats something from the recorded failure", shared)
        if given.get("run_in_background") or given.get("dangerouslyDisableSandbox"):
            return Decision("ask", "the command asks to run outside of the session's bounds")
        return decision


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value
