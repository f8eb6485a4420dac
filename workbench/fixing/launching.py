"""Begin a fix session, or take one up again. Until its runner runs, whatever fails leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.rows import BugPage, SessionRow
from workbench.config import Config
from workbench.errors import ConfigurationError, Refused, WorkbenchError
from workbench.fixing import costs, handed_on, preparing, queue
from workbench.fixing.claiming import check_free, claim, reclaim, unclaim
from workbench.fixing.order import Order
from workbench.fixing.steering import end_leftovers_of, sweep
from workbench.git import Repository
from workbench.sessions import brief as briefs
from workbench.sessions import claude, environment, record, sandbox, scenario, worktrees
from workbench.sessions.process import Detached
from workbench.sessions.sandbox import NoSandbox

DEFAULT_REHEARSAL = "happy"
LEAST_BUDGET_USD = 0.01


@dataclass(frozen=True)
class LaunchOptions:
    """What a person chooses for a session. None and "" stand for the settings; `rehearse` "" for the real model."""

    rehearse: str | None = None
    model: str = ""
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


def brief(config: Config, engine: Engine, number: int, *, now: datetime, note: str = "") -> briefs.Brief:
    """Return exactly what an agent would get for a bug. Only the folder of the session is still a placeholder."""
    page = queries.bug_page(engine, number, now=now)
    return _brief(config, page, config.state_dir / "sessions" / "SESSION" / "event.json", note)


def uncommitted_notice(config: Config) -> str | None:
    """Return a warning when the checkout holds changes that a session will not see, else None."""
    return _uncommitted_notice(config, Repository.open(config.repo))


def launch(
    config: Config, engine: Engine, number: int, *, by: str, options: LaunchOptions, now: datetime
) -> SessionRow:
    """Begin a fix session on a bug and return it; its runner goes on whatever becomes of us.

    The worktree starts from `options.base`, else from the release that the bug was last seen in where that is a
    commit of the repository, else from HEAD. Changes that are not committed are not in it, and a notice in the
    transcript says so. Without a login, the rehearsal model answers.

    Raises `NotFound`, `Refused` (somebody is at work on it, or its state does not allow it), `ConfigurationError`
    or `OutsideError`. After an error there is no worktree, no branch and no row.
    """
    sweep(engine, now=now)
    page = queries.bug_page(engine, number, now=now)
    check_free(page)
    preparing.check(config)
    program = claude.find(config["agent.cli_path"])
    wanted = rehearsal_for(config, options.rehearse)
    if wanted is None:
        costs.check_day(config, engine, now=now)
    no_sandbox = _check_sandbox(config, agreed=options.unsandboxed or wanted is not None)
    played = scenario.load(wanted) if wanted else None
    repository = Repository.open(config.repo)
    base = repository.resolve(options.base) if options.base else _default_base(repository, page)
    session_id = str(uuid.uuid4())
    folder = config.state_dir / "sessions" / session_id
    with _undone_on_error() as undo:
        made = _brief(config, page, folder / "event.json", options.note, test_first=options.test_first)
        folder.mkdir(parents=True, mode=0o700)
        undo.append(lambda: shutil.rmtree(folder))
        _write_private(made.event_file, made.event_json)
        place = worktrees.create(repository, config.state_dir, number, base=base, reason=_reason(session_id))
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
        notices = [text for text in (_uncommitted_notice(config, repository), _unsandboxed_notice(no_sandbox)) if text]
        with queue.places(config), runner_for(config, fix) as runner:
            with record.transaction(engine) as session:
                has_place = not queue.is_full(session, config)
                if not has_place:
                    fix.state, fix.activity = "queued", queue.WAITS
                    kept = handed_on.keep(os.environ, fix.id, rehearsal=fix.rehearsal is not None)
                    fix.options = {**fix.options, "environ": kept}
                claim(session, number, fix, runner.identity if has_place else None, by=by, now=now)
                for notice in notices:
                    session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": notice}))
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="prompt", body=_prompted(made.prompt, by)))
            undo.append(lambda: unclaim(engine, fix.id, by=by, now=now))
            if has_place:
                runner.begin(Order.of(config, engine).encode())
    return queries.session(engine, session_id)


def tend(config: Config, engine: Engine, *, now: datetime) -> list[str]:
    """Mark sessions whose runner is gone, begin those that wait for a place, and return the lost ones."""
    lost = sweep(engine, now=now)
    queue.advance(config, engine, _begin, now=now)
    return lost


def _begin(config: Config, engine: Engine, fix: FixSession, now: datetime) -> None:
    """Start the runner of a session that has waited for its place, in the environment that it was queued in."""
    given = handed_on.restore(fix.options.get("environ"), os.environ, fix.id)
    with runner_for(config, fix, given.environ) as runner:
        with record.transaction(engine) as session:
            reclaim(session, fix, fix.options, runner.identity, by=fix.launched_by, now=now)
            if given.other:
                told = f"Begun with another {', '.join(given.other)} than it was queued with."
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": told}))
        runner.begin(Order.of(config, engine).encode())


def resume(
    config: Config, engine: Engine, session_id: str, *, by: str, message: str | None = None, now: datetime
) -> SessionRow:
    """Take an ended session up again, in the same conversation and the same worktree.

    A worktree that was removed is made again from its branch and what was kept of its files. `message` is what the
    agent is told; on a session that had ended well it is a rejection.
    """
    sweep(engine, now=now)
    row = queries.session(engine, session_id)
    if row.is_attached:
        raise Refused(
            f"Session {row.id[:8]} was that of {row.launched_by}: there is no agent of ours to resume.",
            cure=f"Say it there, or begin a session of ours: workbench fix B-{row.bug:03d}",
        )
    if row.is_live:
        raise Refused(f"Session {row.id[:8]} is at work.", cure="Send it a message, or interrupt it first.")
    if row.host != socket.gethostname():
        raise Refused(f"Session {row.id[:8]} ran on {row.host}, and its worktree is there.", cure="Resume it there.")
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, row.id)
    options = fix.options
    left = options["max_cost_usd"] - fix.cost_usd if options.get("max_cost_usd") is not None else None
    if left is not None and left < LEAST_BUDGET_USD:
        raise Refused(
            f"Session {row.id[:8]} has cost ${fix.cost_usd:.2f} and its cap is ${options['max_cost_usd']:.2f}.",
            cure="Launch a new session with a higher cap.",
        )
    if fix.rehearsal is None:
        costs.check_day(config, engine, now=now)
    repository = Repository.open(Path(fix.repository))
    check_free(queries.bug_page(engine, row.bug, now=now))
    end_leftovers_of(fix)
    place = worktrees.Place(Path(fix.worktree), fix.branch, fix.base_commit)
    kept = _kept(repository, fix)
    # A setup comes first: it is not to run what an agent has written.
    later = preparing.is_wanted(config)
    made_again = worktrees.ensure(repository, place, kept=None if later else kept, reason=_reason(fix.id))
    _ensure_event_file(config, engine, row, now=now)
    prompt = _resume_prompt(fix, message)
    changed = options | {"prompt": prompt, "phase": options.get("phase", "agent") if message is None else "agent"}
    changed |= {"prepared": False, "kept": kept if later else ""} if made_again else {}
    with runner_for(config, fix) as runner:
        with record.transaction(engine) as session:
            reclaim(session, fix, changed, runner.identity, by=by, now=now)
            if made_again:
                notice = "The worktree was gone and has been made again from what was kept of it."
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": notice}))
            if changed["phase"] == "agent":
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="prompt", body=_prompted(prompt, by)))
        try:
            runner.begin(Order.of(config, engine).encode())
        except WorkbenchError:
            with record.transaction(engine) as session:
                record.end(session, fix.id, "interrupted", "its runner could not begin", to=None, reason="", now=now)
            raise
    return queries.session(engine, fix.id)


def _brief(config: Config, page: BugPage, event_file: Path, note: str, *, test_first: bool = True) -> briefs.Brief:
    tests = environment.test_command(config["tests.command"], os.environ, config.repo)
    return briefs.compose(
        page.row.number,
        page.event,
        title=page.row.title,
        tests=tests,
        event_file=event_file,
        folder=environment.tests_folder(config["tests.command"], config.repo),
        note=note,
        test_first=test_first,
    )


def _default_base(repository: Repository, page: BugPage) -> str:
    release = page.row.release
    return repository.resolve(release) if release and repository.exists(release) else repository.head()


def runner_for(config: Config, fix: FixSession, environ: Mapping[str, str] | None = None) -> Detached:
    """Start the runner of a session, which waits for its order. Raises `OutsideError`."""
    folder = config.state_dir / "sessions" / fix.id
    home = folder / "home" if fix.rehearsal else None
    if home is not None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = os.environ if environ is None else environ
    environ = environment.for_runner(given, repo=Path(fix.repository), rehearsal_home=home)
    argv = [sys.executable, "-P", "-m", "workbench.fixing", fix.id]
    return Detached(argv, environ=environ, log=folder / "runner.log")


def _ensure_event_file(config: Config, engine: Engine, row: SessionRow, *, now: datetime) -> None:
    path = config.state_dir / "sessions" / row.id / "event.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(path, _brief(config, queries.bug_page(engine, row.bug, now=now), path, "").event_json)


def _resume_prompt(fix: FixSession, message: str | None) -> str:
    said = briefs.visible(message) if message and message.strip() else ""
    if not fix.options.get("conversation"):
        return str(fix.options["brief"]) + (f"\n\n{said}" if said else "")  # it never heard the brief
    if said:
        return briefs.rejection(said) if fix.state == "done" else said
    return briefs.CONTINUE


def _kept(repository: Repository, fix: FixSession) -> str:
    """Return the ref of what was last kept of a session's files."""
    work = f"refs/workbench/{fix.id}/work"
    return work if repository.exists(work) else fix.result_commit or work


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
    trouble = sandbox.trouble({"PATH": environment.search_path(os.environ, config.repo)})
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


def _prompted(text: str, by: str) -> dict[str, Any]:
    return {"text": text, "by": by}


def _reason(session_id: str) -> str:
    return f"bug workbench, fix session {session_id}"


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)


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
