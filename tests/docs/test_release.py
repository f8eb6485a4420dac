"""What has to agree before a version can be released."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from workbench.skill import plugin

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_changelog_begins_with_this_version_and_how_to_upgrade_to_it() -> None:
    _, section, *_ = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert section.startswith(f"{PROJECT['version']}\n\n### Upgrading\n\n")


def test_the_plugin_is_of_the_version_that_is_installed() -> None:
    manifest = json.loads(plugin.files()[plugin.MANIFEST])
    assert (manifest["name"], manifest["version"]) == (PROJECT["name"], version(PROJECT["name"]))


def test_every_extra_is_installed_by_itself_before_a_release() -> None:
    nox = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    extras = re.search(r"^EXTRAS = \{(.*?)^\}", nox, re.MULTILINE | re.DOTALL)
    assert extras is not None
    assert {*re.findall(r'^    "(\w*)":', extras[1], re.MULTILINE)} == {"", *PROJECT["optional-dependencies"]}


@pytest.mark.parametrize(("given", "flag"), [("", False), ("MISSING=skip", True)])
def test_a_python_that_is_missing_fails_the_matrix_unless_it_may_be_left_out(given: str, flag: bool) -> None:
    nox = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert "nox.options.error_on_missing_interpreters = True" in nox
    said = subprocess.run(
        ["make", "--dry-run", "matrix", *given.split()], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert ("--no-error-on-missing-interpreters" in said) is flag
