"""What the rehearsal model plays for the pet clinic really is a failing test and then its fix."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.demo.site import Site
from workbench.git import Repository
from workbench.sessions import scenario

SCRIPTS = scenario.load("happy").scripts


def filled(value: str, worktree: Path) -> str:
    return value.replace("${worktree}", str(worktree)).replace("${python}", sys.executable)


def perform(tool: scenario.Tool, worktree: Path) -> str | None:
    """Do what the tool of Claude Code would do, as strictly, and return what a command printed."""
    given = {name: filled(value, worktree) for name, value in tool.input.items()}
    if tool.name == "Bash":
        done = subprocess.run(shlex.split(given["command"]), cwd=worktree, capture_output=True, text=True)
        return done.stdout
    path = Path(given["file_path"])
    assert path.is_relative_to(worktree)
    if tool.name == "Read":
        assert path.is_file()
    elif tool.name == "Write":
        assert not path.exists()
        path.write_text(given["content"])
    else:
        assert tool.name == "Edit"
        text = path.read_text()
        assert text.count(given["old_string"]) == 1
        path.write_text(text.replace(given["old_string"], given["new_string"]))
    return None


def outputs(turn: tuple[scenario.Step, ...], worktree: Path) -> list[str]:
    printed = [perform(tool, worktree) for step in turn for tool in step.tools]
    return [text for text in printed if text is not None]


def fails_with(conditions: dict[str, Any], printed: str) -> bool:
    """Say whether a test failed with this exception, raised in this function."""
    kind, function = conditions["exception_type"], conditions["function"]
    return (
        re.search(rf"def {function}\(.*?^E +{kind}\b.*?\n\n\S+: {kind}$", printed, re.DOTALL | re.MULTILINE) is not None
    )


@pytest.mark.timeout(300)  # four runs of pytest
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.conditions["function"]))
def test_each_script_writes_a_test_that_fails_as_recorded_and_passes_on_its_fix(
    script: scenario.Script, site: Site
) -> None:
    first, second = script.turns

    red, green, suite = outputs(first, site.folder)

    assert fails_with(script.conditions, red), red
    assert "1 failed" in red
    assert "1 passed" in green
    assert "15 passed" in suite, suite
    assert not first[-1].tools

    (rejected,) = outputs(second, site.folder)

    assert re.search(r"^\d+ passed in", rejected, re.MULTILINE), rejected
    assert not second[-1].tools


def test_every_script_adds_tests_and_leaves_those_that_are_there(site: Site) -> None:
    head = Repository.open(site.folder)
    for script in SCRIPTS:
        written = [tool for turn in script.turns for step in turn for tool in step.tools if tool.name == "Write"]
        names = [filled(tool.input["file_path"], site.folder) for tool in written]
        assert len(names) == len(set(names)) == 2
        assert all(Path(name).parent == site.folder / "tests" and not Path(name).exists() for name in names)
    assert head.dirty_files() == []
