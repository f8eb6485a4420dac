"""Merging bugs and taking them apart: no figure is lost, and none stays behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from capture.event import ExceptionInfo, Frame
from capture.fingerprint import fingerprint
from capture.store.intake import Batch, Counted, Intake, take_in
from capture.store.tables import Bug, FingerprintRow, Occurrence, OutboxRow, Row, Tally, metadata, table_of
from capture.testing import NOW, make_event
from workbench.bugs import acts, queries
from workbench.errors import Refused, UsageError, WorkbenchError

Carry = Callable[..., Intake]
HOUR = timedelta(hours=1)
KEYS = ("aa", "bb", "cc", "dd")
RELEASES = (None, "one", "two", "three")

SEEN = st.tuples(
    st.sampled_from(KEYS), st.integers(-300, 300), st.sampled_from(RELEASES), st.sampled_from(["", "prod"]),
    st.integers(0, 5),
)  # fmt: skip
NUMBERS = st.integers(1, len(KEYS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("merge"), NUMBERS, NUMBERS),
        st.tuples(st.just("unmerge"), NUMBERS, NUMBERS),
        st.tuples(st.just("undo"), NUMBERS, NUMBERS),
        st.tuples(st.just("mute"), NUMBERS, NUMBERS),
        st.tuples(st.just("close"), NUMBERS, NUMBERS),
        st.tuples(st.just("seen"), SEEN, st.just(0)),
    ),
    max_size=14,
)


def figures(engine: Engine, number: int) -> tuple[Any, ...]:
    """What a bug shows of its events."""
    row = queries.bug_page(engine, number, now=NOW).row
    return row.count, row.first_seen, row.last_seen, row.release, row.environment


def everything(engine: Engine) -> dict[str, Any]:
    """Every row that says what belongs to which bug."""
    columns: dict[type[Row], tuple[str, ...]] = {
        Bug: ("number", "state", "is_recurrence", "closed_as", "merged_into", "count", "first_seen", "last_seen",
              "first_release", "last_release", "environment"),
        FingerprintRow: ("key", "bug_id", "home_id", "count", "first_seen", "last_seen", "last_release"),
        Occurrence: ("id", "bug_id", "fingerprint_id"),
        Tally: ("fingerprint_id", "hour", "count"),
    }  # fmt: skip
    with engine.connect() as connection:
        return {
            model.__name__: sorted(
                map(tuple, connection.execute(sa.select(*(table_of(model).c[name] for name in names)))), key=repr
            )
            for model, names in columns.items()
        }


@pytest.fixture
def two(any_engine: Engine, carry_into: Carry) -> Engine:
    """A store with B-001, seen twice, and B-002, seen three times, earlier and later."""
    carry_into(any_engine, make_event(key="aa", release="r2"), make_event(key="aa", at=NOW + HOUR, release="r2"))
    carry_into(
        any_engine,
        make_event(key="bb", at=NOW - HOUR, release="r1"),
        make_event(key="bb", release="r2"),
        make_event(key="bb", at=NOW + 2 * HOUR, release="r3", environment="staging"),
    )
    return any_engine


def merge(engine: Engine, *numbers: int, **more: Any) -> acts.Done:
    return acts.merge(engine, numbers, by="Ada", now=NOW + 3 * HOUR, **more)


def unmerge(engine: Engine, *numbers: int) -> acts.Done:
    return acts.unmerge(engine, numbers, by="Ada", now=NOW + 4 * HOUR)


def test_a_merge_adds_up_the_figures_in_the_oldest_bug(two: Engine) -> None:
    assert merge(two, 2, 1).text == "B-002 merged into B-001."
    assert figures(two, 1) == (5, NOW - HOUR, NOW + 2 * HOUR, "r3", "staging")
    page = queries.bug_page(two, 1, now=NOW + 2 * HOUR)
    assert [key for key, _parts in page.fingerprints] == ["aa", "bb"]
    assert [(bug.label, bug.fingerprints) for bug in page.merged] == [("B-002", ("bb",))]
    assert len(page.occurrences) == 5
    assert page.row.trend[-4:] == (1, 2, 1, 1)


def test_the_merged_bug_is_closed_says_where_it_went_and_keeps_what_was_its_own(two: Engine) -> None:
    before = figures(two, 2)
    merge(two, 1, 2, reason="same cause")
    page = queries.bug_page(two, 2, now=NOW)
    assert (page.row.state, page.row.closed_as, page.row.merged_into) == ("closed", "merged", 1)
    assert page.history[-1].reason == "merged into B-001: same cause"
    assert figures(two, 2) == before
    assert page.row.fingerprint == "bb"


def test_events_follow_a_merge_and_its_end(two: Engine, carry_into: Carry) -> None:
    merge(two, 1, 2)
    outcome = carry_into(two, make_event(key="bb", at=NOW + 5 * HOUR, release="new"))
    assert (outcome.new_bugs, outcome.reopened) == ((), ())
    assert figures(two, 1)[:4] == (6, NOW - HOUR, NOW + 5 * HOUR, "new")
    unmerge(two, 2)
    assert figures(two, 2)[:4] == (4, NOW - HOUR, NOW + 5 * HOUR, "new")
    assert figures(two, 1)[:4] == (2, NOW, NOW + HOUR, "r2")
    carry_into(two, make_event(key="bb", at=NOW + 6 * HOUR))
    assert (figures(two, 1)[0], figures(two, 2)[0]) == (2, 5)


def test_a_merge_that_is_taken_back_leaves_no_trace_in_any_figure(two: Engine) -> None:
    before = everything(two)
    merge(two, 1, 2, into=2)
    assert everything(two) != before
    unmerge(two, 1)
    assert everything(two) == before


def test_an_undone_merge_leaves_no_trace_either(two: Engine) -> None:
    acts.mute(two, [2], acts.MuteTerms(events=9), by="Ada", now=NOW)
    before = everything(two)
    done = merge(two, 1, 2)
    acts.undo(two, done.acts, by="Ada", now=NOW + 4 * HOUR)
    assert everything(two) == before
    assert queries.bug_page(two, 2, now=NOW).row.mute_events == 9
    with pytest.raises(Refused, match="undone already"):
        acts.undo(two, done.acts, by="Ada", now=NOW + 5 * HOUR)


def test_chains_of_merges_come_apart_in_any_order(two: Engine, carry_into: Carry) -> None:
    carry_into(two, make_event(key="cc"))
    before = everything(two)
    merge(two, 2, 3)
    merge(two, 1, 2)
    assert figures(two, 1)[0] == 6
    assert [bug.label for bug in queries.bug_page(two, 1, now=NOW).merged] == ["B-002", "B-003"]
    unmerge(two, 2)
    assert (figures(two, 1)[0], figures(two, 2)[0]) == (2, 4)
    merge(two, 1, 2)
    unmerge(two, 3)
    assert (figures(two, 1)[0], figures(two, 3)[0]) == (5, 1)
    unmerge(two, 2)
    assert everything(two) == before


def test_the_issue_of_a_merged_bug_is_closed_with_a_word_and_opened_again(two: Engine) -> None:
    def owed() -> list[tuple[int, str]]:
        table = table_of(OutboxRow)
        with two.begin() as connection:
            found = connection.execute(sa.select(table.c.bug_id, table.c.kind).order_by(table.c.id)).all()
            connection.execute(sa.delete(table))
        return [tuple(row) for row in found]

    owed()
    merge(two, 1, 2)
    assert owed() == [(2, "comment_issue"), (2, "close_issue"), (2, "write_file"), (1, "write_file")]
    unmerge(two, 2)
    assert owed() == [(2, "comment_issue"), (2, "reopen_issue"), (2, "write_file"), (1, "write_file")]


@pytest.mark.parametrize(
    ("state", "of", "match"),
    [
        ("fixing", 2, "B-002 is being fixed"),
        ("review", 2, "B-002 has a fix to decide on"),
        ("closed", 1, "B-001 is closed, and B-002 is open"),
    ],
)
def test_what_cannot_be_merged_is_refused_and_nothing_is_written(two: Engine, state: Any, of: int, match: str) -> None:
    from capture.store.lifecycle import Actor

    acts.change_state(two, of, state, by=Actor("person", "Ada"), reason="", now=NOW)
    before = everything(two)
    with pytest.raises(Refused, match=match) as caught:
        merge(two, 1, 2)
    assert caught.value.cure
    assert everything(two) == before


def test_a_bug_being_fixed_may_take_others_in(two: Engine) -> None:
    from capture.store.lifecycle import Actor

    acts.change_state(two, 1, "fixing", by=Actor("person", "Ada"), reason="", now=NOW)
    merge(two, 1, 2)
    assert queries.bug_page(two, 1, now=NOW).row.state == "fixing"


def test_merging_one_bug_twice_or_alone_or_across_projects_is_refused(two: Engine, carry_into: Carry) -> None:
    with pytest.raises(UsageError, match="at least two"):
        merge(two, 1)
    carry_into(two, make_event(key="cc", project="shop"))
    with pytest.raises(Refused, match="different projects"):
        merge(two, 1, 3)
    merge(two, 1, 2)
    with pytest.raises(Refused, match="B-002 was merged into B-001"):
        merge(two, 2, 1)
    with pytest.raises(Refused, match="cannot be reopened") as caught:
        acts.reopen(two, [2], reason="x", by="Ada", now=NOW)
    assert "unmerge B-002" in caught.value.cure
    with pytest.raises(Refused, match="B-001 was not merged") as caught:
        unmerge(two, 1)
    assert "unmerge B-002" in caught.value.cure


def test_bugs_raised_at_the_same_place_are_named_on_the_page(two: Engine) -> None:
    assert [bug.label for bug in queries.bug_page(two, 1, now=NOW).alike] == ["B-002"]
    merge(two, 1, 2)
    assert queries.bug_page(two, 1, now=NOW).alike == ()


def test_a_fault_inside_a_library_is_named_on_the_pages_of_other_routes(any_engine: Engine, carry_into: Carry) -> None:
    connect = Frame(module="psycopg.connection", function="connect", filename="/l.py", lineno=1, in_app=False)
    error = ExceptionInfo(type="OperationalError", module="django.db.utils", frames=(connect,))
    for route in ("/pets/", "/owners/"):
        found = fingerprint(exceptions=(error,), route=route, status=500)
        carry_into(any_engine, make_event(exceptions=(error,), fingerprint=found))
    assert [bug.label for bug in queries.bug_page(any_engine, 1, now=NOW).alike] == ["B-002"]


class Life:
    """A store in which events arrive while somebody acts; it knows what each bug's own events were."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock = engine, NOW
        self.own: list[tuple[Any, ...]] = []
        self.done: list[tuple[int, ...]] = []
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())

    def see(self, entry: tuple[Any, ...]) -> None:
        key, minutes, release, environment, counted = entry
        at = NOW + timedelta(minutes=minutes)
        event = make_event(key=key, at=at, release=release, environment=environment)
        counts = [Counted("clinic", key, at, counted, release, environment)] if counted else []
        take_in(self.engine, Batch(f"j{len(self.own)}", 0, 1, 1 + counted, [event, *counts]), now=NOW)
        self.own.append((key, at, release, environment, 1 + counted))

    def act(self, what: str, first: Any, second: int) -> None:
        self.clock += HOUR
        if what == "seen":
            self.see(first)
        elif what != "undo":
            with suppress(WorkbenchError):
                self.done.append(_do(self.engine, what, first, second, self.clock).acts)
        elif self.done:
            with suppress(WorkbenchError):
                acts.undo(self.engine, self.done.pop(), by="Ada", now=self.clock)

    def come_apart(self) -> None:
        for number in range(len(KEYS), 0, -1):
            with suppress(Refused):
                acts.unmerge(self.engine, [number], by="Ada", now=self.clock + HOUR)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=st.lists(SEEN, max_size=12), steps=STEPS)
def test_whatever_is_done_the_figures_are_those_of_never_having_merged(
    engine: Engine, seen: list[Any], steps: list[Any]
) -> None:
    """Any acts and events in any order: taken apart again, every bug is what its own events make it."""
    life = Life(engine)
    for entry in [*((key, 0, "one", "prod", 0) for key in KEYS), *seen]:
        life.see(entry)
    for step in steps:
        life.act(*step)
        _check_sums(engine, life.own)
    life.come_apart()
    for number, key in enumerate(KEYS, 1):
        assert figures(engine, number) == _alone([entry for entry in life.own if entry[0] == key])


def _do(engine: Engine, what: str, first: int, second: int, now: datetime) -> acts.Done:
    if what == "merge":
        return acts.merge(engine, [first, second], into=first, by="Ada", now=now)
    if what == "unmerge":
        return acts.unmerge(engine, [first], by="Ada", now=now)
    if what == "mute":
        return acts.mute(engine, [first], acts.FOR_GOOD, by="Ada", now=now)
    return acts.close(engine, [first], "not a bug", reason="x", by="Ada", now=now)


def _check_sums(engine: Engine, own: list[tuple[Any, ...]]) -> None:
    """Nothing is counted twice or lost, and every occurrence is where its fingerprint is."""
    with engine.connect() as connection:
        bug, fingerprint = table_of(Bug), table_of(FingerprintRow)
        occurrence, tally = table_of(Occurrence), table_of(Tally)
        living = connection.scalar(sa.select(sa.func.sum(bug.c.count)).where(bug.c.merged_into.is_(None)))
        tallied = connection.scalar(sa.select(sa.func.sum(tally.c.count)))
        assert living == tallied == sum(entry[-1] for entry in own)
        astray = (
            sa.select(sa.func.count())
            .select_from(occurrence.join(fingerprint, fingerprint.c.id == occurrence.c.fingerprint_id))
            .where(occurrence.c.bug_id != fingerprint.c.bug_id)
        )
        assert connection.scalar(astray) == 0


def _alone(entries: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    first, last, release, environment = entries[0][1], entries[0][1], None, ""
    for _key, at, seen_in, where, _count in entries:
        first = min(first, at)
        if at >= last:
            last, release, environment = at, seen_in or release, where or environment
    return sum(entry[-1] for entry in entries), first, last, release, environment
