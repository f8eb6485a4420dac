"""Payloads come back whichever side compressed them, and a payload is written in the way its database is best at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import payloads
from capture.store.intake import Batch, open_event, take_in
from capture.store.tables import Occurrence, table_of
from capture.testing import NOW, make_event


@pytest.mark.parametrize("plain", [True, False])
def test_an_event_comes_back_as_it_was(plain: bool) -> None:
    event = make_event(tags={"half": "\ufffd \0"})
    assert payloads.unpack(payloads.pack(event, plain=plain)) == event


def test_each_database_gets_what_it_is_best_at(any_engine: Engine, rows: Callable[..., list[Any]]) -> None:
    event = make_event(tags={"text": "some words " * 500})
    take_in(any_engine, Batch("j", 0, 1, 1, [event]), now=NOW)
    (payload,) = rows("occurrence", "payload")
    assert open_event(payload) == event
    with any_engine.connect() as connection:
        plain = payloads.are_plain(connection)
        assert (payload[:1] == b"{") == plain
        if any_engine.dialect.name == "sqlite":
            assert not plain
        elif plain:
            assert connection.scalar(sa.text("SELECT pg_column_compression(payload) FROM occurrence")) == "lz4"


def test_rows_written_past_sqlalchemy_are_read_as_its_own(any_engine: Engine, rows: Callable[..., list[Any]]) -> None:
    event = make_event(release="one \0 two", at=NOW.replace(microsecond=7), user_id="a \0 b")
    take_in(any_engine, Batch("j", 0, 1, 1, [event]), now=NOW)
    table = table_of(Occurrence)
    with any_engine.begin() as connection:
        (fast,) = connection.execute(sa.select(table)).mappings().all()
        connection.execute(table.insert(), {**fast, "id": "0" * 32})
    first, second = (row | {"id": ""} for row in rows("occurrence"))
    assert first == second
    assert (first["release"], first["at"], first["user_id"]) == ("one \ufffd two", event.at, "a \ufffd b")
    with any_engine.connect() as connection:
        if any_engine.dialect.name == "sqlite":
            times = connection.execute(sa.text("SELECT DISTINCT at, typeof(at) FROM occurrence")).all()
            assert len(times) == 1
