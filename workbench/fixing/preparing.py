"""A worktree made ready before an agent works in it, and left in order before it goes: the settings `worktree.*`.

The setup runs on the base, before an agent has written anything, so that it is the user's own code; where a worktree
was made again, what an agent had written is laid out only afterwards. The teardown runs in the checkout for the same
reason. An agent never begins in a worktree whose setup has not ended well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from capture.store.labels import label
from workbench.errors import WorkbenchError
from workbench.sessions import chores, copying, environment
from workbench.suite import own_interpreters

if TYPE_CHECKING:
    from workbench.config import Config
    from workbench.git import Repository
    from workbench.sessions.record import Record
    from workbench.sessions.worktrees import Place

LOG = "setup.log"
_SHOWN = 5
_TOLD_EVERY_SECONDS = 5.0


def is_wanted(config: Config) -> bool:
    """Say whether anything makes a worktree ready."""
    return bool(config["worktree.setup"] or config["worktree.copy"])


def check(config: Config) -> None:
    """Raise `ConfigurationError` where a setting could not be obeyed, before anything is made."""
    copying.patterns(config["worktree.copy"])
    for setting in ("worktree.setup", "worktree.teardown"):
        if config[setting]:
            chores.words_of(config[setting], setting)


def prepare(config: Config, record: Record, repository: Repository, place: Place, log: Path, *, number: int) -> str:
    """Make a worktree ready, unless that was done, and return why it failed or an empty string.

    What was copied and what the setup printed goes into the transcript.
    """
    fix = record.load()
    if fix.options.get("prepared"):
        return ""
    try:
        own_python = is_wanted(config) and _made_ready(config, record, repository, place, log, number)
        if kept := fix.options.get("kept"):
            if repository.exists(kept):
                repository.restore(place.path, kept)
            record.option(kept="")
    except (WorkbenchError, OSError) as error:
        printed = chores.tail(log)
        record.entry(
            "notice", text=f"The worktree could not be made ready. {error}" + (f"\n{printed}" if printed else "")
        )
        cure = getattr(error, "cure", "") or "See the message above."
        return f"the worktree could not be made ready: {error} {cure} Then resume the session."
    record.option(prepared=True, own_python=own_python)
    return ""


def tear_down(config: Config, worktree: Path, *, bug: str, log: Path, environ: Mapping[str, str] | None = None) -> bool:
    """Run the teardown for a worktree in the checkout, and return whether there is one. Raises `ChoreFailed`."""
    if not config["worktree.teardown"]:
        return False
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = _environ(config, config.repo, worktree, bug, os.environ if environ is None else environ)
    command, seconds = config["worktree.teardown"], config["worktree.timeout"]
    chores.run("worktree.teardown", command, folder=config.repo, environ=given, log=log, seconds=seconds)
    return True


def python_of(worktree: Path, folder: str) -> Path | None:
    """Return the interpreter of the own virtual environment that a worktree, or the project's folder in it, has."""
    return next((path for path in own_interpreters(worktree, folder) if path.exists()), None)


def _made_ready(config: Config, record: Record, repository: Repository, place: Place, log: Path, number: int) -> bool:
    """Copy and set up, and return whether the worktree has a virtual environment of its own now."""
    if repository.resolve(f"refs/heads/{place.branch}") != place.base:
        record.entry("notice", text="The branch has commits of its own, so that its setup did not run: do it by hand.")
        return False
    if config["worktree.copy"]:
        record.entry("notice", text=_told(copying.copy_files(repository.root, place.path, config["worktree.copy"])))
    if config["worktree.setup"]:
        told = [0.0]

        def tick(seconds: float) -> None:
            if seconds - told[0] >= _TOLD_EVERY_SECONDS:
                told[0] = seconds
                record.update(activity=f"making the worktree ready, {seconds:.0f} s")

        record.update(activity="making the worktree ready")
        given = _environ(config, repository.root, place.path, label(number), os.environ)
        command, seconds = config["worktree.setup"], config["worktree.timeout"]
        chores.run("worktree.setup", command, folder=place.path, environ=given, log=log, seconds=seconds, tick=tick)
        printed = chores.tail(log)
        record.entry("notice", text=f"The worktree is ready: {command}\n{printed}".rstrip())
    _check_ignored(repository, place.path)
    return python_of(place.path, config.folder) is not None


def _told(copied: copying.Copied) -> str:
    shown = ", ".join(copied.files[:_SHOWN]) + (" …" if len(copied.files) > _SHOWN else "")
    told = f"Copied into the worktree: {len(copied.files)} files" + (f" ({shown})." if copied.files else ".")
    refused = [f"{name}: {why}" for name, why in copied.refused[: 2 * _SHOWN]]
    return "\n".join([told, *(f"Not copied: {each}." for each in refused)])


def _check_ignored(repository: Repository, worktree: Path) -> None:
    """Refuse what git would take for a part of the fix."""
    changed = repository.changed_in(worktree)
    if changed:
        names = ", ".join(changed[:_SHOWN]) + (" …" if len(changed) > _SHOWN else "")
        raise chores.ChoreFailed(
            f"Making the worktree ready changed files that git does not ignore ({names}): they would become part of the"
            " fix.",
            cure="Name them in .gitignore and commit that, or leave them as they are.",
        )


def _environ(config: Config, checkout: Path, worktree: Path, bug: str, environ: Mapping[str, str]) -> dict[str, str]:
    ours = {"WORKBENCH_CHECKOUT": str(checkout), "WORKBENCH_WORKTREE": str(worktree), "WORKBENCH_BUG": bug}
    path = {"PATH": environment.search_path(environ, checkout, config.folder)}
    return environment.for_chores(environ) | path | ours
