"""What screens and commands read, on both databases and in a handful of statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store import releases
from capture.store.engine import writing
from capture.store.intake import Intake
from capture.store.tables import (
    Bug,
    EvidenceRow,
    FixSession,
    Issue,
    JournalRow,
    Row,
    SessionRequest,
    SignOff,
    TranscriptEntry,
    table_of,
)
from capture.testing import NOW, make_event
from workbench.bugs import queries
from workbench.bugs.rows import BugRow, IssueLink
from workbench.errors import NotFound, UsageError

Carry = Callable[..., Intake]
HOUR = timedelta(hours=1)


def add(engine: Engine, *rows: Row) -> None:
    with Session(writing(engine)) as session:
        for row in rows:
            session.add(row)
            session.flush()
        session.commit()


def fix(identity: str, *, bug_id: int = 1, **changes: Any) -> FixSession:
    given: dict[str, Any] = {
        "state": "working", "launched_by": "Ada", "repository": "/r", "branch": "b", "worktree": "/w",
        "base_commit": "c0", "started_at": NOW,
    }  # fmt: skip
    return FixSession(id=identity, bug_id=bug_id, **(given | changes))


def numbers(rows: list[BugRow]) -> list[int]:
    return [row.number for row in rows]


def test_an_empty_store_has_no_bugs(any_engine: Engine) -> None:
    assert queries.list_bugs(any_engine, now=NOW) == []
    assert queries.sessions(any_engine) == []
    assert queries.ledger(any_engine) == queries.Ledger(0, 0, 0, {})


def test_a_row_says_what_is_known_of_a_bug(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event(), make_event(at=NOW - HOUR))
    add(any_engine, Issue(bug_id=1, repository="o/r", number=7, url="https://x/7", state="open", synced_at=NOW))
    add(any_engine, fix("s1", state="done"), fix("s2", state="working", started_at=NOW + HOUR))
    (row,) = queries.list_bugs(any_engine, now=NOW)
    assert row == BugRow(
        number=1, state="open", is_recurrence=False, title="KeyError: 'rabbit' in price_of", kind="exception",
        count=2, trend=(0,) * 22 + (1, 1), first_seen=NOW - HOUR, last_seen=NOW, exception_type="KeyError",
        status_code=500, method="GET", route="/api/visits/<int:pk>/price/", fingerprint="a1b2c3d4e5f60718",
        project="clinic", environment="production", release="4f2d1c0",
        issue=IssueLink("o/r", 7, "https://x/7", "open"), session_state="working",
    )  # fmt: skip
    assert row.label == "B-001"


def test_the_last_seen_bug_comes_first(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, *(make_event(key=str(hours), at=NOW - hours * HOUR) for hours in (2, 0, 1)))
    assert numbers(queries.list_bugs(any_engine, now=NOW)) == [2, 3, 1]


def test_a_trend_holds_this_hour_and_the_23_before_it(any_engine: Engine, carry_into: Carry) -> None:
    hours = (24, 23, 23, 5, 0, -1)
    carry_into(any_engine, *(make_event(at=NOW - hour * HOUR) for hour in hours), make_event(key="other"))
    now = NOW + timedelta(minutes=59)
    trend = [0] * 24
    trend[0], trend[18], trend[23] = 2, 1, 1
    listed = {row.number: row.trend for row in queries.list_bugs(any_engine, now=now)}
    assert listed[1] == queries.bug_page(any_engine, 1, now=now).row.trend == tuple(trend)
    assert listed[2] == (0,) * 23 + (1,)


def test_states_choose_bugs(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    assert numbers(queries.list_bugs(any_engine, now=NOW, states=["open", "review"])) == [1]
    assert queries.list_bugs(any_engine, now=NOW, states={"closed"}) == []
    assert queries.list_bugs(any_engine, now=NOW, states=[]) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [1, 2]),
        ("RABBIT", [1]),
        ("visits price", [1]),
        ("visits nowhere", []),
        ("100%", [2]),
        ("%", [2]),
        ("_", [1]),
        ("keyerror", [1, 2]),
        ("B-002", [2]),
        ("b1", [1]),
        ("4f2d1c0", [1]),
    ],
)
def test_each_word_of_a_text_has_to_be_found(
    any_engine: Engine, carry_into: Carry, text: str, found: list[int]
) -> None:
    other = make_event(key="other", title="load at 100%", request=None, release=None, at=NOW - HOUR)
    carry_into(any_engine, make_event(), other)
    assert numbers(queries.list_bugs(any_engine, now=NOW, text=text)) == found


def test_a_page_holds_all_that_belongs_to_a_bug(any_engine: Engine, carry_into: Carry) -> None:
    old, latest = make_event(at=NOW - HOUR), make_event(user_id="7")
    carry_into(any_engine, latest, old, make_event(key="another bug"))
    shared: dict[str, Any] = {
        "bug_id": 1,
        "base_commit": "c0",
        "result_commit": "c1",
        "reason": "",
        "started_at": NOW,
        "ended_at": NOW,
    }
    add(
        any_engine,
        fix("s1"),
        fix("s2", bug_id=2),
        EvidenceRow(verdict="refuted", **shared),
        EvidenceRow(verdict="demonstrated", flags=[{"kind": "skip"}], runs=[{"name": "base"}], **shared),
        SignOff(bug_id=1, decision="rejected", at=NOW, by="Ada", commit="c1", note="no"),
        SignOff(bug_id=1, decision="verified", at=NOW, by="Ada", commit="c1", evidence_id=2, note="yes"),
    )
    page = queries.bug_page(any_engine, 1, now=NOW)
    assert page.row == queries.list_bugs(any_engine, now=NOW, text="B-001")[0]
    assert [(key, parts[0].name) for key, parts in page.fingerprints] == [("a1b2c3d4e5f60718", "exception")]
    assert page.event == latest
    assert [row.id for row in page.occurrences] == [latest.id, old.id]
    assert (page.occurrences[0].user_id, page.occurrences[0].path) == ("7", "/api/visits/7/price/")
    assert [(step.from_state, step.to_state) for step in page.history] == [(None, "open")]
    assert [row.id for row in page.sessions] == ["s1"]
    assert page.evidence is not None
    assert (page.evidence.verdict, page.evidence.flags, page.evidence.runs) == (
        "demonstrated",
        ({"kind": "skip"},),
        ({"name": "base"},),
    )
    assert [decision.decision for decision in page.sign_offs] == ["verified", "rejected"]
    assert [owed.kind for owed in page.owed] == ["open_issue", "write_file"]


def test_a_bug_without_any_event_has_a_page(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    with any_engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM occurrence")
        connection.exec_driver_sql("DELETE FROM tally")
        connection.exec_driver_sql("DELETE FROM fingerprint")
    page = queries.bug_page(any_engine, 1, now=NOW)
    assert (page.event, page.occurrences, page.evidence, page.fingerprints) == (None, (), None, ())
    assert page.row.fingerprint == ""


def test_a_page_shows_so_many_occurrences_and_no_more(engine: Engine, carry_into: Carry) -> None:
    carry_into(engine, *(make_event(at=NOW + timedelta(seconds=n)) for n in range(120)))
    occurrences = queries.bug_page(engine, 1, now=NOW).occurrences
    assert len(occurrences) == 100
    assert occurrences[0].at == NOW + timedelta(seconds=119)


def test_no_bug_of_that_number(any_engine: Engine) -> None:
    with pytest.raises(NotFound, match="no bug B-042") as caught:
        queries.bug_page(any_engine, 42, now=NOW)
    assert "bugs list" in caught.value.cure


def test_an_occurrence_is_read_back_whole(any_engine: Engine, carry_into: Carry) -> None:
    event = make_event()
    carry_into(any_engine, event)
    assert queries.event(any_engine, event.id) == event
    with pytest.raises(NotFound, match="no occurrence 'x'"):
        queries.event(any_engine, "x")


def test_the_number_of_statements_does_not_grow(
    any_engine: Engine, carry_into: Carry, count_statements: Callable[..., Any]
) -> None:
    carry_into(any_engine, *(make_event(key=str(n)) for n in range(40)), *(make_event(key="0") for _ in range(40)))
    add(any_engine, *(fix(f"s{n}") for n in range(20)))
    with count_statements(any_engine) as statements:
        assert len(queries.list_bugs(any_engine, now=NOW)) == 40
    assert len([text for text in statements if text.startswith("SELECT")]) == 4
    with count_statements(any_engine) as statements:
        queries.bug_page(any_engine, 1, now=NOW)
    assert len([text for text in statements if text.startswith("SELECT")]) <= 18


def test_sessions_are_listed_the_latest_first(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event(), make_event(key="b"))
    add(any_engine, fix("aa-1"), fix("ab-2", started_at=NOW + HOUR, bug_id=2), fix("ab-3", started_at=NOW - HOUR))
    assert [row.id for row in queries.sessions(any_engine)] == ["ab-2", "aa-1", "ab-3"]
    assert [(row.id, row.bug) for row in queries.sessions(any_engine, bug=2)] == [("ab-2", 2)]


@pytest.mark.parametrize(("state", "is_live"), [("working", True), ("needs_input", True), ("done", False)])
def test_a_session_is_live_while_a_runner_is_expected(
    engine: Engine, carry_into: Carry, state: str, is_live: bool
) -> None:
    carry_into(engine, make_event())
    add(engine, fix("s1", state=state))
    assert queries.session(engine, "s1").is_live == is_live


def test_a_session_is_found_by_the_beginning_of_its_id(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    add(any_engine, fix("aa"), fix("ab"), fix("aab"))
    assert queries.session(any_engine, "ab").id == "ab"
    assert queries.session(any_engine, "aa").id == "aa"
    with pytest.raises(UsageError, match="3 fix sessions begin with 'a'"):
        queries.session(any_engine, "a")
    for nothing in ("", "zz", "%", "_b"):
        with pytest.raises(NotFound, match="no fix session"):
            queries.session(any_engine, nothing)


def test_a_transcript_is_read_on_from_where_one_stopped(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    add(any_engine, fix("s1"), fix("s2"))
    add(any_engine, *(TranscriptEntry(session_id="s1", at=NOW, kind="text", body={"n": n}) for n in range(5)))
    add(any_engine, TranscriptEntry(session_id="s2", at=NOW, kind="text", body={}))
    first = queries.transcript(any_engine, "s1", limit=3)
    rest = queries.transcript(any_engine, "s1", after=first[-1].id)
    assert [entry.body["n"] for entry in (*first, *rest)] == [0, 1, 2, 3, 4]
    assert queries.transcript(any_engine, "none") == []


def test_approvals_are_what_nobody_has_answered(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    asked: dict[str, Any] = {"session_id": "s1", "asked_at": NOW, "asked_by": "agent"}
    add(
        any_engine,
        fix("s1"),
        SessionRequest(kind="approval", body={"tool": "Bash"}, **asked),
        SessionRequest(kind="approval", answer="allow", answered_at=NOW, **asked),
        SessionRequest(kind="interrupt", **asked),
    )
    assert [row.body for row in queries.approvals(any_engine, "s1")] == [{"tool": "Bash"}]


def test_the_ledger_adds_all_journals_up(any_engine: Engine) -> None:
    add(
        any_engine,
        JournalRow(name="a", seen=10, stored=5, counted=3, dropped={"disk_full": 2}, updated_at=NOW),
        JournalRow(name="b", seen=4, stored=1, counted=0, dropped={"disk_full": 1, "too_large": 2}, updated_at=NOW),
    )
    ledger = queries.ledger(any_engine)
    assert ledger == queries.Ledger(14, 6, 3, {"disk_full": 3, "too_large": 2})
    assert ledger.balanced
    add(any_engine, JournalRow(name="c", seen=1, updated_at=NOW))
    assert not queries.ledger(any_engine).balanced


@pytest.mark.parametrize(("text", "number"), [("B-012", 12), ("b12", 12), ("12", 12), (" B-1234 ", 1234), ("b-1", 1)])
def test_a_number_is_understood_as_people_write_it(text: str, number: int) -> None:
    assert queries.parse_number(text) == number


@pytest.mark.parametrize("text", ["", "B-", "0", "B-000", "C-12", "12a", "-12", "B--12", "１２", "9" * 30, "B 12"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not the number of a bug") as caught:
        queries.parse_number(text)
    assert "B-012" in caught.value.cure


def test_a_page_says_which_of_its_releases_hold_the_fix(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, *(make_event(release=name) for name in ("one", "two", "three")))
    with writing(any_engine).begin() as connection:
        connection.execute(table_of(Bug).update().values(fix_commit="f1x", quiet_until=NOW))
        releases.answer(connection, {("f1x", "one"): False, ("f1x", "two"): True, ("other", "three"): True}, now=NOW)
    page = queries.bug_page(any_engine, 1, now=NOW)
    assert (dict(page.fix_releases), page.quiet_until) == ({"one": False, "two": True}, NOW)
