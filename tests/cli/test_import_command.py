"""`workbench bugs import`: says what it would do, asks, and makes a database where there is none."""

from __future__ import annotations

import pytest

from workbench.errors import Exit


@pytest.fixture
def filed(workbench, bug, repo):
    """The file of a bug, and no database any more."""
    assert workbench("worker", "--once").code == Exit.DONE
    for path in repo.glob("workbench.db*"):
        path.unlink()
    return repo / "bugs" / "B-001.md"


def test_a_database_is_made_from_the_files(workbench, filed, repo):
    ran = workbench("bugs", "import", "--yes")
    assert (ran.code, ran.out) == (Exit.DONE, "+ B-001: KeyError: 'rabbit' in price_of\n")
    assert workbench("bugs", "list", "--json").json[0]["number"] == "B-001"
    again = workbench("bugs", "import", "--json")
    assert (again.code, again.json[0]["outcome"]) == (Exit.DONE, "there already")


def test_it_asks_first(workbench, filed):
    ran = workbench("bugs", "import", typed="n\n")
    assert ran.code == Exit.NO
    assert "Make 1 bug in sqlite:" in ran.err
    assert workbench("bugs", "list", "--json").json == []
    assert workbench("bugs", "import", typed="y\n").code == Exit.DONE
    assert len(workbench("bugs", "list", "--json").json) == 1


def test_a_dry_run_only_says(workbench, filed):
    assert workbench("bugs", "import", "--dry-run").out.startswith("+ B-001")
    assert workbench("bugs", "list", "--json").json == []


def test_a_file_that_is_none_is_a_no_and_the_others_go_in(workbench, filed):
    filed.with_name("B-002.md").write_text("# mine\n")
    ran = workbench("bugs", "import", "--yes")
    assert ran.code == Exit.NO
    assert "✗ B-002.md is no bug file: it has no front matter with a number" in ran.out
    assert len(workbench("bugs", "list", "--json").json) == 1


def test_no_files(workbench, repo):
    ran = workbench("bugs", "import")
    assert ran.code == Exit.NO
    assert "There are no bug files in" in ran.err
