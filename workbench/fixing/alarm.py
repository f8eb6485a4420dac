"""The alarm of a session: git's configuration, hooks or refs are not as they were when its runner began.

A runner that was killed could not compare: its snapshot stays in the session's row, and whoever resumes compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.evidence import Flag
from workbench.sessions.audit import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.git import Repository
    from workbench.sessions.record import Record

GIT_FLAG = "git changed"
_KEY = "git_before"


def watch(record: Record, repository: Repository, worktree: Path) -> None:
    """Write down how git is now, having compared with what an earlier runner could not."""
    check(record, repository, worktree)
    record.option(**{_KEY: Snapshot.take(repository, worktree).as_dict()})


def check(record: Record, repository: Repository, worktree: Path) -> str:
    """Compare with what was written down, raise the alarm in the transcript and the row, and return what changed."""
    fix = record.load()
    before = fix.options.get(_KEY)
    if not before:
        return fix.alarm
    try:
        told = _told(Snapshot.of(before), Snapshot.take(repository, worktree), is_sandboxed=bool(fix.is_sandboxed))
    except (WorkbenchError, OSError) as error:
        told = (f"git could not be looked at: {error}", "")
    alarm, notice = told
    record.option(**{_KEY: None})
    if notice:
        record.entry("notice", text=notice)
    if not alarm:
        return fix.alarm
    alarm = f"{fix.alarm} {alarm}".strip()
    record.update(alarm=alarm)
    record.entry("alarm", text=alarm)
    return alarm


def flags(alarm: str) -> list[Flag]:
    """Return the alarm as something to look at before a fix is signed."""
    return [Flag(GIT_FLAG, ".git", alarm)] if alarm else []


def _told(before: Snapshot, after: Snapshot, *, is_sandboxed: bool) -> tuple[str, str]:
    """Return the alarm and the notice about what changed.

    Refs move whenever a person commits or fetches. From inside the sandbox nobody can move them, so that they are no
    alarm there.
    """
    files, refs = before.changed_files(after), before.changed_refs(after)
    alarms = [f"git's own files changed while this session ran: {_some(files)}."] if files else []
    moved = f"refs moved while this session ran: {_some(refs)}."
    if refs and not is_sandboxed:
        alarms.append(f"{moved[0].upper()}{moved[1:]} Was that you?")
    return " ".join(alarms), f"{moved} Not from inside the sandbox." if refs and is_sandboxed else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
