"""`workbench skill`: shows what it would write, writes only on yes; and the hook, which never stops a session."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from capture.testing import make_event
from workbench.errors import Exit

HOOK = ("skill", "session-start")


def test_it_shows_and_writes_on_yes(workbench, repo):
    ran = workbench("skill", "install", typed="y\n")
    assert ran.code == Exit.DONE
    assert "+++ b/.claude/skills/bugs/SKILL.md" in ran.out
    assert "+++ b/.claude/settings.json" in ran.out
    assert "(y/N)" in ran.err
    assert "type /bugs" in ran.err
    assert (repo / ".claude" / "skills" / "bugs" / "SKILL.md").exists()
    assert "Everything is installed." in workbench("skill", "install").out

    ran = workbench("skill", "uninstall", "--yes")
    assert ran.code == Exit.DONE
    assert "removed" in ran.out
    assert not (repo / ".claude").exists()
    assert "Nothing of ours is there." in workbench("skill", "uninstall").out


def test_it_writes_nothing_on_no(workbench, repo):
    ran = workbench("skill", "install", typed="n\n")
    assert ran.code == Exit.NO
    assert "Nothing was changed" in ran.err
    assert not (repo / ".claude").exists()


def test_without_a_terminal_it_shows_and_does_not_write(workbench, repo):
    ran = workbench("skill", "install")
    assert ran.code == Exit.USAGE
    assert "+name: bugs" in ran.out
    assert "--yes" in ran.err
    assert not (repo / ".claude").exists()


def test_for_the_user_it_writes_to_the_home(workbench, repo, clean_environment, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    ran = workbench("skill", "install", "--user", "--yes")
    assert ran.code == Exit.DONE
    assert "not on the PATH" in ran.err
    assert (clean_environment / ".claude" / "settings.json").exists()
    assert not (repo / ".claude").exists()


def test_broken_settings_are_a_matter_of_configuration(workbench, repo):
    (repo / ".claude").mkdir()
    (repo / ".claude" / "settings.json").write_text("{")
    ran = workbench("skill", "install", "--yes")
    assert ran.code == Exit.CONFIGURATION
    assert "Mend the file" in ran.err
    assert not (repo / ".claude" / "skills").exists()


def test_it_shows_what_is_installed(workbench, repo):
    workbench("skill", "install", "--yes")
    states = [(each["for"], each["what"], each["state"]) for each in workbench("skill", "show", "--json").json]
    assert states == [
        ("project", "skill", "current"),
        ("project", "hook", "current"),
        ("user", "skill", "missing"),
        ("user", "hook", "missing"),
    ]
    assert "project  hook   current" in workbench("skill", "show").out


def test_the_hook_tells_of_the_bugs(workbench, happened):
    happened(make_event())
    ran = workbench(*HOOK)
    assert ran.code == Exit.DONE
    assert ran.out.startswith("Bug workbench: 1 open bug")
    assert "B-001" in ran.out
    assert len(ran.out.splitlines()) == 4


def test_the_hook_finds_the_repository_by_the_session_s_folder(program, repo, bug, tmp_path):
    said = json.dumps({"session_id": "x", "cwd": str(repo), "source": "startup"})
    assert bug in program(*HOOK, stdin=None, input=said, cwd=tmp_path).stdout


@pytest.mark.parametrize("said", ["", "{", "[]", '{"cwd": 7}', '{"cwd": "relative"}', '{"cwd": "/no/such/folder"}'])
def test_any_other_input_is_like_none(program, bug, said):
    ran = program(*HOOK, stdin=None, input=said)
    assert (ran.returncode, ran.stderr) == (Exit.DONE, "")
    assert bug in ran.stdout


def test_the_hook_waits_for_no_input_that_does_not_come(program, bug):
    assert bug in program(*HOOK, stdin=subprocess.PIPE).stdout


def test_at_a_terminal_the_hook_reads_nothing(workbench, bug):
    assert bug in workbench(*HOOK, typed="").out


def test_the_hook_takes_the_global_options(workbench, bug, tmp_path):
    assert bug in workbench("--db", f"sqlite:///{tmp_path / 'project' / 'workbench.db'}", *HOOK).out


@pytest.mark.parametrize("broken", ["database", "configuration", "unforeseen"])
def test_whatever_goes_wrong_is_one_line_and_no_error(workbench, repo, broken, monkeypatch):
    if broken == "configuration":
        (repo / "workbench.toml").write_text("database_url = ")
    if broken == "unforeseen":
        (repo / "workbench.db").mkdir()
        monkeypatch.setattr("workbench.cli.session_start.standing", lambda *_, **__: 1 / 0)
    ran = workbench(*HOOK)
    assert (ran.code, ran.err) == (Exit.DONE, "")
    assert ran.out.startswith("Bug workbench: nothing is known of open bugs here. ")
    assert ran.out.count("\n") == 1


def test_a_fix_session_is_not_told_of_other_bugs(workbench, repo, bug, monkeypatch):
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(repo.parent))
    assert workbench(*HOOK).out == ""


def test_the_hook_imports_nothing_slow(repo, bug):
    script = (
        "import sys; from workbench.cli.edge import run; run(['skill', 'session-start']);"
        "slow = ('typer', 'pydantic', 'sqlalchemy', 'sqlmodel', 'msgspec', 'git', 'textual', 'claude_agent_sdk');"
        "found = [name for name in slow if name in sys.modules]; assert not found, found"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=repo)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert bug in ran.stdout
