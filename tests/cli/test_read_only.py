"""`workbench --read-only`: whatever looks works, whatever changes is refused with a reason."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from workbench.cli.app import command
from workbench.cli.reading import LOOKING
from workbench.errors import Exit


def names():
    root = command()
    for noun in root.list_commands(None):
        below = getattr(root.get_command(None, noun), "commands", None)
        yield from [noun] if below is None else [f"{noun} {name}" for name in below]


NAMES = list(names())


@pytest.fixture
def everything(store):
    def look():
        with store.connect() as connection:
            return connection.execute(sa.text("SELECT state, changed_at, assignee FROM bug")).all()

    return look


def test_what_looks_is_named_as_it_is_called():
    assert set(NAMES) >= LOOKING


@pytest.mark.parametrize("name", ["bugs list", "bugs show", "bugs stats", "sessions list", "db check", "config"])
def test_looking_works(workbench, bug, name):
    ran = workbench("--read-only", *name.split(), *(["B-001"] if name == "bugs show" else []))
    assert ran.code == Exit.DONE, ran.err
    assert "read" not in ran.err


@pytest.mark.parametrize(
    "words",
    [["bugs", "assign", "B-001", "--to", "Ada"], ["bugs", "delete", "B-001"], ["bugs", "new", "--title", "x"],
     ["fix", "B-001", "--rehearse", "happy"], ["worker", "--once"], ["db", "upgrade"], ["db", "downgrade", "--yes"],
     ["skill", "install"], ["init"], ["demo"], ["bugs", "undo"]],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_acts_are_refused_and_nothing_is_changed(workbench, bug, everything, repo, words):
    before, files = everything(), sorted(repo.rglob("*"))
    ran = workbench("--read-only", *words)
    assert ran.code == Exit.NO, ran.err
    assert "the workbench is read-only" in ran.err
    assert "Leave out --read-only" in ran.err
    assert everything() == before
    assert sorted(path for path in repo.rglob("*") if "workbench.db" not in path.name) == [
        path for path in files if "workbench.db" not in path.name
    ]


def test_the_setting_does_the_same(workbench, bug, repo):
    (repo / "workbench.toml").write_text('database.read_only = "on"')
    assert "read-only" in workbench("bugs", "assign", "B-001", "--to", "Ada").err
    (repo / "workbench.toml").write_text('database.read_only = "perhaps"')
    ran = workbench("bugs", "show", "B-001")
    assert (ran.code, "neither on nor off" in ran.err) == (Exit.CONFIGURATION, True)


def test_a_later_schema_is_read_with_a_word_and_not_written(workbench, bug, store):
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    ran = workbench("bugs", "list", "--json")
    assert ran.code == Exit.DONE
    assert [one["number"] for one in ran.json] == ["B-001"]
    assert "made by a later version" in ran.err
    assert "Upgrade this program" in ran.err
    for words in (["bugs", "assign", "B-001", "--to", "Ada"], ["worker", "--once"]):
        ran = workbench(*words)
        assert (ran.code, "made by a later version" in ran.err) == (Exit.DATABASE, True)
