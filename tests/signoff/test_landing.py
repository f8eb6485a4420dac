"""What becomes of a fix that was signed off: as configured, on record, and never in the way of the decision."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.tables import ActRow, Bug, OutboxRow
from capture.testing import NOW
from workbench import config as configuration
from workbench import landing, signoff
from workbench.errors import ConfigurationError, Refused
from workbench.git import Repository
from workbench.landing import Step

LATER = NOW + timedelta(hours=1)
Land = Callable[..., tuple[Step, ...]]


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def land(engine: Engine, bug: Any, repository: tuple[Path, str, str]) -> Land:
    """Signs B-012 off and does with its fix what the settings say."""

    def land(**settings: str) -> tuple[Step, ...]:
        bug()
        environ = {f"WORKBENCH_{name.upper()}": value for name, value in settings.items()}
        config = configuration.load(environ=environ, start=repository[0])
        proposal = signoff.proposal(engine, 12)
        signed = signoff.verify(
            engine, 12, proposal.seen, by="Ada", note="", quiet=timedelta(hours=1), now=LATER, environ={}
        )
        return landing.land(config, engine, proposal, signed, now=LATER)

    return land


@pytest.fixture
def base_is_main(repository: tuple[Path, str, str]) -> Path:
    """The checkout with the base on main, where the fix is not yet."""
    root, base, result = repository
    git(root, "update-ref", "refs/heads/bugfix/B-012", result)
    git(root, "checkout", "-q", "-B", "main", base)
    return root


def rows(engine: Engine, model: type[Any]) -> list[Any]:
    with Session(engine) as session:
        return list(session.exec(select(model)))


def landed(engine: Engine) -> list[ActRow]:
    return [act for act in rows(engine, ActRow) if act.kind == "land"]


def test_a_fix_stays_on_its_branch_unless_something_else_is_said(
    land: Land, engine: Engine, base_is_main: Path
) -> None:
    before = git(base_is_main, "for-each-ref")
    assert land() == ()
    assert git(base_is_main, "for-each-ref") == before
    assert landed(engine) == []
    assert rows(engine, Bug)[0].quiet_until == LATER + timedelta(hours=1)


def test_a_fix_is_merged(land: Land, engine: Engine, base_is_main: Path, repository: Any) -> None:
    (step,) = land(signoff_then="merge")
    assert step.is_done
    assert step.text.startswith("merged into main as ")
    assert git(base_is_main, "rev-parse", "main^2") == repository[2]
    assert "Signed off by Ada (demonstrated)." in git(base_is_main, "log", "-1", "--format=%B", "main")
    (act,) = landed(engine)
    assert (act.after["commit"], act.after["steps"]) == (repository[2], [step.text])


def test_a_merge_that_conflicts_leaves_the_decision_as_it_is(land: Land, engine: Engine, base_is_main: Path) -> None:
    (base_is_main / "pricing.py").write_text("price = 9\n")
    git(base_is_main, "commit", "-qam", "another")
    (step,) = land(signoff_then="merge")
    assert not step.is_done
    assert step.text == "no merge: The fix conflicts with main."
    assert rows(engine, Bug)[0].state == "closed"


def test_a_branch_that_is_not_there_is_named(land: Land, base_is_main: Path) -> None:
    (step,) = land(signoff_then="merge", signoff_branch="release")
    assert "refs/heads/release" in step.text


def test_a_tag_is_made_where_it_is_asked_for(land: Land, base_is_main: Path, repository: Any) -> None:
    (step,) = land(signoff_tag="always")
    name = f"workbench/B-012/{repository[2][:10]}"
    assert step.text == f"made the tag {name}"
    assert git(base_is_main, "rev-parse", f"{name}^{{commit}}") == repository[2]


def test_a_signing_key_signs_a_tag(land: Land, base_is_main: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    git(base_is_main, "config", "gpg.format", "ssh")
    git(base_is_main, "config", "user.signingKey", str(tmp_path / "key"))
    (step,) = land()
    assert step.text.startswith("made the signed tag workbench/B-012/")


def test_a_pull_request_is_owed_once_the_fix_is_pushed(
    land: Land, engine: Engine, base_is_main: Path, tmp_path: Path, repository: Any
) -> None:
    remote = tmp_path / "octo" / "clinic.git"
    git(tmp_path, "init", "-q", "--bare", str(remote))
    git(base_is_main, "remote", "add", "upstream", str(remote))
    (step,) = land(signoff_then="pull_request", github_repository="octo/clinic")
    assert step.text == "pushed bugfix/B-012 to upstream; its pull request follows"
    assert git(remote, "rev-parse", "bugfix/B-012") == repository[2]
    (owed,) = [row for row in rows(engine, OutboxRow) if row.kind == "open_pull"]
    assert (owed.body["branch"], owed.body["base"], owed.body["verdict"]) == ("bugfix/B-012", "main", "demonstrated")


def test_a_push_that_is_refused_owes_no_pull_request(
    land: Land, engine: Engine, base_is_main: Path, tmp_path: Path
) -> None:
    git(base_is_main, "remote", "add", "origin", str(tmp_path / "nowhere"))
    (step,) = land(signoff_then="pull_request", github_repository="octo/clinic")
    assert not step.is_done
    assert step.text.startswith("no pull request: git push failed")
    assert not [row for row in rows(engine, OutboxRow) if row.kind == "open_pull"]


def test_without_a_repository_on_github_there_is_no_pull_request(land: Land, base_is_main: Path) -> None:
    (step,) = land(signoff_then="pull_request")
    assert "no repository on GitHub" in step.text
    assert "github.repository" in step.cure


def test_a_setting_that_means_nothing_is_named(land: Land, engine: Engine, base_is_main: Path) -> None:
    (step,) = land(signoff_then="deploy")
    assert not step.is_done
    assert "signoff.then = 'deploy'" in step.text
    assert rows(engine, Bug)[0].state == "closed"


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ("leave", "the fix stays on its branch"),
        ("merge", "the fix is merged into main"),
        ("pull_request", "the fix is pushed, and a pull request for main is opened"),
    ],
)
def test_what_will_happen_is_said_before(tmp_path: Path, then: str, words: str) -> None:
    config = configuration.load(environ={"WORKBENCH_SIGNOFF_THEN": then}, start=tmp_path)
    assert landing.plan(config) == words
    with pytest.raises(ConfigurationError):
        landing.plan(configuration.load(environ={"WORKBENCH_SIGNOFF_TAG": "maybe"}, start=tmp_path))


def test_the_branch_of_the_agent_stands_on_the_fix_once_it_is_signed(
    land: Land, engine: Engine, base_is_main: Path, tmp_path: Path, repository: Any
) -> None:
    """Until then the result is only kept beside it: the agent commits nothing."""
    _root, base, result = repository
    tree = tmp_path / "tree"
    git(base_is_main, "update-ref", "refs/heads/bugfix/B-012", base)
    git(base_is_main, "worktree", "add", "-q", str(tree), "bugfix/B-012")
    (tree / "pricing.py").write_text("price = 2\n")
    (tree / "scratch.txt").write_text("mine")
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "pricing.pyc").write_text("")
    assert land() == ()
    assert git(base_is_main, "rev-parse", "bugfix/B-012") == result
    assert git(tree, "status", "--porcelain").splitlines() == ["?? __pycache__/", "?? scratch.txt"]
    assert Repository.open(base_is_main).lost_besides(tree, result) == ["scratch.txt"]


@pytest.mark.parametrize("where", ["in the main checkout", "moved on", "gone"])
def test_a_branch_that_somebody_works_on_is_left_as_it_is(
    land: Land, engine: Engine, base_is_main: Path, repository: Any, where: str
) -> None:
    _root, base, _result = repository
    if where == "in the main checkout":
        git(base_is_main, "update-ref", "refs/heads/bugfix/B-012", base)
        git(base_is_main, "checkout", "-q", "bugfix/B-012")
    elif where == "moved on":
        other = git(base_is_main, "commit-tree", f"{base}^{{tree}}", "-p", base, "-m", "mine")
        git(base_is_main, "update-ref", "refs/heads/bugfix/B-012", other)
    else:
        git(base_is_main, "update-ref", "-d", "refs/heads/bugfix/B-012")
    before = git(base_is_main, "for-each-ref")
    assert land() == ()
    assert git(base_is_main, "for-each-ref") == before
    assert (base_is_main / "pricing.py").read_text() == "price = 1\n"


def test_a_worktree_that_changed_since_the_question_is_not_removed(
    engine: Engine, bug: Any, base_is_main: Path, tmp_path: Path
) -> None:
    bug()
    tree = tmp_path / "tree"
    git(base_is_main, "worktree", "add", "-q", str(tree), "bugfix/B-012")
    proposal = signoff.proposal(engine, 12)
    proposal = replace(proposal, session=replace(proposal.session, worktree=str(tree)))
    found = landing.leftover(proposal)
    assert found == landing.Leftover(tree, ())
    (tree / "scratch.txt").write_text("mine")
    with pytest.raises(Refused, match="has changed since"):
        landing.remove(proposal, found)
    assert (tree / "scratch.txt").is_file()
    assert "Removed the worktree" in landing.remove(proposal, landing.Leftover(tree, ("scratch.txt",)))
    assert landing.leftover(proposal) is None
    tree.mkdir()
    assert landing.leftover(proposal) is None  # a folder of that name that is no worktree
