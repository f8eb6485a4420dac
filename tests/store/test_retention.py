"""Pruning keeps the first, the last and an even spread, in whatever order events came; counts and tallies stay."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from capture.store import retention
from capture.store.intake import Batch, Counted, take_in
from capture.store.retention import Pruner, crowded, doomed_of
from capture.testing import NOW, make_event

Rows = Callable[..., list[Any]]
MOMENTS = st.lists(st.integers(0, 10_000).map(float), max_size=120).map(sorted)


def stay(moments: list[float], keep: int, fixed: tuple[int, ...] = ()) -> list[float]:
    gone = set(crowded(moments, keep=keep, fixed=fixed))
    return [moment for position, moment in enumerate(moments) if position not in gone]


@settings(max_examples=200, deadline=None)
@given(moments=MOMENTS, keep=st.integers(0, 40))
def test_first_and_last_stay_and_the_rest_is_spread_evenly(moments: list[float], keep: int) -> None:
    staying = stay(moments, keep)
    assert len(staying) == min(len(moments), keep + 2)
    if not moments:
        return
    assert (staying[0], staying[-1]) == (moments[0], moments[-1])
    # A gap in which something was removed is never larger than the room that any survivor has to itself.
    made = [b - a for a, b in pairwise(staying) if any(a < moment < b for moment in moments)]
    room = [after - before for before, after in zip(staying, staying[2:], strict=False)]
    if made and room:
        assert max(made) <= min(room)


@settings(max_examples=50, deadline=None)
@given(moments=MOMENTS.filter(lambda moments: len(moments) > 3), fixed=st.integers(0, 3), keep=st.integers(0, 10))
def test_what_is_fixed_stays(moments: list[float], fixed: int, keep: int) -> None:
    assert fixed not in crowded(moments, keep=keep, fixed=(fixed,))


def test_a_steady_stream_that_is_pruned_as_it_comes_stays_spread_over_all_of_it() -> None:
    kept: list[float] = []
    for hour in range(2_000):
        kept.append(float(hour))
        if len(kept) > 130:
            kept = stay(kept, 100)
    gaps = [after - before for before, after in pairwise(kept)]
    assert (kept[0], kept[-1]) == (0.0, 1999.0)
    assert max(gaps) <= 3 * 2_000 / 100


class Seen(NamedTuple):
    id: str
    at: Any
    release: str | None


def test_one_event_of_each_of_the_latest_releases_stays() -> None:
    seen = [Seen(f"{n:02}", NOW + timedelta(seconds=n), f"r{n // 10}") for n in range(300)]
    left = {one.id for one in seen} - set(doomed_of(seen, keep=0))
    firsts = {f"{n * 10:02}" for n in range(30 - retention.RELEASES, 30)}
    assert left == {"00", "299"} | firsts


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLACK", 0)
    monkeypatch.setattr(retention, "DELETED_AT_ONCE", 7)


def fill(engine: Engine, offsets: list[int], *, key: str = "aa", journal: str = "j", start: int = 0) -> None:
    events = [make_event(key=key, at=NOW + timedelta(minutes=offset)) for offset in offsets]
    batch = Batch(journal, start, start + len(events), start + len(events), events)
    assert take_in(engine, batch, now=NOW).stored == len(events)


@pytest.mark.usefixtures("small")
def test_of_each_fault_first_last_and_a_spread_stay(any_engine: Engine, rows: Rows) -> None:
    shuffled = random.Random(7).sample(range(100), 100)  # noqa: S311  (an order, not a secret)
    fill(any_engine, shuffled)
    fill(any_engine, [0, 1, 2], key="bb", journal="k")
    before = rows("bug"), rows("tally"), rows("journal")
    pruned = Pruner(any_engine, keep=9, now=lambda: NOW).round(seconds=60)
    assert (pruned.fingerprints, pruned.occurrences, pruned.done) == (1, 89, True)
    one, two = sorted({row["bug_id"] for row in rows("occurrence")})
    minutes = sorted((row["at"] - NOW).seconds // 60 for row in rows("occurrence") if row["bug_id"] == one)
    assert (len(minutes), minutes[0], minutes[-1]) == (11, 0, 99)
    assert max(after - before for before, after in pairwise(minutes)) <= 16
    assert sum(row["bug_id"] == two for row in rows("occurrence")) == 3
    assert (rows("bug"), rows("tally"), rows("journal")) == before
    assert Pruner(any_engine, keep=9, now=lambda: NOW).round(seconds=60).occurrences == 0


@pytest.mark.usefixtures("small")
def test_rounds_are_short_and_go_on_where_the_last_one_stopped(any_engine: Engine, rows: Rows) -> None:
    for number in range(3):
        fill(any_engine, list(range(30)), key=f"{number}", journal=f"j{number}")
    pruner = Pruner(any_engine, keep=8, now=lambda: NOW)
    rounds = []
    while not rounds or not rounds[-1].done:
        rounds.append(pruner.round(seconds=0))
        assert rounds[-1].occurrences <= 7
    assert sum(one.occurrences for one in rounds) == 60
    assert len(rows("occurrence")) == 30
    # The next pass looks only at what changed since.
    assert pruner.round(seconds=60).fingerprints == 3, "they changed within the overlap of the clocks"
    late = Pruner(any_engine, keep=8, now=lambda: NOW + timedelta(days=1))
    assert (late.round(seconds=60).fingerprints, late.round(seconds=60).fingerprints) == (3, 0)


@pytest.mark.usefixtures("small")
def test_more_than_can_be_looked_at_in_one_go(any_engine: Engine, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 20)
    fill(any_engine, list(range(100)))
    assert Pruner(any_engine, keep=4, now=lambda: NOW).round(seconds=60).done
    minutes = sorted((row["at"] - NOW).seconds // 60 for row in rows("occurrence"))
    assert len(minutes) <= 2 * 4 + 2
    assert (minutes[0], minutes[-1]) == (0, 99)


@pytest.mark.usefixtures("small")
def test_counts_alone_give_nothing_to_prune(any_engine: Engine) -> None:
    fill(any_engine, [0, 1])
    take_in(any_engine, Batch("k", 0, 1, 900, [Counted("clinic", "aa", NOW, 900)]), now=NOW)
    assert Pruner(any_engine, keep=8, now=lambda: NOW).round(seconds=60).occurrences == 0


@pytest.mark.usefixtures("small")
def test_the_site_writes_while_events_are_pruned(any_engine: Engine, rows: Rows) -> None:
    fill(any_engine, list(range(100)))
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(20):
                fill(any_engine, [number], journal="other", start=number)
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    pruner = Pruner(any_engine, keep=8, now=lambda: NOW)
    while writer.is_alive():
        pruner.round(seconds=0.01)
    writer.join()
    pruner.round(seconds=60)
    Pruner(any_engine, keep=8, now=lambda: NOW).round(seconds=60)
    assert failures == []
    assert len(rows("occurrence")) == 10
    assert rows("bug", "count") == [120]
