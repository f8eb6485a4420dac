"""`workbench db copy` and `db downgrade`: what they say, and how they end."""

from __future__ import annotations

import pytest

from capture.store import migrate
from workbench.errors import Exit


def test_copy_says_what_was_copied_and_that_both_are_the_same(workbench, bug, repo):
    ran = workbench("db", "copy", "--to", "sqlite:///other.db")
    assert ran.code == Exit.DONE, ran.err
    assert "counts and checksums are the same" in ran.out
    assert (repo / "other.db").exists()
    there = workbench("--db", "sqlite:///other.db", "bugs", "list", "--json").json
    assert there == workbench("bugs", "list", "--json").json


def test_copy_as_json(workbench, bug):
    told = workbench("db", "copy", "--to", "sqlite:///other.db", "--json").json
    assert told["rows"] == sum(table["rows"] for table in told["tables"]) > 0
    assert told["moved_meanwhile"] is False


def test_copy_into_a_database_with_rows_is_refused(workbench, bug):
    ran = workbench("db", "copy", "--to", "sqlite:///workbench.db")
    assert ran.code == Exit.NO
    assert "is not empty" in ran.err


@pytest.mark.parametrize(
    ("to", "code"),
    [("postgresql://ada:s3cret@127.0.0.1:1/x", Exit.DATABASE), ("mysql://h/x", Exit.DATABASE), ("", Exit.DATABASE)],
)
def test_copy_to_what_cannot_be_used(workbench, bug, to, code):
    ran = workbench("db", "copy", "--to", to)
    assert ran.code == code
    assert "s3cret" not in ran.out + ran.err


def test_downgrade_says_what_is_lost_and_asks(workbench, bug, store):
    ran = workbench("db", "downgrade", "0007", typed="n\n")
    assert ran.code == Exit.NO
    assert "Lost will be the table mention with 0 rows" in ran.err
    assert migrate.current(store) == migrate.HEAD
    assert workbench("db", "downgrade", "0007", typed="y\n").code == Exit.DONE
    assert migrate.current(store) == "0007"
    assert workbench("db", "downgrade", "0007", "--yes").code == Exit.DONE
    ran = workbench("db", "check")
    assert (ran.code, "workbench db upgrade" in ran.err) == (Exit.DATABASE, True)
    assert workbench("db", "upgrade").code == Exit.DONE
    assert [one["number"] for one in workbench("bugs", "list", "--json").json] == ["B-001"]


def test_downgrade_without_a_person_needs_yes(workbench, store):
    assert workbench("db", "downgrade").code == Exit.USAGE
    assert workbench("db", "downgrade", "--yes").code == Exit.DONE
    assert migrate.current(store) == migrate.REVISIONS[-2]


@pytest.mark.parametrize("revision", ["0042", "base", "head", "-1"])
def test_downgrade_to_what_is_no_earlier_schema(workbench, store, revision):
    ran = workbench("db", "downgrade", "--yes", "--", revision)
    assert ran.code == Exit.USAGE
    assert migrate.current(store) == migrate.HEAD
