"""The skill and its hook as a plugin's folder: all of it, once, and over nothing of somebody else."""

from __future__ import annotations

import json

import pytest

from workbench.errors import Exit
from workbench.skill import document, plugin, settings


def test_it_writes_the_plugin_once(workbench, repo):
    ran = workbench("skill", "plugin", "ours")
    assert ran.code == Exit.DONE
    assert "claude --plugin-dir ours" in ran.err
    assert json.loads((repo / "ours" / ".claude-plugin" / "plugin.json").read_text())["name"] == "bug-workbench"
    assert (repo / "ours" / "skills" / "bugs" / "SKILL.md").read_text() == document.text()
    hooks = json.loads((repo / "ours" / "hooks" / "hooks.json").read_text())
    assert hooks == {"hooks": {"SessionStart": [{"hooks": [settings.HANDLER]}]}}
    assert workbench("skill", "plugin", "ours").out == "Everything is there.\n"


def test_an_older_one_is_brought_up_to_date(workbench, repo):
    workbench("skill", "plugin", "ours")
    (repo / "ours" / "hooks" / "hooks.json").write_text("{}")
    assert workbench("skill", "plugin", "ours").out.startswith("wrote ")
    assert "session-start" in (repo / "ours" / "hooks" / "hooks.json").read_text()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "mine"),
        (plugin.MANIFEST, "{"),
        (plugin.MANIFEST, "[]"),
        (plugin.MANIFEST, '{"name": "another"}'),
        (plugin.SKILL, "# My own bugs\n"),
    ],
)
def test_what_is_not_ours_is_left_alone(workbench, repo, path, text):
    (repo / "theirs" / path).parent.mkdir(parents=True)
    (repo / "theirs" / path).write_text(text)
    if path == plugin.SKILL:
        (repo / "theirs" / ".claude-plugin").mkdir()
        (repo / "theirs" / plugin.MANIFEST).write_text('{"name": "bug-workbench"}')
    ran = workbench("skill", "plugin", "theirs")
    assert (ran.code, "Name" in ran.err) == (Exit.NO, True)
    assert (repo / "theirs" / path).read_text() == text
    assert not (repo / "theirs" / "hooks").exists()
