"""The step to figures by fingerprint: a database with rows goes up and down, and keeps every count."""

# ruff: noqa: S608 (statements made of values of this file)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from capture.store import migrate
from capture.store.engine import open_engine, writing
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event

BUGS = (
    (1, 1, "open", 3, "2026-11-01 10:00:00", "2026-11-02 11:30:00", "one", "two", "production"),
    (2, 2, "closed", 5, "2026-10-01 10:00:00", "2026-10-02 11:30:00", None, "two", ""),
)
PARTS = '[{"name": "frame", "value": "a:b"}, {"name": "frame", "value": "m:f"}, {"name": "template", "value": "x"}]'
TALLIES = ((1, "2026-11-01 10:00:00", 1), (1, "2026-11-02 11:00:00", 2), (2, "2026-10-01 10:00:00", 5))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the first schema, with two bugs in it."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = open_engine(url if request.param == "sqlite" else request.getfixturevalue("postgres_url"), create=True)
    go(engine, "0001")
    false = "false" if engine.dialect.name == "postgresql" else "0"
    with writing(engine).begin() as connection:
        run = connection.exec_driver_sql
        for id_, number, state, count, first, last, first_release, last_release, environment in BUGS:
            releases = ", ".join(
                "NULL" if release is None else f"'{release}'" for release in (first_release, last_release)
            )
            run(
                "INSERT INTO bug (id, number, project, environment, title, kind, state, is_recurrence, first_release,"
                " last_release, count, first_seen, last_seen, changed_at)"
                f" VALUES ({id_}, {number}, 'clinic', '{environment}', 'x', 'exception', '{state}', {false},"
                f" {releases}, {count}, '{first}', '{last}', '{last}')"
            )
            run(
                "INSERT INTO fingerprint (id, project, key, version, parts, bug_id)"
                f" VALUES ({id_ + 10}, 'clinic', 'key{id_}', '1', '{PARTS}', {id_})"
            )
            blank = "decode('', 'hex')" if engine.dialect.name == "postgresql" else "x''"
            run(
                "INSERT INTO occurrence (id, bug_id, at, environment, path, payload)"
                f" VALUES ('event{id_}', {id_}, '{last}', '', '', {blank})"
            )
        for bug_id, hour, count in TALLIES:
            run(f"INSERT INTO tally (bug_id, hour, count) VALUES ({bug_id}, '{hour}', {count})")
        if engine.dialect.name == "postgresql":
            run("SELECT setval('bug_id_seq', 2)")
            run("SELECT setval('fingerprint_id_seq', 12)")
    yield engine
    engine.dispose()


def go(engine: Engine, revision: str, *, down: bool = False) -> None:
    """Bring the database to a revision."""
    with writing(engine).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


def read(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    """Return rows, with times as text without their zone."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text(query)).all()
    return [
        tuple(str(value)[:19] if isinstance(value, str) or hasattr(value, "tzinfo") else value for value in row)
        for row in rows
    ]


FIGURES = "count, first_seen, last_seen, first_release, last_release, environment"


def test_figures_and_tallies_move_to_the_fingerprint_of_each_bug(earlier: Engine) -> None:
    migrate.upgrade(earlier)
    ours = read(earlier, f"SELECT id, bug_id, home_id, {FIGURES} FROM fingerprint ORDER BY id")
    bugs = read(earlier, f"SELECT id + 10, id, id, {FIGURES} FROM bug ORDER BY id")
    assert ours == bugs
    assert [row[3] for row in ours] == [3, 5]
    assert read(earlier, "SELECT id, bug_id, fingerprint_id FROM occurrence ORDER BY id") == [
        ("event1", 1, 11),
        ("event2", 2, 12),
    ]
    assert read(earlier, "SELECT fingerprint_id, hour, count FROM tally ORDER BY fingerprint_id, hour") == [
        (bug_id + 10, hour, count) for bug_id, hour, count in TALLIES
    ]
    assert read(earlier, "SELECT site FROM fingerprint") == [("m:f",), ("m:f",)]
    assert read(earlier, "SELECT number, closed_as FROM bug ORDER BY id") == [(1, None), (2, "fixed")]


def test_events_go_on_counting_after_the_step(earlier: Engine) -> None:
    migrate.upgrade(earlier)
    event = make_event(key="key1", at=NOW, release="three")
    outcome = take_in(earlier, Batch("journal", 0, 1, 1, [event]), now=NOW)
    assert (outcome.stored, outcome.new_bugs) == (1, ())
    assert read(earlier, "SELECT count, first_release, last_release FROM bug WHERE id = 1") == [(4, "one", "three")]
    assert take_in(earlier, Batch("journal", 1, 2, 2, [make_event(key="new")]), now=NOW).new_bugs == (3,)


def test_the_step_can_be_taken_back(earlier: Engine) -> None:
    migrate.upgrade(earlier)
    go(earlier, "0002", down=True)
    assert read(earlier, "SELECT bug_id, hour, count FROM tally ORDER BY bug_id, hour") == list(TALLIES)
    assert read(earlier, "SELECT id, bug_id FROM occurrence ORDER BY id") == [("event1", 1), ("event2", 2)]
    names = {column["name"] for column in sa.inspect(earlier).get_columns("fingerprint")}
    assert names == {"id", "project", "key", "version", "parts", "bug_id"}
    migrate.upgrade(earlier)
    assert read(earlier, "SELECT count FROM fingerprint ORDER BY id") == [(3,), (5,)]
