"""A batch of events becomes bugs, occurrences, tallies and a line of the ledger, all or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.errors import StoreBusy
from capture.event import Fingerprint, Part, Request
from capture.store import intake, releases, sightings
from capture.store.engine import writing
from capture.store.intake import Batch, Counted, Intake, take_in
from capture.store.payloads import open_event
from capture.store.tables import Bug, OutboxRow, table_of
from capture.testing import NOW, make_event

Rows = Callable[..., list[Any]]
Carry = Callable[..., Intake]
KEY = make_event().fingerprint.key


def test_the_first_event_of_a_fault_opens_a_bug(carry: Carry, rows: Rows) -> None:
    assert carry(make_event()) == Intake(stored=1, new_bugs=(1,))
    (bug,) = rows("bug")
    assert (bug["number"], bug["state"], bug["title"]) == (1, "open", "KeyError: 'rabbit' in price_of")
    assert (bug["kind"], bug["exception_type"], bug["status_code"]) == ("exception", "KeyError", 500)
    assert (bug["method"], bug["route"]) == ("GET", "/api/visits/<int:pk>/price/")
    assert (bug["first_release"], bug["last_release"], bug["environment"]) == ("4f2d1c0", "4f2d1c0", "production")
    assert (bug["count"], bug["first_seen"], bug["last_seen"]) == (1, NOW, NOW)
    (step,) = rows("transition")
    assert (step["from_state"], step["to_state"], step["actor_kind"], step["actor"]) == (
        None,
        "open",
        "system",
        "capture",
    )
    assert sorted(rows("outbox", "kind")) == ["open_issue", "write_file"]
    (fingerprint,) = rows("fingerprint")
    assert (fingerprint["project"], fingerprint["key"], fingerprint["bug_id"]) == ("clinic", KEY, bug["id"])
    assert fingerprint["parts"][0]["name"] == "exception"


def test_a_stored_event_comes_back_as_it_was(carry: Carry, rows: Rows) -> None:
    event = make_event(user_id="7")
    carry(event)
    (occurrence,) = rows("occurrence")
    assert open_event(occurrence["payload"]) == event
    assert (occurrence["path"], occurrence["release"], occurrence["user_id"]) == (
        "/api/visits/7/price/",
        "4f2d1c0",
        "7",
    )


def test_events_of_one_fingerprint_are_one_bug(carry: Carry, rows: Rows) -> None:
    carry(make_event(), make_event())
    carry(make_event(at=NOW + timedelta(minutes=5)))
    (bug,) = rows("bug")
    assert (bug["count"], bug["last_seen"]) == (3, NOW + timedelta(minutes=5))


def test_the_same_key_in_another_project_is_another_bug(carry: Carry, rows: Rows) -> None:
    assert carry(make_event(), make_event(project="shop")).new_bugs == (1, 2)


def test_events_are_tallied_by_the_hour_in_which_they_happened(carry: Carry, rows: Rows) -> None:
    carry(*(make_event(at=NOW + timedelta(minutes=minutes)) for minutes in (0, 59, 60, -1)))
    found = {row["hour"]: row["count"] for row in rows("tally")}
    assert found == {NOW - timedelta(hours=1): 1, NOW: 2, NOW + timedelta(hours=1): 1}


def test_an_event_that_comes_late_moves_first_seen_and_not_last_seen(carry: Carry, rows: Rows) -> None:
    carry(make_event(release="new"))
    carry(make_event(at=NOW - timedelta(days=1), release="old", environment="staging"))
    (bug,) = rows("bug")
    assert (bug["first_seen"], bug["first_release"]) == (NOW - timedelta(days=1), "old")
    assert (bug["last_seen"], bug["last_release"], bug["environment"]) == (NOW, "new", "production")


def test_counted_events_raise_the_count_without_an_occurrence(carry: Carry, rows: Rows) -> None:
    outcome = carry(make_event(), counted=[Counted("clinic", KEY, NOW + timedelta(hours=1), 41)])
    assert (outcome.stored, outcome.counted) == (1, 41)
    (bug,) = rows("bug")
    assert (bug["count"], bug["last_seen"]) == (42, NOW + timedelta(hours=1))
    assert (bug["last_release"], bug["environment"]) == ("4f2d1c0", "production")
    assert len(rows("occurrence")) == 1
    assert sum(rows("tally", "count")) == 42


def test_a_count_of_an_unknown_fingerprint_is_dropped_and_accounted_for(carry: Carry, rows: Rows) -> None:
    assert carry(counted=[Counted("clinic", "unknown", NOW, 5)]).counted == 0
    (journal,) = rows("journal")
    assert (journal["seen"], journal["dropped"]) == (5, {"unknown_fingerprint": 5})
    assert rows("bug") == []


def test_the_ledger_holds_what_the_journal_says_was_dropped(carry: Carry, rows: Rows) -> None:
    carry(make_event(), dropped={"disk_full": 2})
    carry(dropped={"disk_full": 1, "too_large": 4})
    (journal,) = rows("journal")
    assert journal["dropped"] == {"disk_full": 3, "too_large": 4}
    assert journal["seen"] == journal["stored"] + journal["counted"] + sum(journal["dropped"].values()) == 8


def test_bytes_that_were_carried_already_are_stale(any_engine: Engine, rows: Rows) -> None:
    batch = Batch("journal-1", 0, 10, 1, [make_event()])
    assert not take_in(any_engine, batch, now=NOW).stale
    assert take_in(any_engine, batch, now=NOW) == Intake(stale=True)
    assert take_in(any_engine, Batch("journal-1", 5, 20, 2, [make_event()]), now=NOW).stale
    assert [row["count"] for row in rows("bug")] == [1]


def test_a_stale_batch_writes_nothing_at_all(any_engine: Engine, rows: Rows) -> None:
    assert take_in(any_engine, Batch("never seen", 5, 20, 2, [make_event()]), now=NOW).stale
    assert rows("journal") == rows("bug") == []


def test_an_event_that_another_journal_brought_is_a_duplicate(carry: Carry, rows: Rows) -> None:
    event = make_event()
    carry(event)
    outcome = carry(event, event, journal="a copy of the journal")
    assert (outcome.stored, outcome.duplicates, outcome.new_bugs) == (0, 2, ())
    assert [row["count"] for row in rows("bug")] == [1]
    assert {row["name"]: row["dropped"] for row in rows("journal")} == {
        "journal-1": {},
        "a copy of the journal": {"duplicate": 2},
    }


def test_an_event_twice_in_one_batch_is_stored_once(carry: Carry, rows: Rows) -> None:
    event = make_event()
    assert carry(event, event) == Intake(stored=1, duplicates=1, new_bugs=(1,))


def test_an_empty_batch_moves_the_journal_on(any_engine: Engine, rows: Rows) -> None:
    assert take_in(any_engine, Batch("journal-1", 0, 7, 0, []), now=NOW) == Intake()
    assert rows("journal", "offset") == [7]


def test_numbers_go_up_without_gaps_in_order_of_appearance(carry: Carry, rows: Rows) -> None:
    assert carry(*(make_event(key=key) for key in ("cc", "aa", "cc", "bb"))).new_bugs == (1, 2, 3)
    assert carry(make_event(key="dd")).new_bugs == (4,)


def test_an_event_without_a_request_or_an_exception_is_taken_in(carry: Carry, rows: Rows) -> None:
    carry(make_event(kind="message", exceptions=(), request=None, status=None, release=None, user_id=None))
    (bug,) = rows("bug")
    assert (bug["exception_type"], bug["status_code"], bug["method"], bug["route"], bug["last_release"]) == (None,) * 5


def test_what_no_database_can_hold_is_replaced_and_not_lost(carry: Carry, rows: Rows) -> None:
    parts = (Part(name="path", value="\0", why=""),)
    hostile = make_event(
        title="nul \0 here",
        project="cli\0nic",
        environment="\0",
        release="v1\0",
        user_id="\0",
        fingerprint=Fingerprint(key="a\0", version="1", parts=parts),
        request=Request(method="GET", path="/\0", route="/\0"),
    )
    carry(hostile)
    carry(make_event(project="cli\0nic", key="a\0"), counted=[Counted("cli\0nic", "a\0", NOW, 2)])
    (bug,) = rows("bug")
    assert (bug["title"], bug["project"], bug["count"]) == ("nul � here", "cli�nic", 4)


def test_long_text_is_bounded_in_columns_and_kept_in_the_payload(carry: Carry, rows: Rows) -> None:
    long = "x" * 100_000
    carry(
        make_event(title=long, release=long, environment=long, user_id=long, request=Request(method="GET", path=long))
    )
    (bug,), (occurrence,) = rows("bug"), rows("occurrence")
    assert (len(bug["title"]), len(bug["last_release"]), len(occurrence["path"])) == (300, 200, 2_000)
    assert open_event(occurrence["payload"]).title == long


def test_a_time_without_a_zone_is_taken_as_utc(carry: Carry, rows: Rows) -> None:
    carry(make_event(at=datetime(2026, 11, 22, 12)))  # noqa: DTZ001 (the case)
    assert rows("bug", "last_seen") == [NOW]


def test_a_batch_as_large_as_they_come_fits_into_the_statements(carry: Carry, rows: Rows) -> None:
    events = [make_event(key=f"{number % 500:x}") for number in range(10_000)]
    assert carry(*events).stored == 10_000
    assert sum(rows("bug", "count")) == 10_000


def test_new_bugs_fit_into_the_statements_of_an_old_sqlite(engine: Engine) -> None:
    """Before 3.32 a statement has room for 999 values."""

    @sa.event.listens_for(engine, "connect")
    def limit(connection: Any, _record: Any) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)

    engine.dispose()
    events = [make_event(key=f"{number:x}") for number in range(200)]
    assert take_in(engine, Batch("journal-1", 0, 200, 200, events), now=NOW).stored == 200


def test_nothing_is_written_when_a_batch_fails_on_its_way(
    any_engine: Engine, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch("journal-1", 0, 10, 1, [make_event()])
    with monkeypatch.context() as patch:
        patch.setattr(intake, "_enter", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take_in(any_engine, batch, now=NOW)
    assert all(rows(table) == [] for table in ("bug", "occurrence", "tally", "journal", "outbox", "transition"))
    assert take_in(any_engine, batch, now=NOW).stored == 1


def test_a_locked_database_is_told_and_the_batch_may_be_given_again(engine: Engine) -> None:
    impatient = sa.create_engine(engine.url, connect_args={"timeout": 0.05})
    sa.event.listen(impatient, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    sa.event.listen(impatient, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
    batch = Batch("journal-1", 0, 10, 1, [make_event()])
    with writing(engine).begin(), pytest.raises(StoreBusy, match="stayed locked"):
        take_in(impatient, batch, now=NOW)
    assert take_in(engine, batch, now=NOW).stored == 1
    impatient.dispose()


# Recurrences.


def close(engine: Engine, *, at: datetime) -> None:
    from sqlmodel import Session

    from capture.store import lifecycle

    with Session(writing(engine)) as session:
        bug = session.get_one(Bug, 1)
        lifecycle.move(session, bug, "closed", by=lifecycle.Actor("person", "Ada"), reason="fixed", now=at)
        session.commit()
    with engine.begin() as connection:
        connection.execute(table_of(OutboxRow).delete())


LATER = NOW + timedelta(hours=2)


@pytest.fixture
def closed(carry: Carry, any_engine: Engine) -> Engine:
    """A bug seen in the releases "one" and "two", closed an hour later."""
    carry(make_event(release="one"), make_event(release="two"), make_event(release="one"))
    close(any_engine, at=NOW + timedelta(hours=1))
    return any_engine


@pytest.mark.parametrize("release", ["three", None], ids=["a later release", "no release"])
def test_a_closed_bug_that_is_seen_in_a_new_release_comes_back(
    closed: Engine, carry: Carry, rows: Rows, release: str | None
) -> None:
    event = make_event(release=release, at=LATER)
    assert carry(event, make_event(release=release, at=LATER), now=LATER).reopened == (1,)
    (bug,) = rows("bug")
    assert (bug["state"], bug["is_recurrence"], bug["count"]) == ("open", True, 5)
    step = rows("transition")[-1]
    assert (step["from_state"], step["to_state"], step["actor"]) == ("closed", "open", "capture")
    assert step["reason"] == ("seen again in release three" if release else "seen again in a release without a name")
    owed = {row["kind"]: row["body"] for row in rows("outbox")}
    assert set(owed) == {"reopen_issue", "comment_issue", "write_file"}
    assert (owed["comment_issue"]["event"], owed["comment_issue"]["release"]) == (event.id, release)


def test_a_count_can_show_a_recurrence_as_well(closed: Engine, carry: Carry, rows: Rows) -> None:
    assert carry(counted=[Counted("clinic", KEY, LATER, 3, "three")], now=LATER).reopened == (1,)


@pytest.mark.parametrize("release", ["one", "two"])
def test_an_event_from_a_release_before_the_fix_only_counts(
    closed: Engine, carry: Carry, rows: Rows, release: str
) -> None:
    assert carry(make_event(release=release, at=LATER), now=LATER).reopened == ()
    assert [(row["state"], row["count"]) for row in rows("bug")] == [("closed", 4)]
    assert rows("outbox") == []


def test_an_event_from_before_the_sign_off_only_counts_and_names_a_release_from_before_the_fix(
    closed: Engine, carry: Carry, rows: Rows
) -> None:
    outcome = carry(make_event(release="three"), make_event(release="three", at=LATER), now=LATER)
    assert outcome.reopened == ()


@pytest.fixture
def answered(closed: Engine) -> Engine:
    """The same bug, of whose fix git has said that "one" and "four" hold it, and "three" does not."""
    with closed.begin() as connection:
        connection.execute(table_of(Bug).update().values(fix_commit="f1x"))
        releases.answer(connection, {("f1x", "one"): True, ("f1x", "three"): False, ("f1x", "four"): True}, now=NOW)
    return closed


@pytest.mark.parametrize(
    ("release", "is_back"),
    [("one", True), ("two", False), ("three", False), ("four", True), ("five", True)],
    ids=["was out before the sign-off", "nobody said", "new and without it", "new and with it", "new, nobody said"],
)
def test_a_bug_comes_back_in_a_release_that_holds_its_fix(
    answered: Engine, carry: Carry, rows: Rows, release: str, *, is_back: bool
) -> None:
    assert carry(make_event(release=release, at=LATER), now=LATER).reopened == ((1,) if is_back else ())
    assert rows("bug", "count") == [4]
    if release in ("one", "four"):
        assert rows("transition")[-1]["reason"] == f"seen again in release {release}, which holds the fix"


def test_without_a_release_a_bug_comes_back_once_the_quiet_period_is_over(
    closed: Engine, carry: Carry, rows: Rows
) -> None:
    with closed.begin() as connection:
        connection.execute(table_of(Bug).update().values(quiet_until=LATER))
    assert carry(make_event(release=None, at=LATER), now=LATER).reopened == ()
    after = LATER + timedelta(seconds=1)
    assert carry(make_event(release=None, at=after), now=after).reopened == (1,)


def test_releases_are_remembered_with_their_first_event(carry: Carry, rows: Rows) -> None:
    carry(make_event(release="one", at=LATER), make_event(release="one"), make_event(release=None))
    carry(make_event(release="one", at=NOW - timedelta(days=1)), make_event(release="two"))
    found = {(row["project"], row["name"]): row["first_seen"] for row in rows("release")}
    assert found == {("clinic", "one"): NOW, ("clinic", "two"): NOW}


def test_a_bug_that_came_back_can_be_closed_and_come_back_again(closed: Engine, carry: Carry, rows: Rows) -> None:
    carry(make_event(release="three", at=LATER), now=LATER)
    close(closed, at=LATER + timedelta(hours=1))
    assert not rows("bug")[0]["is_recurrence"]
    later = LATER + timedelta(hours=2)
    assert carry(make_event(release="three", at=later), now=later).reopened == ()
    assert carry(make_event(release="four", at=later), now=later).reopened == (1,)
    assert len([kind for kind in rows("outbox", "kind") if kind == "comment_issue"]) == 1


def test_a_muted_bug_stays_muted(carry: Carry, rows: Rows, any_engine: Engine) -> None:
    carry(make_event())
    with any_engine.begin() as connection:
        connection.execute(table_of(Bug).update().values(state="muted"))
    assert carry(make_event(release="next")).reopened == ()
    assert [(row["state"], row["count"]) for row in rows("bug")] == [("muted", 2)]


def test_no_bug_is_locked_for_a_batch_without_events(any_engine: Engine) -> None:
    from sqlmodel import Session

    with Session(writing(any_engine)) as session:
        assert sightings.lock_bugs(session, []) == {}
