"""The demo's site: made in full or not at all, found again, and never in anybody's way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.bugs.store import open_store
from workbench.config import Config
from workbench.demo import site as demo_site
from workbench.demo.site import Site, base_commit, folder_of, in_use, manage, prepare
from workbench.errors import ConfigurationError, OutsideError, Refused
from workbench.git import Repository

UserConfig = Callable[..., Config]


def test_it_is_a_clean_repository_with_one_commit(made_site: Site) -> None:
    repository = Repository.open(made_site.folder)

    assert repository.dirty_files() == []
    assert repository.head() == base_commit(made_site.folder)
    assert b"capture.middleware.CaptureMiddleware" in repository.read("HEAD", "clinic/settings.py")
    assert b"workbench.db*" in repository.read("HEAD", ".gitignore")


def test_somebody_can_sign_off_in_it_where_git_knows_nobody(made_site: Site, clean_environment: Path) -> None:
    assert made_site.folder != clean_environment
    assert "@localhost" in (made_site.folder / ".git" / "config").read_text()


def test_it_has_a_store_of_its_own_that_is_ready(made_site: Site) -> None:
    assert made_site.config.database_url == f"sqlite:///{made_site.folder}/workbench.db"
    open_store(made_site.config).dispose()


def test_its_own_tests_pass(made_site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=made_site.folder,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert Repository.open(made_site.folder).dirty_files() == []


def test_its_configuration_passes_every_check(made_site: Site) -> None:
    assert "no issues" in manage(made_site.folder, "check")


def test_it_is_found_again(site: Site, user_config: UserConfig) -> None:
    (site.folder / "mine.txt").write_text("mine")

    again = prepare(user_config())

    assert again.resumed
    assert (site.folder / "mine.txt").read_text() == "mine"


def test_it_takes_the_users_agent_along_but_neither_project_nor_issues(site: Site, user_config: UserConfig) -> None:
    users = user_config(
        WORKBENCH_AGENT_MODEL="opus",
        WORKBENCH_AGENT_MAX_COST_USD="1.5",
        WORKBENCH_GITHUB_BASE_URL="http://127.0.0.1:1/api/v3",
        WORKBENCH_GITHUB_REPOSITORY="acme/production",
        WORKBENCH_DATABASE_URL="postgresql://db.example/production",
    )

    demo = prepare(users).config

    assert (demo["agent.model"], demo["agent.max_cost_usd"]) == ("opus", 1.5)
    assert demo["github.base_url"] == "http://127.0.0.1:1/api/v3"
    assert demo["github.repository"] == ""
    assert demo.database_url.startswith(f"sqlite:///{site.folder}")
    assert demo["tests.command"] == "python -m pytest"


def test_issues_go_where_the_run_says(site: Site, user_config: UserConfig) -> None:
    assert prepare(user_config(), github="acme/clinic").config["github.repository"] == "acme/clinic"


def test_a_folder_that_the_demo_did_not_make_is_left_alone(user_config: UserConfig) -> None:
    folder = folder_of(user_config())
    folder.mkdir(parents=True)
    (folder / "diary.txt").write_text("dear diary")

    with pytest.raises(Refused, match="did not make it") as raised:
        prepare(user_config())

    assert "WORKBENCH_STATE_DIR" in raised.value.cure
    assert [path.name for path in folder.iterdir()] == ["diary.txt"]


def test_nothing_is_left_of_a_site_that_could_not_be_made(
    user_config: UserConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "template"
    broken.mkdir()
    (broken / "dot-gitignore").write_text("")
    (broken / "manage.py").write_text("raise SystemExit('no database today')")
    monkeypatch.setattr(demo_site, "TEMPLATE", broken)

    with pytest.raises(OutsideError, match="no database today"):
        prepare(user_config())

    assert list(folder_of(user_config()).parent.iterdir()) == []


def test_of_two_runs_that_make_it_at_once_the_later_uses_what_the_earlier_made(
    site: Site, user_config: UserConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists
    answers = iter([False])
    monkeypatch.setattr(
        Path, "exists", lambda path: next(answers, exists(path)) if path == site.folder else exists(path)
    )
    head = Repository.open(site.folder).head()

    assert prepare(user_config()).resumed
    assert Repository.open(site.folder).head() == head
    assert [path.name for path in site.folder.parent.iterdir()] == ["clinic"]


def test_a_place_that_cannot_be_taken_is_told(user_config: UserConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "clinic":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(demo_site, "manage", lambda *_: "")
    monkeypatch.setattr(Path, "rename", refuse)

    with pytest.raises(ConfigurationError, match=r"cannot be made in .*: Permission denied"):
        prepare(user_config())

    assert list(folder_of(user_config()).parent.iterdir()) == []


def test_missing_packages_are_named(user_config: UserConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_site, "find_spec", lambda name: None if name == "gunicorn" else object())

    with pytest.raises(ConfigurationError, match=r"not installed: gunicorn\.") as raised:
        prepare(user_config())

    assert "bug-workbench[demo]" in raised.value.cure


def test_it_may_be_used_by_many_but_taken_away_by_one(site: Site) -> None:
    once, again, alone = in_use(site.folder), in_use(site.folder), in_use(site.folder, alone=True)
    with once, again, pytest.raises(Refused, match="Another run"), alone:
        pytest.fail("taken away while in use")
    with in_use(site.folder, alone=True):
        pass


def test_no_secret_of_the_user_reaches_the_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    script = "import os; print('GITHUB_TOKEN' in os.environ)"

    assert manage(site.folder, "shell", "-v0", "-c", script).strip() == "False"
