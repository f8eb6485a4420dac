"""A session on a project that is a folder of a larger repository: its settings and its tests are in that folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from capture.event import ExceptionInfo, Frame
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event
from workbench import config as configuration
from workbench import fixing
from workbench.bugs import queries
from workbench.git import Repository

SCENARIOS = Path(__file__).parent / "scenarios"
pytestmark = [pytest.mark.agent, pytest.mark.usefixtures("no_runner_left")]


@pytest.fixture
def shop(clinic: Path, tmp_path: Path) -> Path:
    """A repository with the clinic in a folder, which has the settings, and something else beside it."""
    root = tmp_path / "shop"
    folder = root / "services" / "clinic"
    shutil.copytree(clinic, folder, ignore=shutil.ignore_patterns(".git"))
    (folder / "workbench.toml").write_text(f'[tests]\ncommand = "{sys.executable} -m pytest"\ntimeout = 60\n')
    (root / "tests").mkdir()
    (root / "tests" / "test_of_another_project.py").write_text("def test_other():\n    assert False\n")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def test_the_worktree_is_of_the_whole_and_the_tests_run_in_the_folder(shop, engine, tmp_path, now):
    """From launch to evidence, through the real client."""
    folder = shop / "services" / "clinic"
    environ = {
        "WORKBENCH_STATE_DIR": str(tmp_path / "state"),
        "WORKBENCH_DATABASE_URL": f"sqlite:///{tmp_path / 'workbench.db'}",
    }
    config = configuration.load(start=folder / "tests", environ=environ)
    place = str(folder / "pricing.py")
    frame = Frame(module="pricing", function="price_of", filename=place, lineno=5, locals={"species": "'rabbit'"})
    fault = ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(frame,))
    batch = Batch(journal="j", start=0, end=1, seen=1, events=[make_event(release=None, exceptions=(fault,))])
    bug = take_in(engine, batch, now=NOW).new_bugs[0]
    played = tmp_path / "price.toml"
    script = (SCENARIOS / "price.toml").read_text().replace("${worktree}/", "${worktree}/services/clinic/")
    played.write_text(script.replace("${python} -m", "cd services/clinic && ${python} -m"))

    row = fixing.launch(config, engine, bug, by="Ada", options=fixing.LaunchOptions(rehearse=str(played)), now=now)
    brief = queries.transcript(engine, row.id)[0].body["text"]
    assert f"run with: cd services/clinic && {sys.executable} -m pytest" in brief
    row = fixing.wait(engine, row.id, timeout=100)
    assert (row.state, row.activity.partition(":")[0]) == ("done", "demonstrated")
    assert {change.path for change in Repository.open(shop).changes(row.base_commit, row.result_commit)} == {
        "services/clinic/pricing.py",
        "services/clinic/tests/test_rabbits.py",
    }
    assert (Path(row.worktree) / "tests" / "test_of_another_project.py").exists()
