"""How a repository's tests are found where nobody has said how they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.suite import TestCommand, is_understood
from workbench.suite_found import Found, found, found_in

TAGGIT = """
[tox]
envlist = py{310,311}-dj52
[testenv]
deps =
    Django
setenv =
    PYTHONWARNINGS=all
    DJANGO_SETTINGS_MODULE = tests.settings
commands =
    python --version
    coverage run -m django test {posargs}
    coverage report
[testenv:lint]
commands = ruff check
"""
SOLO = "[testenv]\ncommands =\n    {envpython} {toxinidir}/manage.py test solo --settings=solo.tests.settings\n"
HISTORY = "[testenv]\ncommands =\n    sqlite3: coverage run -a runtests.py {posargs:{env:A:}}\n    pg: runtests.py -p\n"


@pytest.mark.parametrize(
    ("files", "command", "where"),
    [
        ({}, "python -m pytest", ""),
        ({"setup.cfg": "[flake8]\n"}, "python -m pytest", ""),
        ({"tests/conftest.py": "", "runtests.py": ""}, "python -m pytest", "tests/conftest.py"),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "manage.py": ""}, "python -m pytest", "pyproject.toml"),
        (
            {"tox.ini": TAGGIT, "manage.py": ""},
            "DJANGO_SETTINGS_MODULE=tests.settings coverage run -m django test",
            "tox.ini",
        ),
        ({"tox.ini": SOLO}, "python manage.py test solo --settings=solo.tests.settings", "tox.ini"),
        ({"tox.ini": HISTORY, "runtests.py": ""}, "coverage run -a runtests.py", "tox.ini"),
        ({"tox.ini": "[testenv\n", "tests/runtests.py": ""}, "python tests/runtests.py", "tests/runtests.py"),
        ({"tox.ini": "[testenv]\ncommands = ./run.sh test\n", "manage.py": ""}, "python manage.py test", "manage.py"),
        ({"site/manage.py": "", "docs/a.md": ""}, "cd site && python manage.py test", "site/manage.py"),
        ({"a b; rm/manage.py": ""}, "python -m pytest", ""),
        ({"test_settings.py": ""}, "python -m django test --settings=test_settings", "test_settings.py"),
    ],
)
def test_the_command_is_what_the_files_of_a_repository_say(
    tmp_path: Path, files: dict[str, str], command: str, where: str
) -> None:
    assert found(files, files.__getitem__, is_understood) == Found(command, where)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert found_in(tmp_path, is_understood) == Found(command, where)
    assert TestCommand.parse("", tmp_path) == TestCommand.parse(command, tmp_path)


def test_evidence_takes_the_command_from_the_base_and_says_so(plain: Any) -> None:
    """Not from the result, where an agent may have written it."""
    files = {"pyproject.toml": None, "tests/conftest.py": None, "runtests.py": "print('fine')\n"}
    told: list[str] = []
    report = plain.prove(files, command="", progress=told.append, fault=None, timeout=0)
    assert report.verdict == "not run"
    assert report.runs[0].command[1:3] == ("-m", "pytest")
    assert "tests.command is not set, and `python -m pytest` was taken from tests/conftest.py" in report.reason
