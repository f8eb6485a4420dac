"""Which command answers `--json` with what."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from capture.ledger import Ledger
from workbench.cli.answers import bugs, fixes, upkeep
from workbench.doctor_looks import Finding

ACTS = (
    *("mute", "unmute", "assign", "label", "note", "link", "unlink", "merge", "unmerge", "split"),
    *("close", "reopen", "delete", "undo"),
)

# By command, as it is typed. Of several, the options say which.
ANSWERS: Mapping[str, Any] = MappingProxyType(
    {
        "bugs list": list[bugs.Bug],
        "bugs count": bugs.Count,
        "bugs show": bugs.BugPage,
        "bugs stats": bugs.Stats,
        "bugs new": bugs.Bug,
        "bugs adopt": bugs.Adopted,
        "bugs claim": fixes.FixSession,
        "bugs unclaim": fixes.FixSession,
        "bugs attach": fixes.FixSession,
        "bugs import": list[bugs.ImportedFile],
        "bugs repro": list[fixes.Attempt],
        **{f"bugs {act}": bugs.Done for act in ACTS},
        "fix": (fixes.EndedSession, fixes.FixSession),
        "sessions list": list[fixes.FixSession],
        "sessions show": fixes.SessionPage,
        "sessions resume": (fixes.EndedSession, fixes.FixSession),
        "sessions interrupt": fixes.FixSession,
        "sessions end": fixes.FixSession,
        "sessions answer": fixes.Answered,
        "sessions unlock": fixes.FixSession,
        "sessions send-back": fixes.FixSession,
        "evidence": (fixes.Evidence, fixes.Proof, fixes.EndedSession),
        "worktrees list": list[fixes.Worktree],
        "worker": list[upkeep.Delivered],
        "db check": upkeep.Schema,
        "db copy": upkeep.Copied,
        "db roles": list[str],
        "doctor": list[Finding],
        "config": upkeep.Configuration,
        "fingerprint": bugs.Grouped,
        "rehearse": (list[fixes.Scenario], fixes.Served),
        "skill show": list[upkeep.SkillFile],
        "skill issues": (list[bugs.OpenIssue], bugs.OpenIssue),
        "manage.py capture_status": Ledger,
    }
)
