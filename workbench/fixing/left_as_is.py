"""What a person has changed in a worktree while no agent was at work there: the first phase leaves it as it is.

An agent is told to put source back that it writes before its test. What a person wrote, in a session that was taken
over, in a shell or in an editor, is theirs, and nobody undoes it.

A runner writes down how it leaves the files, and what differs later is a person's. One that was killed could not: what
it finds then may be the agent's own, which is not to pass for a person's. It is kept under a ref, and has to be put
back like all that comes before the test.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.sessions import sandbox
from workbench.sessions.brief import visible

if TYPE_CHECKING:
    from workbench.git import Change, Repository
    from workbench.sessions.record import Record

_PERSONS = "persons"
LEFT = "left_at"  # the option that holds the commit of the files as the last runner left them


def work_ref(session_id: str) -> str:
    """Return the ref that keeps the files as the last runner of a session left them."""
    return f"refs/workbench/{session_id}/work"


@dataclass(frozen=True)
class LeftAsIs:
    """The files that a person has changed, and the commit that holds them as they were then."""

    commit: str = ""
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> LeftAsIs:
        """Return what is known from the options of a session."""
        known = options.get(_PERSONS) or {}
        return cls(known.get("commit", ""), tuple(known.get("files", ())))

    def still(self, repository: Repository, commit: str) -> frozenset[str]:
        """Return those that `commit` holds as the person left them."""
        return frozenset(self.files) - _changed(repository, self.commit, commit) if self.files else frozenset()


def leave(record: Record, commit: str | None) -> None:
    """Write down how an agent leaves the files: what differs from this commit later is a person's."""
    record.option(**{LEFT: commit or ""})


def is_left(options: Mapping[str, Any]) -> bool:
    """Say whether the last runner of a session has written down how it left the files."""
    return bool(options.get(LEFT))


def find(record: Record, repository: Repository, worktree: Path) -> LeftAsIs:
    """Look for what has changed since the last runner left, and write it down beside what was found before.

    From here on nobody knows whose a change is, until somebody leaves again.
    """
    fix = record.load()
    sandbox.clear_placeholders(worktree, kept=repository.files(fix.base_commit))
    now = repository.freeze(worktree, f"refs/workbench/{fix.id}/persons", "as a person left it")
    files = LeftAsIs.of(fix.options).still(repository, now)
    if is_left(fix.options):
        files |= _changed(repository, fix.options[LEFT], now)
    elif fix.phase == "test":
        changes = repository.changes(fix.base_commit, now)
        _set_aside(record, repository, now, [name for name in before_their_time(changes) if name not in files])
    found = LeftAsIs(now, tuple(sorted(files)))
    record.option(**{_PERSONS: {"commit": found.commit, "files": list(found.files)}, LEFT: ""})
    return found


def find_before_a_person(record: Record, repository: Repository, worktree: Path) -> None:
    """See to it that what changes from here on is a person's, though the last runner was killed."""
    if not is_left(record.load().options):
        leave(record, find(record, repository, worktree).commit)


def before_their_time(changes: Sequence[Change]) -> list[str]:
    """Return the files of a change that are not to be written before the test."""
    from workbench.evidence import Split  # a launch needs none of it

    split = Split.of(changes)
    return [*split.source, *split.harness, *split.gone_tests]


def _set_aside(record: Record, repository: Repository, commit: str, names: Sequence[str]) -> None:
    """Keep what an agent or a person has left, nobody knows which of them, and say where it is."""
    if not names:
        return
    ref = f"refs/workbench/{record.session_id}/unclear-{commit[:12]}"
    repository.keep(commit, ref)
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    back = shlex.join(["git", "restore", f"--source={ref}", "--", *names])
    text = (
        f"The last runner was killed, so that nobody knows who has changed {visible(shown, 500)}. The agent has to put"
        f" that back before its test. It is kept; in the worktree, this brings it back: {visible(back, 1000)}"
    )
    record.entry("notice", text=text)


def _changed(repository: Repository, before: str, after: str) -> frozenset[str]:
    changes = repository.changes(before, after)
    return frozenset(path for change in changes for path in (change.path, change.old_path) if path)
