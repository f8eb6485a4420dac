"""`workbench init`: shows what it would write, and writes only on yes."""

from __future__ import annotations

import pytest

from workbench.errors import Exit

MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")\n'
SETTINGS = """\
INSTALLED_APPS = [
    "django.contrib.auth",
]
MIDDLEWARE = [
    "django.middleware.csrf.CsrfViewMiddleware",
]
"""


@pytest.fixture
def site(repo):
    (repo / "manage.py").write_text(MANAGE)
    (repo / "clinic").mkdir()
    (repo / "clinic" / "__init__.py").touch()
    (repo / "clinic" / "settings.py").write_text(SETTINGS)
    return repo


def test_it_shows_and_writes_on_yes(workbench, site):
    ran = workbench("init", typed="y\n")
    assert ran.code == Exit.DONE
    assert '+    "capture",' in ran.out
    assert "(y/N)" in ran.err
    assert "capture_test" in ran.err
    assert "capture.middleware.CaptureMiddleware" in (site / "clinic" / "settings.py").read_text()
    assert "[tool.workbench]" in (site / "pyproject.toml").read_text()
    assert "Everything is set up." in workbench("init").out


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "sure\n"])
def test_it_writes_nothing_on_anything_but_yes(workbench, site, answer):
    ran = workbench("init", typed=answer)
    assert ran.code == Exit.NO
    assert "Nothing was written" in ran.err
    assert (site / "clinic" / "settings.py").read_text() == SETTINGS
    assert not (site / "pyproject.toml").exists()


def test_without_a_terminal_it_shows_and_does_not_write(workbench, site):
    ran = workbench("init")
    assert ran.code == Exit.USAGE
    assert '+    "capture",' in ran.out
    assert "--yes" in ran.err
    assert (site / "clinic" / "settings.py").read_text() == SETTINGS


def test_with_yes_it_does_not_ask(workbench, site):
    ran = workbench("init", "--yes")
    assert ran.code == Exit.DONE
    assert "wrote" in ran.out
    assert (site / "pyproject.toml").exists()


def test_what_cannot_be_changed_safely_is_said(workbench, site):
    (site / "clinic" / "settings.py").write_text("INSTALLED_APPS = list(everything())\nMIDDLEWARE = []\n")
    assert "by hand" in workbench("init", "--yes").out
    again = workbench("init")
    assert again.code == Exit.DONE
    assert "Nothing to write." in again.out


def test_no_django_project_is_a_matter_of_configuration(workbench, repo):
    ran = workbench("init", "--yes")
    assert ran.code == Exit.CONFIGURATION
    assert "manage.py" in ran.err
