"""From the failing request to the closed issue: the real terminal program, the real Claude Code client, real git, the
demo site under gunicorn, and the stand-in for GitHub."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from standins.github import GitHubRepository
from terminal import Terminal

WORKBENCH = [sys.executable, "-m", "workbench"]
FAILS = "/api/visits/504/invoice/"  # the invoice of a rabbit: the KeyError

pytestmark = [pytest.mark.endtoend, pytest.mark.agent, pytest.mark.github, pytest.mark.timeout(420)]


@pytest.fixture
def env(tmp_path: Path, github_repository: GitHubRepository) -> dict[str, str]:
    """The environment of a newcomer with a GitHub token and nothing else."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return kept | github_repository.environ | {"WORKBENCH_STATE_DIR": str(tmp_path / "state"), "LANG": "C.UTF-8"}


def _bug(env: Mapping[str, str], repo: Path, exception: str) -> dict[str, Any]:
    done = subprocess.run(
        [*WORKBENCH, "--repo", str(repo), "bugs", "list", "--json"], env=env, cwd=repo, capture_output=True, check=True
    )
    return next(bug for bug in json.loads(done.stdout) if bug["exception_type"] == exception)


def _break(url: str) -> None:
    """Ask for what fails, once more."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url + FAILS, timeout=10)
    with caught.value as response:
        assert response.code == 500


def test_from_the_failing_request_to_the_closed_issue(
    tmp_path: Path, env: dict[str, str], github_repository: GitHubRepository
) -> None:
    """One bug is made, fixed by a session that outlives its terminal, proven, and signed off with keys alone."""
    repo = tmp_path / "state" / "demo" / "clinic"
    demo = [*WORKBENCH, "demo", "--github", github_repository.full_name]

    with Terminal(demo, env=env, cwd=tmp_path) as terminal:
        terminal.wait_for(r"KeyError: 'rabbit'.* 2 ", timeout=90)
        url = re.search(rb"The site stays up meanwhile: (http://127\.0\.0\.1:\d+)", terminal.written)
        assert url is not None
        _break(url[1].decode())
        terminal.wait_for(r"KeyError: 'rabbit'.* 3 ", timeout=60)

        terminal.press("/", *"KeyError", "enter")
        terminal.wait_for(r"filter: KeyError")
        terminal.press("f")
        terminal.wait_for(r"rehearsal")
        terminal.read(1)  # an enter that comes with the form is not taken
        terminal.press("enter")
        terminal.wait_for(r"REHEARSAL[\s\S]*failing test|REHEARSAL[\s\S]*Fix bug B-", timeout=60)
        # Closing the window the hard way: the session goes on without it.

    bug = _bug(env, repo, "KeyError")
    assert bug["state"] == "fixing"
    assert bug["issue"]["repository"] == github_repository.full_name

    with Terminal([*WORKBENCH, "--repo", str(repo)], env=env, cwd=tmp_path) as terminal:
        terminal.wait_for(r"KeyError: 'rabbit'.* 3 ", timeout=30)
        terminal.press("/", *"KeyError", "enter")
        terminal.wait_for(r"filter: KeyError")
        terminal.press("s")
        terminal.wait_for(r"REHEARSAL[^\n]* done [\s\S]*demonstrated", timeout=150)
        terminal.press("v")
        terminal.wait_for(r"Sign off B-\d+ at [0-9a-f]{10}")
        assert "✓ demonstrated" in terminal.text
        terminal.press("y")
        terminal.wait_for(r"B-\d+ is closed")
        terminal.wait_for(r"✓ close the issue", timeout=30)
        terminal.press("escape", "escape", "q")
        assert terminal.wait_for_exit() == 0

    bug = _bug(env, repo, "KeyError")
    assert (bug["state"], bug["issue"]["state"]) == ("closed", "closed")
    issue = next(issue for issue in github_repository.issues() if issue["number"] == bug["issue"]["number"])
    assert issue["state"] == "closed"
    assert [label["name"] for label in issue["labels"]] == ["bug"]
    assert len(github_repository.comments(issue["number"])) == 1
    assert len(github_repository.issues()) == 7
    bug_file = (repo / "bugs" / f"{bug['number']}.md").read_text()
    assert 'state: "closed"' in bug_file.splitlines()
