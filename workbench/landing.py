"""What becomes of a fix once a person has signed it off: a tag, and by configuration a merge or a pull request.

The decision stands whatever comes of this: each step says what it did or why it could not, and is put on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store import outbox
from capture.store.engine import writing
from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug
from workbench.bugs.rows import SignOffRow
from workbench.bugs.store import database_errors
from workbench.config import Config
from workbench.errors import ConfigurationError, WorkbenchError
from workbench.git import Repository
from workbench.signoff import Proposal
from workbench.tracker.fix_releases import FixReleases

THEN = ("leave", "merge", "pull_request")
TAG = ("signed", "always", "never")


@dataclass(frozen=True)
class Step:
    """One thing that was done with a fix. `cure` says what to do where it was not."""

    text: str
    is_done: bool = True
    cure: str = ""


def plan(config: Config) -> str:
    """Return in words what will become of a fix that is signed off now. Raises `ConfigurationError`."""
    then, _tag = _settings(config)
    branch = config["signoff.branch"]
    return {
        "leave": "the fix stays on its branch",
        "merge": f"the fix is merged into {branch}",
        "pull_request": f"the fix is pushed, and a pull request for {branch} is opened",
    }[then]


def land(config: Config, engine: Engine, proposal: Proposal, signed: SignOffRow, *, now: datetime) -> tuple[Step, ...]:
    """Do with a signed fix what the configuration says, and return what was done. Raises nothing of git's."""
    steps = tuple(_steps(config, engine, proposal, signed, now))
    said = [step.text for step in steps]
    if said:
        _put_on_record(engine, proposal.row.number, signed, said, now=now)
    return steps


def _steps(config: Config, engine: Engine, proposal: Proposal, signed: SignOffRow, now: datetime) -> Iterator[Step]:
    if proposal.session.not_a_bug:
        return
    try:
        then, tag = _settings(config)
        repository = Repository.open(Path(proposal.session.repository))
    except WorkbenchError as error:
        yield Step(f"nothing was done with the fix: {error}", is_done=False, cure=error.cure)
        return
    FixReleases(engine, repository.root).answer(now=now)
    message = _message(proposal, signed)
    if tag == "always" or (tag == "signed" and repository.signing_key()):
        name = f"workbench/{proposal.row.label}/{signed.commit[:10]}"
        yield _tried("tag", lambda: f"made the {repository.tag(name, signed.commit, message=message)}")
    branch = config["signoff.branch"]
    if then == "merge":
        yield _tried("merge", lambda: _merged(repository, signed.commit, branch, message))
    elif then == "pull_request":
        yield _tried("pull request", lambda: _pushed(config, engine, repository, proposal, signed, now))


def _tried(what: str, step: Callable[[], str]) -> Step:
    try:
        return Step(step())
    except WorkbenchError as error:
        return Step(f"no {what}: {error}", is_done=False, cure=error.cure)


def _settings(config: Config) -> tuple[str, str]:
    for key, choices in (("signoff.then", THEN), ("signoff.tag", TAG)):
        if config[key] not in choices:
            raise ConfigurationError(
                f"{key} = {config[key]!r} is not one of {', '.join(choices)}.", cure="Set it to one of them."
            )
    return config["signoff.then"], config["signoff.tag"]


def _message(proposal: Proposal, signed: SignOffRow) -> str:
    """Return what a tag or a merge says. The title is captured text, so it is left out: git messages are for ever."""
    verdict = proposal.evidence.verdict if proposal.evidence else "without evidence"
    return f"Fix {proposal.row.label}\n\nSigned off by {signed.by} ({verdict})."


def _merged(repository: Repository, commit: str, branch: str, message: str) -> str:
    merged = repository.merge(commit, branch, message=message)
    if merged.commit == merged.before:
        return f"{branch} holds the fix already"
    return f"merged into {branch} as {merged.commit[:10]}"


def _pushed(
    config: Config, engine: Engine, repository: Repository, proposal: Proposal, signed: SignOffRow, now: datetime
) -> str:
    name = config["github.repository"]
    remote = repository.remote_of(name)
    if not name or remote is None:
        raise ConfigurationError(
            "there is no repository on GitHub to open it in.",
            cure="Set github.repository, and add it as a remote of the checkout.",
        )
    repository.push(signed.commit, proposal.branch, remote)
    body = {
        "branch": proposal.branch,
        "base": config["signoff.branch"],
        "sign_off": signed.commit,
        "by": signed.by,
        "at": signed.at.isoformat(),
        "commit": signed.commit,
        "note": signed.note,
        "verdict": proposal.evidence.verdict if proposal.evidence else "without evidence",
        "reason": proposal.evidence.reason if proposal.evidence else "",
    }
    with database_errors(), Session(writing(engine)) as session:
        bug = session.exec(select(Bug).where(Bug.number == proposal.row.number)).one()
        assert bug.id is not None
        outbox.owe(session, "open_pull", bug.id, occasion=f"commit {signed.commit}", now=now, body=body)
        session.commit()
    return f"pushed {proposal.branch} to {remote}; its pull request follows"


def _put_on_record(engine: Engine, number: int, signed: SignOffRow, said: list[str], *, now: datetime) -> None:
    after: dict[str, Any] = {"commit": signed.commit, "steps": said}
    with database_errors(), Session(writing(engine)) as session:
        bug = session.exec(select(Bug).where(Bug.number == number)).one()
        session.add(
            ActRow(
                bug_id=bug.id,
                number=number,
                at=now,
                actor_kind="system",  # what a person decided is the sign-off; this is not undone with a key
                actor="sign-off",
                kind="land",
                after=after,
                reason=f"{label(number)}: {'; '.join(said)}",
            )
        )
        bug.changed_at = now
        session.commit()
