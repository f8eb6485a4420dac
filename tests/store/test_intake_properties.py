"""However a stream of events is cut into batches, and however often each is given: the same bugs, counts, ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.event import Event
from capture.store import lifecycle
from capture.store.engine import writing
from capture.store.intake import Batch, Counted, take_in
from capture.store.tables import Bug
from capture.testing import NOW, make_event

Entry = Event | Counted
KEYS = ("aa", "bb", "cc", "dd")
RELEASES = (None, "one", "two", "three")
CLOSED_AT = NOW + timedelta(hours=3)


ENTRIES = st.tuples(
    st.sampled_from(["event", "event", "event", "twice", "counted", "unknown"]),
    st.sampled_from(KEYS),
    st.integers(-120, 600),
    st.sampled_from(RELEASES),
    st.integers(1, 50),
)
STREAMS = st.lists(ENTRIES, max_size=20)
CUTS = st.lists(st.integers(0, 20), max_size=8)


def stream_of(entries: list[tuple[str, str, int, str | None, int]]) -> list[Entry]:
    """Events of a few faults and releases around the closing of the first, some of them twice, and counts."""
    stream: list[Entry] = []
    for position, (kind, key, minutes, release, count) in enumerate(entries):
        at = NOW + timedelta(minutes=minutes)
        events = [entry for entry in stream if isinstance(entry, Event)]
        if kind == "twice" and events:
            stream.append(events[count % len(events)])
        elif kind == "counted" and (key == KEYS[0] or any(entry.fingerprint.key == key for entry in events)):
            # What is counted only was stored before; else it is of a fault that nobody knows.
            stream.append(Counted("clinic", key, at, count, release))
        elif kind == "unknown":
            stream.append(Counted("clinic", "never stored", at, 2))
        else:
            stream.append(make_event(id=f"{position:032x}", key=key, at=at, release=release, title=f"fault {key}"))
    return stream


def batches(stream: list[Entry], cuts: Iterable[int], journal: str) -> list[Batch]:
    """Cut the stream before each position of `cuts`; one entry is one byte, for the offsets."""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    made = []
    for start, end in pairwise(edges):
        some = stream[start:end]
        seen = sum(1 if isinstance(entry, Event) else entry.count for entry in stream[:end])
        made.append(Batch(journal, start, end, seen, some))
    return made


def begin(engine: Engine) -> None:
    """Store one event of the first fault, and close its bug."""
    take_in(
        engine,
        Batch("before", 0, 1, 1, [make_event(id="f" * 32, key=KEYS[0], release="one", title="fault aa")]),
        now=NOW,
    )
    with Session(writing(engine)) as session:
        bug = session.get_one(Bug, 1)
        lifecycle.move(session, bug, "closed", by=lifecycle.Actor("person", "Ada"), reason="", now=CLOSED_AT)
        session.commit()


def picture(rows: Callable[..., list[Any]]) -> dict[str, Any]:
    """Everything that must not depend on the cuts."""
    left_out = {"changed_at", "updated_at", "offset"}
    tables = ("bug", "fingerprint", "occurrence", "tally", "journal")
    shown: dict[str, Any] = {
        table: sorted(
            sorted((key, str(value)) for key, value in row.items() if key not in left_out) for row in rows(table)
        )
        for table in tables
    }
    steps = [(row["bug_id"], row["from_state"], row["to_state"], row["reason"]) for row in rows("transition")]
    shown["history"] = sorted(steps, key=lambda step: step[0])  # the order within each bug
    shown["owed"] = sorted((row["bug_id"], row["kind"]) for row in rows("outbox"))
    return shown


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=STREAMS, cuts=CUTS, times=st.integers(1, 3))
@example(entries=[("event", "aa", 531, "two", 1), ("event", "aa", 0, "two", 1)], cuts=[1], times=1)
@example(entries=[("counted", "aa", 60, "two", 3), ("event", "aa", 60, "three", 1)], cuts=[1], times=1)
@example(entries=[("counted", "aa", 300, "two", 3), ("event", "aa", 301, "three", 1)], cuts=[1], times=1)
@example(
    entries=[("event", "bb", 9, None, 1), ("counted", "bb", 9, "one", 2), ("event", "bb", 9, "two", 1)],
    cuts=[2],
    times=1,
)
def test_cuts_and_repeats_change_nothing(
    wipe: Callable[[], Engine], rows: Callable[..., list[Any]], entries: list[Any], cuts: list[int], times: int
) -> None:
    stream = stream_of(entries)
    engine = wipe()
    begin(engine)
    for batch in batches(stream, [], "journal"):
        take_in(engine, batch, now=NOW)
    whole = picture(rows)

    engine = wipe()
    begin(engine)
    cut = batches(stream, cuts, "journal")
    for batch in cut:
        outcomes = [take_in(engine, batch, now=NOW) for _ in range(times)]
        assert not outcomes[0].stale
        assert all(outcome.stale for outcome in outcomes[1:])
    for batch in cut:
        assert take_in(engine, batch, now=NOW).stale
    assert picture(rows) == whole
    for journal in rows("journal"):
        dropped = sum(journal["dropped"].values())
        assert journal["seen"] == journal["stored"] + journal["counted"] + dropped


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=STREAMS, cuts=CUTS)
def test_a_copy_of_a_journal_adds_no_event(
    wipe: Callable[[], Engine], rows: Callable[..., list[Any]], entries: list[Any], cuts: list[int]
) -> None:
    engine = wipe()
    events: list[Entry] = [entry for entry in stream_of(entries) if isinstance(entry, Event)]
    for batch in batches(events, [], "journal"):
        take_in(engine, batch, now=NOW)
    before = rows("bug"), rows("occurrence"), rows("tally")
    for batch in batches(events, cuts, "a copy"):
        assert take_in(engine, batch, now=NOW).stored == 0
    assert (rows("bug"), rows("occurrence"), rows("tally")) == before
    for journal in rows("journal"):
        assert journal["seen"] == journal["stored"] + sum(journal["dropped"].values())
