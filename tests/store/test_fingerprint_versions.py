"""A new version of the fingerprints keeps old bugs together: on both databases, with the rules that really changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture import fingerprint_v1
from capture.event import Event, Fingerprint, Part, Request, new_event_id
from capture.fingerprint import fingerprint
from capture.store import creation
from capture.store.intake import Batch, Counted, Intake, take_in
from capture.store.tables import Bug, table_of
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
    old, attached = rows("fingerprint")
    assert (old["version"], attached["version"]) == ("1", "2")
    assert attached["key"] == new.fingerprint.key != old["key"]
    assert (attached["bug_id"], attached["home_id"]) == (bug["id"], old["home_id"])
    assert (old["count"], attached["count"]) == (1, 2)


def test_both_releases_may_run_at_the_same_time(carry: Carry, rows: Rows) -> None:
    carry(first_release(make_event()), this_release(make_event()), first_release(make_event()))
    carry(first_release(make_event()), this_release(make_event()))
    assert [bug["count"] for bug in rows("bug")] == [5]


def test_what_a_site_of_the_first_release_left_is_no_second_bug(carry: Carry, rows: Rows) -> None:
    """Its journal is carried after a site of today met the fault: nothing in its events says what is their key now."""
    carry(this_release(make_event()))
    assert carry(first_release(make_event()), first_release(make_event())) == Intake(stored=2)
    assert [bug["count"] for bug in rows("bug")] == [3]
    assert sorted(rows("fingerprint", "version")) == ["1", "2"]


@pytest.mark.parametrize("order", [(first_release, this_release), (this_release, first_release)])
def test_both_releases_may_begin_a_bug_in_one_batch(carry: Carry, rows: Rows, order: Any) -> None:
    assert carry(*[release(make_event()) for release in order]) == Intake(stored=2, new_bugs=(1,))
    assert [bug["count"] for bug in rows("bug")] == [2]


def with_a_comment(event: Event) -> Event:
    """The event after a line got a comment: another key under the rules of the first release, the same one today."""
    (error,) = event.exceptions
    *others, last = error.frames
    frames = (*others, msgspec.structs.replace(last, context_line=f"{last.context_line}  # whatever it is"))
    return msgspec.structs.replace(event, exceptions=(msgspec.structs.replace(error, frames=frames),))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("swapped", [True, False])
def test_several_old_keys_of_one_new_key_are_one_bug(carry: Carry, rows: Rows, known: bool, swapped: bool) -> None:
    one, other = make_event(), with_a_comment(make_event())
    one, other = (other, one) if swapped else (one, other)
    assert first_release(one).fingerprint.key != first_release(other).fingerprint.key
    assert this_release(one).fingerprint.key == this_release(other).fingerprint.key
    if known:
        carry(first_release(msgspec.structs.replace(one, id=new_event_id())))
    later = [this_release(msgspec.structs.replace(one, id=new_event_id())), first_release(other)]
    carry(*later, *([] if known else [first_release(one)]))
    assert [bug["count"] for bug in rows("bug")] == [3]


@pytest.mark.parametrize("part", ["rule", "function"])
def test_what_a_rule_of_the_site_grouped_stays_by_itself(carry: Carry, rows: Rows, part: str) -> None:
    ruled = Fingerprint(key="ab12", version="1", parts=(Part(name=part, value="money"),))
    carry(this_release(make_event()), make_event(fingerprint=ruled))
    assert len(rows("bug")) == 2


def test_a_broken_link_of_the_first_release_is_not_taken_for_one_from_nowhere(carry: Carry, rows: Rows) -> None:
    """Today its page's route is a part of the key, and no event has it."""
    request = Request(method="GET", path="/gone/", host="clinic.example", referer="https://clinic.example/pets/")
    event = make_event(status=404, exceptions=(), request=request)
    old = Fingerprint(key=fingerprint_v1.key_of_event(event), version="1")
    new = fingerprint(status=404, method="GET", path="/gone/", referer=request.referer, with_earlier=False)
    carry(msgspec.structs.replace(event, id=new_event_id(), fingerprint=new))
    carry(msgspec.structs.replace(event, fingerprint=old))
    assert len(rows("bug")) == 2


@pytest.mark.postgres
def test_two_hosts_may_find_the_old_key_of_one_fault_at_the_same_time(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both waited for whoever began its bug; then each gives that the new key, and the later one begins anew."""
    share = creation.share_numbers

    def others_first(session: Session) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(creation, "share_numbers", share)
            for journal, event in (("old", first_release(make_event())), ("theirs", this_release(make_event()))):
                take_in(postgres_engine, Batch(journal, 0, 1, 1, [event]), now=NOW)
        share(session)

    monkeypatch.setattr(creation, "share_numbers", others_first)
    take_in(postgres_engine, Batch("ours", 0, 1, 1, [this_release(make_event())]), now=NOW)
    with postgres_engine.connect() as connection:
        assert connection.scalars(sa.select(table_of(Bug).c.count)).all() == [3]


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
