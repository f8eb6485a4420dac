"""What Claude Code need not ask at its start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.sessions.spared import without_npm


@pytest.fixture
def real_npm(tmp_path: Path) -> Path:
    folder = tmp_path / "real programs"
    folder.mkdir()
    (folder / "npm").write_text('#!/bin/sh\necho "real: $*"\n')
    (folder / "npm").chmod(0o755)
    return folder


def program(tmp_path: Path, start: bytes) -> Path:
    path = tmp_path / "claude"
    path.write_bytes(start)
    return path


def npm(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["npm", *words], env=environ, capture_output=True, text=True, check=False)


def test_the_question_is_answered_at_once_and_all_others_are_npms(tmp_path, real_npm):
    path = os.pathsep.join((str(real_npm), os.environ["PATH"]))
    environ = without_npm(program(tmp_path, b"\x7fELF..."), tmp_path / "spared", path)
    answer = npm(environ, "root", "-g")
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", "")
    assert npm(environ, "root", "-g", "--json").stdout == "real: root -g --json\n"
    assert npm(environ, "run", "two words").stdout == "real: run two words\n"


def test_where_there_is_no_npm_there_is_none(tmp_path):
    environ = without_npm(program(tmp_path, b"\x7fELF..."), tmp_path / "spared", "/nowhere")
    answer = subprocess.run(
        ["/bin/sh", tmp_path / "spared" / "npm", "ci"], env=environ, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (127, "npm: not found\n")


@pytest.mark.parametrize("start", [b"#!/usr/bin/env node\n", b"#!/bin/sh\n"])
def test_a_client_that_npm_installed_has_its_answer(tmp_path, start):
    assert without_npm(program(tmp_path, start), tmp_path / "spared", os.environ["PATH"]) == {}
    assert not (tmp_path / "spared").exists()


def test_a_folder_that_cannot_be_made_costs_only_the_time(tmp_path):
    (tmp_path / "spared").write_text("in the way")
    assert without_npm(program(tmp_path, b"\x7fELF"), tmp_path / "spared", "/bin") == {}


def test_a_folder_that_cannot_stand_in_a_path_is_in_none(tmp_path):
    """What comes after the colon would be taken from the worktree, and run outside of the sandbox."""
    claude = program(tmp_path, b"\x7fELF")
    assert without_npm(claude, tmp_path / "a:b" / "spared", "/bin") == {}
    assert without_npm(claude, Path("sessions/spared"), "/bin") == {}


def test_the_folder_of_another_session_in_the_path_is_passed_over(tmp_path, real_npm):
    claude = program(tmp_path, b"\x7fELF")
    path = os.pathsep.join((str(real_npm), os.environ["PATH"]))
    for session in ("one", "two"):
        path = without_npm(claude, tmp_path / session / "spared", path)["PATH"]
    answer = subprocess.run(["npm", "ci"], env={"PATH": path}, capture_output=True, text=True, timeout=10, check=False)
    assert answer.stdout == "real: ci\n"


def test_a_folder_with_marks_of_a_pattern_is_taken_by_its_letters(tmp_path, real_npm):
    odd = tmp_path / "g[ab]"
    real_npm.rename(odd)
    (tmp_path / "ga" / "npm").mkdir(parents=True)
    path = os.pathsep.join((str(tmp_path / "ga"), str(odd), os.environ["PATH"]))
    environ = without_npm(program(tmp_path, b"\x7fELF"), tmp_path / "spared", path)
    assert npm(environ, "ci").stdout == "real: ci\n"
