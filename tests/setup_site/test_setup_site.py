"""`workbench init` on a repository: what is found, what is planned, what is written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench import setup_site
from workbench.config import Config
from workbench.errors import ConfigurationError, Refused
from workbench.git import Repository

Configured = Callable[[Path], Config]
Startproject = Callable[..., Path]


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check`, as a user would."""
    return subprocess.run([sys.executable, "manage.py", "check"], cwd=folder, capture_output=True, text=True)


def test_a_fresh_project_is_set_up_and_passes_its_checks(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()

    written = setup_site.apply(setup_site.plan(configured(repo)))

    assert [path.relative_to(repo).as_posix() for path in written] == [
        "shop/settings.py",
        "pyproject.toml",
        ".gitignore",
    ]
    result = check(repo)
    assert result.returncode == 0, result.stderr
    assert configured(repo)["tests.command"] == "python manage.py test"
    assert setup_site.plan(configured(repo)).edits == ()


def test_a_plan_says_what_it_found_and_shows_every_line_it_would_write(
    startproject: Startproject, configured: Configured
) -> None:
    repo = startproject()
    Repository.open(repo).configure("remote.upstream.url", "https://example.com/else/where.git")
    Repository.open(repo).configure("remote.origin.url", "git@github.com:acme/pet-shop.git")
    before = (repo / "shop" / "settings.py").read_text()

    plan = setup_site.plan(configured(repo))

    assert plan.found == (
        "Django project   shop",
        "Settings         shop/settings.py (shop.settings)",
        "GitHub           acme/pet-shop",
    )
    added = {line[1:] for line in plan.diff.splitlines() if line.startswith("+")}
    assert {
        "    'capture',",
        "    'capture.middleware.CaptureMiddleware',",
        "CAPTURE = {",
        "[tool.workbench]",
        'github.repository = "acme/pet-shop"',
        "workbench.db*",
    } <= added
    assert not [line for line in plan.diff.splitlines() if line.startswith("-") and line[1:4] not in ("-- ", "--/")]
    assert plan.by_hand == ()
    assert (repo / "shop" / "settings.py").read_text() == before


def test_an_existing_pyproject_keeps_all_that_is_in_it(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    ours = '[project]\nname = "shop"  # ours\n\n[tool.pytest.ini_options]\n'
    (repo / "pyproject.toml").write_text(ours)
    (repo / ".gitignore").write_text("*.pyc\n/.capture/")

    setup_site.apply(setup_site.plan(configured(repo)))

    text = (repo / "pyproject.toml").read_text()
    assert text == ours + '\n[tool.workbench]\ntests.command = "python -m pytest"\n'
    assert (repo / ".gitignore").read_text() == "*.pyc\n/.capture/\nworkbench.db*\n"


def test_where_nothing_is_ignored_what_python_compiles_is_from_now_on(
    startproject: Startproject, configured: Configured
) -> None:
    repo = startproject()

    setup_site.apply(setup_site.plan(configured(repo)))

    assert (repo / ".gitignore").read_text() == "workbench.db*\n.capture/\n__pycache__/\n"
    assert setup_site.plan(configured(repo)).edits == ()


@pytest.mark.parametrize("name", ["pytest.ini", "conftest.py", "setup.cfg"])
def test_a_project_that_uses_pytest_is_run_with_it(
    startproject: Startproject, configured: Configured, name: str
) -> None:
    repo = startproject()
    (repo / name).write_text("[tool:pytest]\n" if name == "setup.cfg" else "")

    assert "python -m pytest" in setup_site.plan(configured(repo)).diff


def test_a_project_below_the_repository_shares_one_database_with_the_terminal(
    startproject: Startproject, configured: Configured
) -> None:
    repo = startproject(inside="backend")

    setup_site.apply(setup_site.plan(configured(repo)))

    assert configured(repo).database_url == f"sqlite:///{repo}/backend/workbench.db"
    assert check(repo / "backend").returncode == 0


def test_settings_that_are_set_up_in_workbench_toml_are_left_there(
    startproject: Startproject, configured: Configured
) -> None:
    repo = startproject()
    (repo / "workbench.toml").write_text('tests.command = "make test"\n')

    assert "tool.workbench" not in setup_site.plan(configured(repo)).diff


def test_split_settings_are_edited_where_the_apps_are(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    package = repo / "shop" / "settings"
    package.mkdir()
    source = (repo / "shop" / "settings.py").read_text().replace("parent.parent", "parent.parent.parent")
    (repo / "shop" / "settings.py").unlink()
    (package / "base.py").write_text(source)
    (package / "__init__.py").write_text("from .base import *\n")

    plan = setup_site.plan(configured(repo))
    setup_site.apply(plan)

    assert plan.edits[0].path == package / "base.py"
    assert check(repo).returncode == 0


def test_settings_in_a_module_of_their_own_are_followed_too(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    (repo / "shop" / "base.py").write_text((repo / "shop" / "settings.py").read_text())
    (repo / "shop" / "settings.py").write_text("from shop.base import *\n")

    assert setup_site.plan(configured(repo)).edits[0].path == repo / "shop" / "base.py"


def test_what_is_too_clever_to_edit_is_told_and_left_alone(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    settings = repo / "shop" / "settings.py"
    settings.write_text("INSTALLED_APPS = BASE + EXTRA\nMIDDLEWARE = []\n")

    plan = setup_site.plan(configured(repo))

    assert plan.by_hand[0].startswith("shop/settings.py builds INSTALLED_APPS in more than one step")
    assert '  make "capture.middleware.CaptureMiddleware" the first entry of MIDDLEWARE' in plan.by_hand
    assert settings not in [edit.path for edit in plan.edits]


def test_settings_without_apps_are_told(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    (repo / "shop" / "settings.py").write_text("from elsewhere import *\n")

    assert "does not set INSTALLED_APPS itself" in setup_site.plan(configured(repo)).by_hand[0]


def test_files_that_cannot_be_extended_are_told(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    (repo / "pyproject.toml").write_text("tool = {}\n")
    (repo / ".gitignore").write_bytes(b"caf\xe9/\n")

    by_hand = setup_site.plan(configured(repo)).by_hand

    assert [line.partition(",")[0] for line in by_hand if not line.startswith(" ")] == [
        "pyproject.toml cannot be extended (Cannot declare ('tool'",
        ".gitignore is not UTF-8",
    ]


def test_a_folder_without_a_repository_is_told(tmp_path: Path, configured: Configured) -> None:
    with pytest.raises(ConfigurationError, match="not in a git repository"):
        setup_site.plan(configured(tmp_path))


def test_a_repository_without_django_is_told(tmp_path: Path, configured: Configured) -> None:
    Repository.create(tmp_path, message="Empty")

    with pytest.raises(ConfigurationError, match=r"no manage\.py"):
        setup_site.plan(configured(tmp_path))


def test_of_several_projects_one_has_to_be_named(startproject: Startproject, configured: Configured) -> None:
    startproject(inside="one")
    repo = startproject("bakery", inside="two")
    (repo / ".venv" / "x").mkdir(parents=True)
    (repo / "docs" / "deep" / "deeper").mkdir(parents=True)
    (repo / ".venv" / "x" / "manage.py").write_text("")

    with pytest.raises(ConfigurationError, match=r"one/manage\.py, two/manage\.py"):
        setup_site.plan(configured(repo))

    assert setup_site.plan(configured(repo), manage=Path("two/manage.py")).settings_module == "bakery.settings"


@pytest.mark.parametrize(
    ("manage", "why"),
    [
        ("def (:", "not Python that we can read"),
        ("main()\n", "does not name a settings module"),
        ("import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'gone.settings')\n", "has no file below"),
    ],
)
def test_a_manage_py_that_leads_nowhere_is_told(
    startproject: Startproject, configured: Configured, manage: str, why: str
) -> None:
    repo = startproject()
    (repo / "manage.py").write_text(manage)

    with pytest.raises(ConfigurationError, match=why):
        setup_site.plan(configured(repo))


def test_a_remote_that_is_not_github_is_no_tracker(startproject: Startproject, configured: Configured) -> None:
    repo = startproject()
    Repository.open(repo).configure("remote.origin.url", "https://git.example.com/acme/shop")

    assert setup_site.plan(configured(repo)).github == ""


def test_a_file_that_changed_since_it_was_shown_stops_everything(
    startproject: Startproject, configured: Configured
) -> None:
    repo = startproject()
    plan = setup_site.plan(configured(repo))
    (repo / ".gitignore").write_text("mine\n")

    with pytest.raises(Refused, match="has changed in the meantime"):
        setup_site.apply(plan)

    assert "capture" not in (repo / "shop" / "settings.py").read_text()
