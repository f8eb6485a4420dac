"""A site of the version before goes on writing while the database is upgraded under it: rightly, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from capture.carrier import Carrier
from capture.errors import SchemaTooNew, StoreError
from capture.event import encode
from capture.journal import Count, Journal
from capture.store import migrate
from capture.store.engine import open_engine, writing
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event

Rows = Callable[..., list[Any]]
# What a site writes, and from which revision on a step may no longer stop one of the version before.
WRITTEN = ("bug", "fingerprint", "journal", "occurrence", "outbox", "release", "tally", "transition")
KEPT_SINCE = "0003"
LATER = "UPDATE alembic_version SET version_num = '9999'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def fail(folder: Path) -> Callable[[], str]:
    """A function that puts an event into the site's journal and returns its id."""
    journal = Journal(folder, max_bytes=1 << 20)

    def fail() -> str:
        event = make_event()
        assert journal.append_event(encode(event), count=Count("clinic", event.fingerprint.key, NOW.timestamp()))
        return event.id

    return fail


def change(engine: Engine, *statements: str) -> None:
    with writing(engine).begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def test_a_step_that_only_adds_does_not_stop_a_running_site(
    any_engine: Engine, folder: Path, fail: Callable[[], str], rows: Rows
) -> None:
    carrier = Carrier(folder, any_engine)
    ids = [fail()]
    carrier.carry()
    change(any_engine, "ALTER TABLE bug ADD COLUMN later INTEGER", LATER)
    try:
        ids += [fail(), fail()]
        assert carrier.carry().stored == 2
        assert sorted(rows("occurrence", "id")) == sorted(ids)
        assert rows("bug", "count") == [3]
    finally:
        change(any_engine, "ALTER TABLE bug DROP COLUMN later", LATER.replace("9999", migrate.HEAD))


def test_what_a_running_site_cannot_write_any_more_stays_in_its_journal(
    any_engine: Engine, folder: Path, fail: Callable[[], str], rows: Rows
) -> None:
    carrier = Carrier(folder, any_engine)
    ids = [fail()]
    carrier.carry()
    change(any_engine, "ALTER TABLE occurrence RENAME COLUMN path TO address", LATER)
    try:
        ids += [fail(), fail()]
        with pytest.raises(SchemaTooNew):
            carrier.carry()
    finally:
        change(
            any_engine,
            "ALTER TABLE occurrence RENAME COLUMN address TO path",
            LATER.replace("9999", migrate.HEAD),
        )
    assert carrier.carry().stored == 2, "the site was started again, with the version that knows this schema"
    assert sorted(rows("occurrence", "id")) == sorted(ids)
    assert rows("journal", "dropped") == [{}]


def test_no_step_takes_away_or_asks_for_what_the_version_before_does_not_write(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'steps.db'}", create=True)
    steps = migrate.REVISIONS[migrate.REVISIONS.index(KEPT_SINCE) :]
    before: dict[str, dict[str, Any]] = {}
    for revision in steps:
        with writing(engine).begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(migrate.SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            inspector = sa.inspect(connection)
            there = {*WRITTEN} & {*inspector.get_table_names()}
            after = {name: {one["name"]: one for one in inspector.get_columns(name)} for name in there}
        for table, columns in before.items():
            assert not columns.keys() - after[table].keys(), f"{revision} takes columns of {table} away"
            added = [after[table][name] for name in after[table].keys() - columns.keys()]
            asked = [one["name"] for one in added if not one["nullable"] and one["default"] is None]
            assert not asked, f"{revision} asks for {asked} in {table}"
        before = after
    engine.dispose()


def test_threads_give_back_every_connection_even_where_they_fail(any_engine: Engine, rows: Rows) -> None:
    """Sixteen at once, more than the pool has connections for; every other one is refused in its transaction."""
    refused: list[Exception] = []

    def carry(number: int) -> None:
        try:
            for turn in range(3):
                batch = Batch(f"j{number}", turn, turn + 1, turn + 1, [make_event(key=f"{number % 4:x}")])
                take_in(any_engine, batch, now=NOW if number % 2 else "never")  # type: ignore[arg-type]
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  (that is the point)
            refused.append(error)

    threads = [threading.Thread(target=carry, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(refused) == 8
    assert len(rows("occurrence")) == 24
    assert any_engine.pool.checkedout() == 0  # type: ignore[attr-defined]
