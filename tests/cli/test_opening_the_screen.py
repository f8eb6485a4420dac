"""`workbench` alone opens the screen, without paying for what the commands import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from terminal import Terminal

from workbench.errors import Exit

SCRIPT = """
import sys
from workbench.cli import opening
from workbench.cli.edge import run
opening.attended = lambda: True
import workbench.tui.app
def opened(config):
    heavy = ("typer", "sqlmodel", "sqlalchemy", "git", "github", "claude_agent_sdk")
    print(config.repo, config.database_url, [name for name in heavy if name in sys.modules])
    return 7
workbench.tui.app.run = opened
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [[], ["--db", "sqlite:///x.db"], ["--db=sqlite:///x.db", "--repo", "."]])
def test_the_screen_opens_before_anything_heavy_is_imported(words, repo):
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *words], cwd=repo, capture_output=True, text=True, timeout=60)
    url = f"sqlite:///{repo}/{'x' if words else 'workbench'}.db"
    assert (ran.stdout, ran.returncode) == (f"{repo} {url} []\n", 7), ran.stderr


def test_the_long_way_opens_the_same_screen(workbench, repo, monkeypatch):
    monkeypatch.setattr("workbench.tui.app.run", lambda config: 0 if config.repo == repo else 9)
    monkeypatch.setenv("_WORKBENCH_COMPLETE", "")
    assert workbench("--repo", str(repo), typed="").code == Exit.DONE


def test_the_web_driver_needs_no_terminal(workbench, repo, monkeypatch):
    monkeypatch.setattr("workbench.tui.app.run", lambda config: 0)
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    assert workbench().code == Exit.DONE


def test_in_a_terminal_it_shows_the_bugs(bug, repo):
    with Terminal([sys.executable, "-m", "workbench"], env=os.environ, cwd=repo) as terminal:
        terminal.wait_for("B-001")
        terminal.press("q")
        assert terminal.wait_for_exit() == Exit.DONE


def test_in_a_terminal_a_missing_database_is_said_after_it(repo):
    with Terminal([sys.executable, "-m", "workbench"], env=os.environ, cwd=repo) as terminal:
        assert terminal.wait_for_exit() == Exit.DATABASE
        assert "workbench db upgrade" in terminal.text
