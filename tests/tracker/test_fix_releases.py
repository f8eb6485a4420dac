"""Which releases hold which fixes: answered from the repository, once, and only where it knows."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from capture.store.engine import writing
from capture.store.intake import Batch, take_in
from capture.store.releases import known
from capture.store.tables import Bug, table_of
from capture.testing import NOW, make_event
from workbench.tracker import fix_releases
from workbench.tracker.fix_releases import FixReleases

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    def run(*arguments: str) -> str:
        argv = ["git", "-C", str(tmp_path), *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    return run


@pytest.fixture
def commits(git: Git, tmp_path: Path) -> list[str]:
    """Three commits in a row; the second, which is the fix, is tagged v1.5."""
    git("init", "-q", "-b", "main")
    made = []
    for words in ("before", "fix", "after"):
        (tmp_path / f"{words}.py").write_text("")
        git("add", f"{words}.py")
        git("commit", "-q", "-m", words)
        made.append(git("rev-parse", "HEAD"))
    git("tag", "v1.5", made[1])
    return made


def see(engine: Engine, *names: str) -> None:
    events = [make_event(release=name) for name in names]
    take_in(engine, Batch(f"journal {names}", 0, 1, len(events), events), now=NOW)


def fix(engine: Engine, commit: str) -> None:
    with writing(engine).begin() as connection:
        connection.execute(table_of(Bug).update().values(fix_commit=commit))


def answers(engine: Engine, commit: str, *names: str) -> dict[str, bool]:
    with engine.connect() as connection:
        return {name: holds for (_commit, name), holds in known(connection, [commit], names).items()}


def test_commits_short_ids_and_versions_are_answered(any_engine: Engine, commits: list[str], tmp_path: Path) -> None:
    before, fixed, after = commits
    names = (before, after, fixed[:9], "1.5", "v1.5", "nightly", "-x", "main")
    see(any_engine, *names)
    fix(any_engine, fixed)
    assert FixReleases(any_engine, tmp_path).answer(now=NOW) == 5
    assert answers(any_engine, fixed, *names) == {
        before: False,
        after: True,
        fixed[:9]: True,
        "1.5": True,
        "v1.5": True,
    }


def test_each_is_answered_once_and_what_is_not_known_is_asked_again_later(
    engine: Engine, commits: list[str], tmp_path: Path, git: Git
) -> None:
    see(engine, "2.0")
    fix(engine, commits[1])
    asked = FixReleases(engine, tmp_path)
    assert asked.answer(now=NOW) == 0
    git("tag", "2.0")
    assert asked.answer(now=NOW + timedelta(minutes=1)) == 0
    assert asked.answer(now=NOW + timedelta(minutes=11)) == 1
    assert asked.answer(now=NOW + timedelta(minutes=30)) == 0


def test_a_fix_that_the_repository_has_not_is_not_answered(engine: Engine, commits: list[str], tmp_path: Path) -> None:
    see(engine, commits[0])
    fix(engine, "f" * 40)
    assert FixReleases(engine, tmp_path).answer(now=NOW) == 0


def test_without_a_repository_nothing_is_answered(engine: Engine, tmp_path: Path) -> None:
    see(engine, "one")
    fix(engine, "f" * 40)
    assert FixReleases(engine, tmp_path).answer(now=NOW) == 0


def test_it_looks_now_and_then(engine: Engine, commits: list[str], tmp_path: Path) -> None:
    asked = FixReleases(engine, tmp_path)
    assert asked.keep_up(now=NOW) == 0
    see(engine, commits[2])
    fix(engine, commits[1])
    assert asked.keep_up(now=NOW + timedelta(seconds=1)) == 0
    assert asked.keep_up(now=NOW + timedelta(seconds=31)) == 1


def test_many_questions_are_asked_a_few_at_a_time_and_those_of_the_signed_fix_first(
    engine: Engine, commits: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tuple(f"r{number}" for number in range(70))
    see(engine, *names)
    fix(engine, commits[1])
    take_in(engine, Batch("other", 0, 1, 1, [make_event(key="ffffffffffffffff", release="r1")]), now=NOW)
    with writing(engine).begin() as connection:
        table = table_of(Bug)
        connection.execute(table.update().where(table.c.number == 2).values(fix_commit=commits[2]))
    asked: list[str] = []
    monkeypatch.setattr(fix_releases, "_SECONDS", 0.0)
    monkeypatch.setattr(fix_releases, "_holds", lambda _repository, commit, _name: asked.append(commit) is None)
    reader = FixReleases(engine, tmp_path)
    assert reader.answer(now=NOW, commit=commits[1]) == 50
    assert set(asked) == {commits[1]}
    assert reader.answer(now=NOW) + reader.answer(now=NOW) == 90
