"""What has to agree before a version can be released."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

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
