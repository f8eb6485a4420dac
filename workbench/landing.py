"""What becomes of a fix once a person has signed it off: a tag, and by configuration a merge or a pull request.

The decision stands whatever comes of this: each step says what it did or why it could not, and is put on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import outbox
from capture.store.engine import writing
from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug, FixSession
from workbench.bugs.rows import SignOffRow
from workbench.bugs.store import database_errors
from workbench.config import Config
from workbench.errors import ConfigurationError, Refused, WorkbenchError
from workbench.git import Merged, Repository
from workbench.signoff import Proposal
from workbench.tracker.fix_releases import FixReleases

THEN = ("leave", "merge", "pull_request")
TAG = ("signed", "always", "never")


@dataclass(frozen=True)
class Step:
    """One thing that was done with a fix. `cure` says what to do where it was not.

    `made` is what it made in the repository, as plain data: enough to take that back.
    """

    text: str
    is_done: bool = True
    cure: str = ""
    made: Mapping[str, str] = field(default_factory=dict)


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
    if steps:
        after = {"commit": signed.commit, "made": [dict(step.made) for step in steps if step.made]}
        _put_on_record(engine, proposal.row.number, "land", after, steps, now=now)
    return steps


@dataclass(frozen=True)
class Leftover:
    """The worktree of a fix that was decided on. `lost` is what would go with it and is not in the fix."""

    path: Path
    lost: tuple[str, ...]


def leftover(proposal: Proposal) -> Leftover | None:
    """Return the worktree that a fix was made in, where it is still there. Raises nothing of git's."""
    path = Path(proposal.session.worktree)
    if proposal.session.is_attached or not path.is_dir():
        return None
    try:
        repository = Repository.open(Path(proposal.session.repository))
        return Leftover(path, tuple(repository.lost_besides(path, proposal.commit)))
    except (WorkbenchError, OSError):
        return None  # moved, or no worktree of this repository: nothing of ours to offer


def remove(proposal: Proposal, agreed: Leftover) -> str:
    """Remove the worktree of a fix, as a person has agreed to it, and return what was done in words.

    Raises `Refused` where more would be lost by now than the person was shown.
    """
    now = leftover(proposal)
    if now is None or set(now.lost) - set(agreed.lost):
        raise Refused("The worktree has changed since you looked.", cure="Look again, then decide.")
    Repository.open(Path(proposal.session.repository)).remove_worktree(agreed.path, discard=True)
    return f"Removed the worktree {agreed.path}. The fix stays: {proposal.commit[:12]}."


def take_back(engine: Engine, number: int, commit: str, *, now: datetime) -> tuple[Step, ...]:
    """Take back what was made of a fix whose sign-off was undone, where nobody has it or has built upon it.

    Returns what was taken back and what was not, and puts both on record. A pushed branch, a pull request, and a merge
    or a tag that a remote has stay. Raises nothing of git's.
    """
    with database_errors(), Session(engine) as session:
        landed = select(ActRow).where(ActRow.number == number, ActRow.kind == "land").order_by(col(ActRow.id).desc())
        act = next((row for row in session.exec(landed) if row.after.get("commit") == commit), None)
        fix = select(FixSession).join(Bug).where(Bug.number == number, FixSession.result_commit == commit)
        root = next((row.repository for row in session.exec(fix)), None)
    if act is None or root is None:
        return ()
    steps = tuple(_taken_back(Path(root), made) for made in reversed(act.after.get("made", ())))
    if steps:
        _put_on_record(engine, number, "take back", {"commit": commit}, steps, now=now)
    return steps


def _taken_back(root: Path, made: Mapping[str, str]) -> Step:
    kind = made["kind"]
    what = {"merge": f"the merge into {made.get('branch')}", "tag": f"the tag {made.get('name')}"}.get(kind, kind)
    if kind == "push":
        return Step(
            f"what was pushed stays: {made['branch']} on {made['remote']}, and its pull request",
            is_done=False,
            cure="Close the pull request on GitHub.",
        )
    try:
        repository = Repository.open(root)
        if kind == "merge":
            repository.unmerge(Merged(made["branch"], made["commit"], made["before"]))
        else:
            repository.untag(made["name"], made["object"])
    except WorkbenchError as error:
        return Step(f"not taken back: {what}. {error}", is_done=False, cure=error.cure)
    return Step(f"taken back: {what}")


def _steps(config: Config, engine: Engine, proposal: Proposal, signed: SignOffRow, now: datetime) -> Iterator[Step]:
    if proposal.session.not_a_bug:
        return
    try:
        then, tag = _settings(config)
        repository = Repository.open(Path(proposal.session.repository))
    except WorkbenchError as error:
        yield Step(f"nothing was done with the fix: {error}", is_done=False, cure=error.cure)
        return
    FixReleases(engine, repository.root).answer(now=now, commit=signed.commit)
    try:
        # Until now the branch stood on its base: the result was kept beside it, as the agent left it.
        repository.advance(proposal.branch, signed.commit)
    except WorkbenchError as error:
        yield Step(f"{proposal.branch} was not taken to the fix: {error}", is_done=False, cure=error.cure)
    message = _message(proposal, signed)
    if tag == "always" or (tag == "signed" and repository.signing_key()):
        name = f"workbench/{proposal.row.label}/{signed.commit[:10]}"
        yield _tried("tag", lambda: _tagged(repository, name, signed.commit, message))
    branch = config["signoff.branch"]
    if then == "merge":
        yield _tried("merge", lambda: _merged(repository, signed.commit, branch, message))
    elif then == "pull_request":
        yield _tried("pull request", lambda: _pushed(config, engine, repository, proposal, signed, now))


def _tried(what: str, step: Callable[[], Step]) -> Step:
    try:
        return step()
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


def _tagged(repository: Repository, name: str, commit: str, message: str) -> Step:
    was_there = repository.tag_object(name)
    text = f"made the {repository.tag(name, commit, message=message)}"
    made = {} if was_there else {"kind": "tag", "name": name, "object": repository.tag_object(name)}
    return Step(text, made=made)


def _merged(repository: Repository, commit: str, branch: str, message: str) -> Step:
    merged = repository.merge(commit, branch, message=message)
    if merged.commit == merged.before:
        return Step(f"{branch} holds the fix already")
    made = {"kind": "merge", "branch": branch, "commit": merged.commit, "before": merged.before}
    return Step(f"merged into {branch} as {merged.commit[:10]}", made=made)


def _pushed(
    config: Config, engine: Engine, repository: Repository, proposal: Proposal, signed: SignOffRow, now: datetime
) -> Step:
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
        "by": signed.who,
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
    made = {"kind": "push", "branch": proposal.branch, "remote": remote}
    return Step(f"pushed {proposal.branch} to {remote}; its pull request follows", made=made)


def _put_on_record(
    engine: Engine, number: int, kind: str, after: dict[str, Any], steps: Sequence[Step], *, now: datetime
) -> None:
    said = [step.text for step in steps]
    with database_errors(), Session(writing(engine)) as session:
        bug = session.exec(select(Bug).where(Bug.number == number)).one()
        session.add(
            ActRow(
                bug_id=bug.id,
                number=number,
                at=now,
                actor_kind="system",  # what a person decided is the sign-off; this is not undone with a key
                actor="sign-off",
                kind=kind,
                after=after | {"steps": said},
                reason=f"{label(number)}: {'; '.join(said)}",
            )
        )
        bug.changed_at = now
        session.commit()
