"""Payloads come back whichever side compressed them, and a payload is written in the way its database is best at."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.errors import EventUnreadable
from capture.event import encode
from capture.store import packing, payloads
from capture.store.intake import Batch, take_in
from capture.store.payloads import open_event
from capture.store.tables import Bug, FingerprintRow, Occurrence, OutboxRow, Transition, UtcDateTime, table_of
from capture.testing import NOW, make_event


@pytest.mark.parametrize("plain", [True, False])
def test_an_event_comes_back_as_it_was(plain: bool) -> None:
    event = make_event(tags={"half": "\ufffd \0"})
    assert payloads.unpack(encode(event) if plain else payloads.pack(encode(event))) == event


def test_each_database_gets_what_it_is_best_at(any_engine: Engine, rows: Callable[..., list[Any]]) -> None:
    event = make_event(tags={"text": "some words " * 500})
    take_in(any_engine, Batch("j", 0, 1, 1, [event]), now=NOW)
    (payload,) = rows("occurrence", "payload")
    assert open_event(payload) == event
    with any_engine.connect() as connection:
        plain = payloads.come_plain(connection)
        assert (payload[:1] == payloads.PLAIN) == plain
        if any_engine.dialect.name == "sqlite":
            assert plain
        elif plain:
            assert connection.scalar(sa.text("SELECT pg_column_compression(payload) FROM occurrence")) == "lz4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda encoded: encoded.replace(b'"kind":"exception"', b'"kind":"crash"'), "later version.*'crash'"),
        (lambda encoded: payloads.pack(encoded.replace(b'"id":', b'"uid":')), "later version.*`id`"),
        (lambda encoded: encoded[:-9], "damaged"),
        (lambda encoded: payloads.pack(encoded)[:-9], "damaged"),
    ],
)
def test_an_event_that_this_version_cannot_read_is_told_in_words(change: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(EventUnreadable, match=said):
        open_event(change(encode(make_event())))


def payloads_of(engine: Engine) -> dict[str, bytes]:
    with engine.connect() as connection:
        return {row.id: row.payload for row in connection.execute(sa.select(table_of(Occurrence)))}


def test_what_stays_is_packed_a_little_at_a_time(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "AT_ONCE", 4)
    events = [make_event(message=f"number {number}") for number in range(10)]
    take_in(any_engine, Batch("j", 0, 1, 10, events), now=NOW)
    came = payloads_of(any_engine)
    packer = packing.Packer(any_engine)
    rounds = [packer.round(seconds=0)]
    while not rounds[-1]:
        rounds.append(packer.round(seconds=0))
    later = make_event(message="later")
    take_in(any_engine, Batch("j", 1, 2, 11, [later]), now=NOW)
    assert packer.round(seconds=0)
    payload_of, whole = payloads_of(any_engine), {event.id: event for event in (*events, later)}
    assert {id_: open_event(payload) for id_, payload in payload_of.items()} == whole
    if any_engine.dialect.name == "sqlite":
        assert len(rounds) == 3
        assert not any(payload.startswith(payloads.PLAIN) for payload in payload_of.values())
        last = make_event(message="last")
        take_in(any_engine, Batch("j", 2, 3, 12, [last]), now=NOW)
        assert packing.Packer(any_engine).round(seconds=0), "another one goes on where this one stopped"
        assert payloads_of(any_engine) | payload_of == {**payload_of, last.id: payloads.pack(encode(last))}
    else:
        assert payload_of == {**came, later.id: encode(later)}


def test_an_event_that_is_deleted_while_it_is_packed_stays_deleted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = make_event(), make_event()
    take_in(engine, Batch("j", 0, 1, 2, [gone, stays]), now=NOW)

    def pack(encoded: bytes) -> bytes:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM occurrence WHERE id = :id"), {"id": gone.id})
        return zlib.compress(encoded)

    monkeypatch.setattr(payloads, "pack", pack)
    assert packing.Packer(engine).round(seconds=60)
    assert list(payloads_of(engine)) == [stays.id]


def test_rows_that_were_numbered_anew_are_packed_as_well(engine: Engine) -> None:
    """SQLite gives the numbers of the last rows again once those are deleted, and all rows new ones in a VACUUM."""
    packer = packing.Packer(engine)
    take_in(engine, Batch("j", 0, 1, 10, [make_event() for _ in range(10)]), now=NOW)
    assert packer.round(seconds=60)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM occurrence WHERE rowid > 2"))
    take_in(engine, Batch("j", 1, 2, 13, [make_event() for _ in range(3)]), now=NOW)
    assert packer.round(seconds=60)
    assert not any(payload.startswith(payloads.PLAIN) for payload in payloads_of(engine).values())


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


@pytest.mark.parametrize(
    ("model", "unique"),
    [(Bug, ("id", "number")), (FingerprintRow, ("id", "key")), (Transition, ("id",)), (OutboxRow, ("id", "key"))],
)
def test_what_is_written_of_a_new_bug_is_as_sqlalchemy_writes_it(
    any_engine: Engine, model: Any, unique: tuple[str, ...]
) -> None:
    event = make_event(title="half \0 title", at=NOW.replace(microsecond=7), release=None, key="a \0 key")
    take_in(any_engine, Batch("j", 0, 1, 1, [event]), now=NOW)
    table = table_of(model)
    with any_engine.begin() as connection:
        fast = connection.execute(sa.select(table).order_by(table.c.id).limit(1)).mappings().one()
        other = {"id": 7, "number": 7, "key": "other"}
        # A JSON column of nothing is the word null for SQLAlchemy, and nothing for us.
        given = {name: value for name, value in fast.items() if value is not None}
        connection.execute(table.insert(), given | {name: other[name] for name in unique})
        if any_engine.dialect.name == "sqlite":  # the others have one form for each value only
            times = [column.name for column in table.columns if isinstance(column.type, UtcDateTime)]
            raw = sa.text(f"SELECT DISTINCT {', '.join(times)} FROM {table.name} WHERE id IN (7, {fast['id']})")  # noqa: S608
            assert len(connection.execute(raw).all()) == 1
        first, second = connection.execute(sa.select(table).where(table.c.id.in_((7, fast["id"])))).mappings().all()
        same = [name for name in fast if name not in unique]
        assert {name: first[name] for name in same} == {name: second[name] for name in same}
