"""Begin a fix session. Until its runner runs, whatever fails leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.rows import BugPage, SessionRow
from workbench.config import Config
from workbench.errors import ConfigurationError, WorkbenchError
from workbench.fixing import briefing, costs, handed_on, preparing, queue
from workbench.fixing.claiming import check_free, claim, unclaim
from workbench.fixing.runners import runner
from workbench.fixing.standby import Standby
from workbench.fixing.steering import sweep
from workbench.git import Repository
from workbench.sessions import brief as briefs
from workbench.sessions import claude, environment, record, sandbox, scenario, worktrees
from workbench.sessions.folder import of_session
from workbench.sessions.options import permission_mode
from workbench.sessions.sandbox import NoSandbox

DEFAULT_REHEARSAL = "happy"


@dataclass(frozen=True)
class LaunchOptions:
    """What a person chooses for a session. None and "" stand for the settings; `rehearse` "" for the real model."""

    rehearse: str | None = None
    model: str = ""
    permission_mode: str = ""
    max_cost_usd: float | None = None
    max_turns: int | None = None
    max_minutes: int | None = None
    note: str = ""
    base: str | None = None
    test_first: bool = True  # in two phases: a failing test, and only then the fix
    unsandboxed: bool = False  # a person has agreed that the agent works without a sandbox, if there is none


def rehearsal_for(config: Config, asked: str | None = None) -> str | None:
    """Return the scenario that a new session is a rehearsal of, or None where the real model answers.

    `asked` is what a person wants for this session; None leaves it to the setting. Without a login the real model
    cannot answer.
    """
    wanted = config["agent.rehearse"] if asked is None else asked
    if wanted:
        return str(wanted)
    return None if claude.has_login(claude.find(config["agent.cli_path"])) else DEFAULT_REHEARSAL


def uncommitted_notice(config: Config) -> str | None:
    """Return a warning when the checkout holds changes that a session will not see, else None."""
    return _uncommitted_notice(config, Repository.open(config.repo))


def launch(
    config: Config,
    engine: Engine,
    number: int,
    *,
    by: str,
    options: LaunchOptions,
    now: datetime,
    standby: Standby | None = None,
) -> SessionRow:
    """Begin a fix session on a bug and return it; its runner goes on whatever becomes of us.

    The worktree starts from `options.base`, else from the release that the bug was last seen in where that is a
    commit of the repository, else from HEAD. Changes that are not committed are not in it, and a notice in the
    transcript says so. Without a login, the rehearsal model answers. A runner that stands by is taken if it suits.

    Raises `NotFound`, `Refused` (somebody is at work on it, or its state does not allow it), `ConfigurationError`
    or `OutsideError`. After an error there is no worktree, no branch and no row.
    """
    sweep(engine, now=now)
    page = queries.bug_page(engine, number, now=now)
    check_free(page)
    preparing.check(config)
    mode = permission_mode(options.permission_mode or config["agent.permission_mode"])
    program = claude.find(config["agent.cli_path"])
    wanted = rehearsal_for(config, options.rehearse)
    if wanted is None:
        costs.check_day(config, engine, now=now)
    no_sandbox = _check_sandbox(config, agreed=options.unsandboxed or wanted is not None)
    played = scenario.load(wanted) if wanted else None
    repository = Repository.open(config.repo)
    base = repository.resolve(options.base) if options.base else _default_base(repository, page)
    ready = standby if standby is not None and standby.suits(is_rehearsal=wanted is not None) else None
    session_id = ready.session_id if ready else str(uuid.uuid4())
    folder = of_session(config.state_dir, session_id)
    with _undone_on_error() as undo, ExitStack() as stack:
        undo.append(lambda: shutil.rmtree(folder, ignore_errors=True))
        # First, so that it imports what it needs while git lays the worktree out.
        begun = (
            ready.take(stack)
            if ready
            else stack.enter_context(runner(config, session_id, repo=repository.root, is_rehearsal=wanted is not None))
        )
        made = briefing.of_page(config, page, folder, options.note, test_first=options.test_first)
        briefing.write_event(made)
        place = worktrees.create(repository, config.state_dir, number, base=base, reason=reason(session_id))
        undo.append(lambda: worktrees.undo(repository, place))
        fix = FixSession(
            id=session_id,
            bug_id=0,
            activity="starting Claude Code",
            rehearsal=played.name if played else None,
            phase="test" if options.test_first else "fix",
            is_sandboxed=no_sandbox is None,
            model=options.model or config["agent.model"],
            launched_by=by,
            options={
                "program": str(program),
                "scenario": str(Path(wanted).resolve()) if wanted and wanted.endswith(".toml") else wanted,
                "max_cost_usd": _given(options.max_cost_usd, config["agent.max_cost_usd"]),
                "max_turns": _given(options.max_turns, config["agent.max_turns"]),
                "max_minutes": _given(options.max_minutes, config["agent.max_minutes"]),
                "model": options.model or config["agent.model"],
                "permission_mode": mode,
                "note": options.note,
                "homes": [str(home) for home in sandbox.homes_of(os.environ)],  # a rehearsal has another
                "brief": made.prompt,
                "prompt": made.prompt,
                "phase": "agent",
            },
            repository=str(repository.root),
            branch=place.branch,
            worktree=str(place.path),
            base_commit=base,
            host=socket.gethostname(),
            started_at=now,
        )
        told = (
            _uncommitted_notice(config, repository),
            _unsandboxed_notice(no_sandbox),
            _submodules(config, place.path),
        )
        notices = [text for text in told if text]
        with queue.places(config):
            with record.transaction(engine) as session:
                has_place = not queue.is_full(session, config)
                if not has_place:
                    fix.state, fix.activity = "queued", queue.WAITS
                    kept = handed_on.keep(os.environ, fix.id, rehearsal=fix.rehearsal is not None)
                    fix.options = {**fix.options, "environ": kept}
                claim(session, number, fix, begun.identity if has_place else None, by=by, now=now)
                for notice in notices:
                    session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": notice}))
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="prompt", body=prompted(made.prompt, by)))
            undo.append(lambda: unclaim(engine, fix.id, by=by, now=now))
            if has_place:
                begun.begin(engine, begun.first(engine, repository, fix))
    return queries.session(engine, session_id)


def _default_base(repository: Repository, page: BugPage) -> str:
    release = page.row.release
    return repository.resolve(release) if release and repository.exists(release) else repository.head()


def _uncommitted_notice(config: Config, repository: Repository) -> str | None:
    database = config.database_url.partition(":///")[2]
    ours = [config.bugs_directory, repository.root / ".capture", config.state_dir]
    ours += (
        [Path(f"{database}{end}") for end in ("", "-wal", "-shm")] if config.database_url.startswith("sqlite") else []
    )
    changed = worktrees.uncommitted(repository, tuple(ours))
    if not changed:
        return None
    some = ", ".join(briefs.visible(name, 200) for name in changed[:5]) + (" …" if len(changed) > 5 else "")
    return (
        f"The checkout has changes that are not committed ({some}). The session starts from a commit and does not see"
        " them. To fix the bug on top of them, commit them and launch again with that commit as the base."
    )


def _check_sandbox(config: Config, *, agreed: bool) -> NoSandbox | None:
    """Return why there is no sandbox, if there is none. Raises where nobody has agreed to work without one.

    A rehearsal needs no agreement: its model is a script on this machine.
    """
    trouble = sandbox.trouble({"PATH": environment.search_path(os.environ, config.repo, config.folder)})
    if trouble is not None and not agreed:
        raise ConfigurationError(
            f"The agent would work without a sandbox: {trouble.reason}.",
            cure=f"{trouble.cure}. Or agree to that for this session: --no-sandbox, or its tick in the form.",
        )
    return trouble


def _unsandboxed_notice(trouble: NoSandbox | None) -> str | None:
    if trouble is None:
        return None
    return (
        f"No sandbox: {trouble.reason}. What the agent does is judged by the guard alone, and the tests that it writes"
        " run with the rights of this user."
    )


def _submodules(config: Config, worktree: Path) -> str | None:
    """Return a warning where the base has submodules that nothing fills: git leaves them empty in a new worktree."""
    if config["worktree.setup"] or not (worktree / ".gitmodules").is_file():
        return None
    return (
        "This repository has submodules, and git leaves their folders empty in a new worktree. To have them filled, set"
        ' worktree.setup = "git submodule update --init" and launch again.'
    )


def prompted(text: str, by: str) -> dict[str, Any]:
    """Return what the transcript tells of a prompt."""
    return {"text": text, "by": by}


def reason(session_id: str) -> str:
    """Return why a session's worktree is locked."""
    return f"bug workbench, fix session {session_id}"


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


@contextmanager
def _undone_on_error() -> Iterator[list[Any]]:
    """Collect what takes back what was done so far, and do it in reverse when an error comes."""
    undo: list[Any] = []
    try:
        yield undo
    except BaseException:
        for step in reversed(undo):
            with suppress(WorkbenchError, OSError):  # the error that brought us here is the one to tell
                step()
        raise
