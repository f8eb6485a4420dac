"""How the agent of a session is started, from the session's row: by its runner, or with its order already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.contained import RUNNER_MARK
from workbench.fixing import offering, preparing
from workbench.sessions import environment, sandbox
from workbench.sessions.brief import RULES
from workbench.sessions.folder import of_session
from workbench.sessions.options import AgentOptions
from workbench.sessions.order import First
from workbench.sessions.process import Identity, marked
from workbench.sessions.spared import SPARED, without_npm

if TYPE_CHECKING:
    from capture.store.tables import FixSession
    from workbench.config import Config
    from workbench.git import Repository


def first(
    config: Config,
    repository: Repository,
    fix: FixSession,
    runner: Identity,
    *,
    environ: Mapping[str, str],
    database_url: str,
) -> First | None:
    """Return the agent that a new session's runner starts at once, or None where something has to be made ready before.

    `environ` is the runner's.
    """
    if preparing.is_wanted(config) or offering.is_wanted(config, fix) or fix.options.get("conversation"):
        return None
    tests = environment.test_command(config["tests.command"], environ, config.repo)
    agent = compose(config, repository, fix, tests, runner=runner, database_url=database_url, onto=environ)
    return First(agent, fix.options["prompt"], fix.options["scenario"] or "", interpreter(tests))


def compose(
    config: Config,
    repository: Repository,
    fix: FixSession,
    tests: Sequence[str],
    *,
    database_url: str,
    onto: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
    runner: Identity | None = None,
) -> AgentOptions:
    """Return how the agent of a session is started; None stands for the runner that we are.

    `environ` is what is added to the runner's environment, which is `onto`.
    """
    options, program = fix.options, Path(fix.options["program"])
    added = dict(environ or {})
    if fix.is_sandboxed:
        spared = of_session(config.state_dir, fix.id) / SPARED
        added |= without_npm(program, spared, {**onto, **added}.get("PATH", os.defpath))
    cap = options.get("max_cost_usd")
    return AgentOptions(
        program=program,
        worktree=Path(fix.worktree),
        session_id=fix.id,
        rules=RULES,
        resume=bool(options.get("conversation")),
        model=options.get("model", ""),
        permission_mode=options.get("permission_mode", "default"),
        max_turns=options.get("max_turns"),
        max_cost_usd=cap - fix.cost_usd if cap is not None else None,
        environ=added | marked(RUNNER_MARK, runner),
        own_settings=fix.rehearsal is None,
        box=_box(config, repository, fix, tests, database_url) if fix.is_sandboxed else None,
    )


def interpreter(tests: Sequence[str]) -> str:
    """Return the program of the command that runs the tests; variables may stand in front of it."""
    return next(word for word in tests if not environment.ASSIGNMENT.match(word))


def own_tests(tests: Sequence[str]) -> str:
    """Return what an agent is told whose worktree has an environment of its own."""
    return f"This worktree has an environment of its own: run the tests with {environment.spelled(tests)}"


def _box(
    config: Config, repository: Repository, fix: FixSession, tests: Sequence[str], database_url: str
) -> sandbox.Box:
    folder = of_session(config.state_dir, fix.id)
    return sandbox.box(
        Path(fix.worktree),
        event_file=folder / "event.json",
        given=[folder / offering.FILE],
        homes=[Path(home) for home in fix.options["homes"]],
        checkout=repository.root,
        git_dir=repository.common_dir,
        state_dir=config.state_dir,
        database_url=database_url,
        tests=tests,
    )
