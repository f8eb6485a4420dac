"""The looks of `doctor` at what time and people leave behind: journals, clocks, worktrees, bug files, tokens."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store.tables import Bug, FixSession, JournalRow, table_of
from workbench.bugs import comparing
from workbench.bugs.store import reading
from workbench.config import Config
from workbench.errors import WorkbenchError

# Clocks that differ by more make recurrences and leases wrong; less is what a network and a busy machine do.
SKEW = timedelta(seconds=30)
NAMED = 3  # of many, so many are named
# What a token's first letters say of its kind, and what one of that kind needs for issues.
_TOKENS = {
    "github_pat_": "a fine-grained one: it needs Issues, read and write, on the repository (and Contents, read)",
    "ghp_": "a classic one: it needs the scope repo (public_repo for a public repository)",
    "gho_": "that of a login: it needs the scope repo",
    "ghs_": "that of an installed App: it needs Issues, read and write, and ends within the hour",
    "ghu_": "that of an App for a user: it needs Issues, read and write",
}


@dataclass(frozen=True)
class Finding:
    """One look. `note`: it works, with a limit worth knowing. `cure` says what to do about it."""

    subject: str
    status: Literal["ok", "note", "wrong"]
    message: str
    cure: str = ""


def journal(engine: Engine) -> Finding:
    """Look at what the sites carried, and at what they had to drop."""
    table = table_of(JournalRow)
    dropped: Counter[str] = Counter()
    with reading(engine) as connection:
        rows = connection.execute(sa.select(table.c.dropped, table.c.folder, table.c.updated_at)).all()
    for row in rows:
        dropped.update(row.dropped)
    lost = {reason: number for reason, number in sorted(dropped.items()) if number and reason != "duplicate"}
    if not rows:
        return Finding("journal", "note", "no site has carried anything yet", "Try it: manage.py capture_test")
    if lost:
        told = ", ".join(f"{number} {reason}" for reason, number in lost.items())
        cure = "What each reason means, and what helps: docs/nothing-lost.md"
        return Finding("journal", "note", f"dropped by the sites: {told}", cure)
    latest = max(row.updated_at for row in rows)
    hosts = len({row.folder for row in rows if row.folder})
    return Finding("journal", "ok", f"carried last at {latest:%Y-%m-%d %H:%M} UTC, from {hosts} folder(s)")


def clock(engine: Engine, now: datetime) -> Finding:
    """Compare our clock with the server's and with the latest of what sites have written."""
    journal, bug = table_of(JournalRow), table_of(Bug)
    with reading(engine) as connection:
        there = connection.scalar(sa.select(sa.func.clock_timestamp())) if engine.dialect.name == "postgresql" else now
        written = connection.scalar(sa.select(sa.func.max(journal.c.updated_at)))
        seen = connection.scalar(sa.select(sa.func.max(bug.c.last_seen)))
    assert isinstance(there, datetime)
    cure = "Let all hosts keep their time with NTP: timedatectl set-ntp true"
    if abs(there - now) > SKEW:
        apart = round((now - there).total_seconds())
        return Finding("clock", "wrong", f"ours is {apart:+d} s from the database server's", cure)
    ahead = max((at for at in (written, seen) if at is not None), default=now) - now
    if ahead > SKEW:
        return Finding("clock", "wrong", f"a site's is {round(ahead.total_seconds())} s ahead of ours", cure)
    return Finding("clock", "ok", "no host is ahead of ours, as far as it has written")


def worktrees(engine: Engine) -> Finding:
    """Look at the worktrees of this host's sessions: those that nothing needs any more, and those that are missing."""
    fix, bug = table_of(FixSession), table_of(Bug)
    asked = sa.select(fix.c.worktree, fix.c.state, bug.c.state.label("bug")).join(bug, bug.c.id == fix.c.bug_id)
    with reading(engine) as connection:
        rows = connection.execute(asked.where(fix.c.host.in_((socket.gethostname(), "")))).all()
    there = [row for row in rows if row.worktree and Path(row.worktree).is_dir()]
    missing = [row.worktree for row in rows if row.bug in ("fixing", "review") and row.state != "queued"]
    missing = [path for path in missing if path and not Path(path).is_dir()]
    if missing:
        cure = "Send the fix back or reject it, and launch another: its branch is still there."
        return Finding("worktrees", "wrong", f"gone, though a bug waits on it: {_some(missing)}", cure)
    left = [row.worktree for row in there if row.bug == "closed"]
    if left:
        cure = "See what they hold, and remove them: workbench worktrees list"
        return Finding("worktrees", "note", f"{len(left)} of closed bugs: {_some(left)}", cure)
    return Finding("worktrees", "ok", f"{len(there)}, none of a closed bug")


def bug_files(engine: Engine, directory: Path) -> Finding:
    """Compare the bug files with the database."""
    found = list(comparing.unlike(engine, directory))
    if not found:
        return Finding("bug files", "ok", f"those in {directory.name}/ say what the database says")
    message = _some([f"{one.name} {one.what}" for one in found], "; ")
    cure = "Is this checkout up to date? Bugs that the database has not come with: workbench bugs import"
    return Finding("bug files", "note", message, cure)  # a checkout may be behind, or a worker's be another


def bug_branch(config: Config) -> Iterator[Finding]:
    """Say whether bug files can be committed to the branch that is named for them, if one is."""
    from workbench.git import Repository

    if not (branch := config["bugs.branch"]):
        return
    try:
        Repository.open(config.repo).check_free(branch)
    except WorkbenchError as error:
        yield Finding("bug branch", "wrong", str(error), error.cure)
    else:
        yield Finding("bug branch", "ok", f"bug files are committed to {branch}")


def token(value: str, source: str) -> Finding:
    """Say what kind of token it is and what it needs, as far as it can be known without asking GitHub."""
    kind = next((said for start, said in _TOKENS.items() if value.startswith(start)), "")
    if kind:
        return Finding("GitHub token", "ok", f"{source}: {kind}")
    message = f"{source}: of a kind that we do not know; it needs to write issues"
    return Finding("GitHub token", "note", message, "Ask GitHub what it may do: gh auth status")


def _some(names: Iterable[str], between: str = ", ") -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return between.join(names[:NAMED]) + more
