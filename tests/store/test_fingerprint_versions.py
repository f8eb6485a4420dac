"""A new version of the fingerprints keeps old bugs together: on both databases, with the rules that really changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy.engine import Engine

from capture import fingerprint_v1
from capture.event import Event, Fingerprint, new_event_id
from capture.fingerprint import fingerprint
from capture.store.intake import Batch, Counted, Intake, take_in
from capture.testing import NOW, make_event

Rows = Callable[..., list[Any]]
Carry = Callable[..., Intake]


def first_release(event: Event) -> Event:
    """The event as a site with version 1 sent it."""
    old = fingerprint_v1.key_of(exceptions=event.exceptions)
    return msgspec.structs.replace(event, fingerprint=Fingerprint(key=old, version="1"))


def this_release(event: Event, *, transition: bool = True) -> Event:
    """The event as a site with the rules of today sends it."""
    found = fingerprint(exceptions=event.exceptions, status=500, with_earlier=transition)
    return msgspec.structs.replace(event, fingerprint=found)


def test_a_bug_of_the_first_release_goes_on_under_its_new_key(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()))
    new = this_release(make_event(at=NOW + timedelta(hours=1)))
    assert carry(new, this_release(make_event())) == Intake(stored=2)
    (bug,) = rows("bug")
    assert (bug["count"], bug["last_seen"]) == (3, NOW + timedelta(hours=1))
    old, attached = sorted(rows("fingerprint"), key=lambda row: row["id"])  # PostgreSQL gives them in any order
    assert (old["version"], attached["version"]) == ("1", "2")
    assert attached["key"] == new.fingerprint.key != old["key"]
    assert (attached["bug_id"], attached["home_id"]) == (bug["id"], old["home_id"])
    assert (old["count"], attached["count"]) == (1, 2)


def test_both_releases_may_run_at_the_same_time(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()), this_release(make_event()), first_release(make_event()))
    carry(first_release(make_event()), this_release(make_event()))
    assert [bug["count"] for bug in rows("bug")] == [5]


def test_counts_of_a_new_key_go_to_the_old_bug(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()))
    new = this_release(make_event())
    carry(new)
    carry(counted=[Counted(project="clinic", key=new.fingerprint.key, at=NOW, count=7)])
    (bug,) = rows("bug")
    assert bug["count"] == 9


def test_without_the_old_key_a_fault_is_a_new_bug(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()))
    carry(this_release(make_event(), transition=False))
    assert len(rows("bug")) == 2


def test_an_old_key_counts_in_its_own_project_only(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()))
    carry(this_release(make_event(project="shop")))
    assert len(rows("bug")) == 2


def test_a_new_fault_is_a_new_bug_however_old_the_database(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()))
    error = make_event().exceptions[0]
    other = make_event(exceptions=(msgspec.structs.replace(error, type="ValueError"),))
    assert carry(this_release(other)).new_bugs == (2,)
    assert len(rows("fingerprint")) == 2


def test_several_carriers_attach_the_same_keys_at_the_same_time(any_engine: Engine, rows: Rows) -> None:
    error = make_event().exceptions[0]
    events = [make_event(exceptions=(msgspec.structs.replace(error, type=f"Error{number}"),)) for number in range(20)]
    take_in(any_engine, Batch("old", 0, 20, 20, [first_release(event) for event in events]), now=NOW)

    def carried(journal: int) -> Intake:
        order = events if journal % 2 else events[::-1]
        new = [this_release(msgspec.structs.replace(event, id=new_event_id())) for event in order]
        return take_in(any_engine, Batch(f"new-{journal}", 0, 20, 20, new), now=NOW)

    with ThreadPoolExecutor(4) as carriers:
        assert list(carriers.map(carried, range(4))) == [Intake(stored=20)] * 4
    assert rows("bug", "count") == [5] * 20
    assert len(rows("fingerprint")) == 40


def test_a_bug_has_the_level_of_its_latest_event(carry: Carry, rows: Rows) -> None:
    carry(make_event(level="warning"))
    assert rows("bug", "level") == ["warning"]
    carry(make_event(level="fatal"))
    assert rows("bug", "level") == ["fatal"]
