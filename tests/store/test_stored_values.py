"""What goes into a column comes out the same on every database, or as near as it can be stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import SQLModel

from capture.store import bulk, tables
from capture.store.engine import writing
from capture.store.tables import JournalRow, storable, table_of
from capture.testing import NOW


def kept(engine: Engine, **values: Any) -> dict[str, Any]:
    row = JournalRow(**({"name": "j", "updated_at": NOW} | values)).model_dump()
    with engine.begin() as connection:
        connection.execute(table_of(JournalRow).insert(), row)
        return dict(connection.execute(sa.select(table_of(JournalRow))).mappings().one())


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_a_time_comes_back_as_utc(any_engine: Engine, zone: timezone) -> None:
    found = kept(any_engine, updated_at=NOW.astimezone(zone))["updated_at"]
    assert (found, found.tzinfo) == (NOW, UTC)


def test_a_time_without_a_zone_is_a_mistake(any_engine: Engine) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive datetime"):
        kept(any_engine, updated_at=datetime(2026, 11, 22))  # noqa: DTZ001 (the case)


def test_times_of_rows_in_bulk_come_back_as_utc(any_engine: Engine) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    with writing(any_engine).begin() as connection:
        bulk.insert(connection, tables.Release, {"name": ["a", "b"], "first_seen": [NOW, there]}, project="clinic")
    with any_engine.connect() as connection:
        assert connection.scalars(sa.select(table_of(tables.Release).c.first_seen)).all() == [NOW, NOW]
    with pytest.raises((ValueError, TypeError)), writing(any_engine).begin() as connection:
        bulk.insert(connection, tables.Release, {"name": ["c"]}, project="clinic", first_seen=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("number", [0, 1, 7, 8, 63, 64, 65, 150])
def test_rows_in_bulk_are_all_there_in_their_order_and_take_few_statements(
    any_engine: Engine, count_statements: Callable[..., Any], number: int
) -> None:
    """Before each statement the driver of SQLite lets the site's threads go first, with the database locked."""
    names = [f"{place:03}" for place in range(number)]
    with count_statements(any_engine) as statements, writing(any_engine).begin() as connection:
        bulk.insert(connection, tables.Release, {"name": names}, project="clinic", first_seen=NOW)
    assert sum("INSERT" in statement for statement in statements) <= number // 64 + 6
    with any_engine.connect() as connection:
        assert connection.scalars(sa.select(table_of(tables.Release).c.name)).all() == names


def test_a_journal_may_be_larger_than_two_gigabytes(any_engine: Engine) -> None:
    assert kept(any_engine, offset=2**40)["offset"] == 2**40


@pytest.mark.parametrize(("text", "found"), [("plain", "plain"), ("a\0b", "a�b"), ("\ud83d", "�"), ("🐇é", "🐇é")])
def test_text_is_kept_as_far_as_it_can_be(any_engine: Engine, text: str, found: str) -> None:
    assert kept(any_engine, name=text)["name"] == found


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_stored_and_stays_what_it_is_once_it_can(text: str) -> None:
    once = storable(text)
    once.encode()
    assert "\0" not in once
    assert storable(once) == once
    if "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
        assert once == text


def test_our_tables_are_not_among_those_of_a_site_with_tables_of_its_own() -> None:
    assert not set(tables.metadata.tables) & set(SQLModel.metadata.tables)


@pytest.mark.postgres
def test_what_is_sent_ahead_is_given_up_in_silence(postgres_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """The driver would log, into the site's own log, that statements were left out after one that failed."""

    def give_up(connection: sa.Connection) -> None:
        with bulk.together(connection):
            connection.connection.cursor().execute("SELECT 1 / 0")
            raise KeyError

    with postgres_engine.connect() as connection, pytest.raises(KeyError):
        give_up(connection)
    assert caplog.records == []
