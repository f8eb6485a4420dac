"""Muting, assigning, labelling, noting, closing, linking and deleting: what each does, and how it is taken back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import releases
from capture.store.intake import Counted, Intake
from capture.store.lifecycle import Actor
from capture.store.tables import ActRow, Bug, OutboxRow, table_of
from capture.testing import NOW, make_event
from workbench.bugs import acts, queries
from workbench.bugs.acts.muting import span
from workbench.bugs.files import render
from workbench.bugs.rows import BugPage, BugRow
from workbench.errors import NotFound, Refused, UsageError

Carry = Callable[..., Intake]
HOUR = timedelta(hours=1)
ADA: dict[str, Any] = {"by": "Ada", "now": NOW + HOUR}


@pytest.fixture
def store(any_engine: Engine, carry_into: Carry) -> Engine:
    """A store with B-001 to B-003, and nothing owed to the outside any more."""
    carry_into(any_engine, *(make_event(key=key) for key in ("aa", "bb", "cc")))
    forget_owed(any_engine)
    return any_engine


def forget_owed(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.delete(table_of(OutboxRow)))


def owed(engine: Engine) -> list[tuple[Any, ...]]:
    table = table_of(OutboxRow)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table.c.bug_id, table.c.kind, table.c.state).order_by(table.c.id))
        return [tuple(row) for row in rows]


def page(engine: Engine, number: int = 1) -> BugPage:
    return queries.bug_page(engine, number, now=NOW)


def row(engine: Engine, number: int = 1) -> BugRow:
    return page(engine, number).row


# --- muting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (acts.FOR_GOOD, "for good"),
        (acts.MuteTerms(until=NOW + 5 * HOUR), "until 2026-11-22 17:00 UTC"),
        (acts.MuteTerms(events=1), "until 1 more event"),
        (acts.MuteTerms(events=5000, new_release=True), "until 5,000 more events or until it is seen in a new release"),
    ],
)
def test_a_mute_says_what_ends_it(store: Engine, terms: acts.MuteTerms, words: str) -> None:
    assert acts.mute(store, [1, 2], terms, reason="known", **ADA).text == f"B-001 and B-002 muted {words}."
    assert row(store, 2).state == "muted"
    step = page(store).history[-1]
    assert (step.from_state, step.to_state, step.actor, step.reason) == ("open", "muted", "Ada", f"{words}: known")
    assert owed(store) == [(1, "write_file", "due"), (2, "write_file", "due")]


def test_a_bug_muted_for_good_sleeps_through_everything(store: Engine, carry_into: Carry) -> None:
    acts.mute(store, [1], acts.FOR_GOOD, **ADA)
    carry_into(store, make_event(key="aa", release="new"), now=NOW + timedelta(days=400))
    acts.wake_due(store, now=NOW + timedelta(days=400))
    assert (row(store).state, row(store).count) == ("muted", 2)


def test_so_many_more_events_wake_a_bug_in_the_transaction_of_the_last(store: Engine, carry_into: Carry) -> None:
    acts.mute(store, [1], acts.MuteTerms(events=3), **ADA)
    carry_into(store, make_event(key="aa"), make_event(key="bb"), make_event(key="aa"))
    assert (row(store).state, row(store).mute_events) == ("muted", 1)
    forget_owed(store)
    carry_into(store, make_event(key="aa"))
    assert (row(store).state, row(store).mute_events) == ("open", None)
    step = page(store).history[-1]
    assert (step.actor_kind, step.reason) == ("system", "woken: seen as many times as it was muted for")
    assert owed(store) == [(1, "write_file", "due")]


def test_counted_events_wake_a_bug_as_well(store: Engine) -> None:
    from capture.store.intake import Batch, take_in

    acts.mute(store, [1], acts.MuteTerms(events=40), **ADA)
    take_in(store, Batch("j", 0, 1, 41, [Counted("clinic", "aa", NOW + HOUR, 41)]), now=NOW + HOUR)
    assert row(store).state == "open"


def test_only_a_release_that_was_not_there_wakes_a_bug(store: Engine, carry_into: Carry) -> None:
    carry_into(store, make_event(key="bb", release="deployed"))
    acts.mute(store, [1], acts.MuteTerms(new_release=True), **ADA)
    for release in ("4f2d1c0", "deployed", None):
        carry_into(store, make_event(key="aa", release=release))
        assert row(store).state == "muted"
    carry_into(store, make_event(key="aa", release="next"))
    assert row(store).state == "open"
    assert page(store).history[-1].reason == "woken: seen in release next, which is new since it was muted"


def test_time_wakes_a_bug_with_and_without_an_event(store: Engine, carry_into: Carry) -> None:
    acts.mute(store, [1, 2], acts.MuteTerms(until=NOW + 5 * HOUR), **ADA)
    assert acts.wake_due(store, now=NOW + 4 * HOUR) == ()
    carry_into(store, make_event(key="aa"), now=NOW + 5 * HOUR)
    assert (row(store, 1).state, row(store, 2).state) == ("open", "muted")
    assert acts.wake_due(store, now=NOW + 5 * HOUR) == (2,)
    assert page(store, 2).history[-1].reason == "woken: muted until 2026-11-22 17:00 UTC"


def test_a_muted_bug_takes_new_terms_without_a_step(store: Engine) -> None:
    acts.mute(store, [1], acts.MuteTerms(events=3), **ADA)
    steps = len(page(store).history)
    acts.mute(store, [1], acts.FOR_GOOD, **ADA)
    assert (row(store).mute_events, len(page(store).history)) == (None, steps)
    assert acts.mute(store, [1], acts.FOR_GOOD, **ADA).acts == ()


def test_terms_that_are_over_are_refused(store: Engine) -> None:
    for terms in (acts.MuteTerms(until=NOW), acts.MuteTerms(events=0), acts.MuteTerms(until=NOW + 4000 * 24 * HOUR)):
        with pytest.raises(UsageError):
            acts.mute(store, [1], terms, **ADA)


@pytest.mark.parametrize(("text", "hours"), [("30min", 0.5), ("8h", 8), ("7 d", 168), ("2W", 336)])
def test_a_length_of_time_is_written_short(text: str, hours: float) -> None:
    assert span(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "8", "h", "-1h", "0d", "99999w", "1y", "٣d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="length of time"):
        span(text)


# --- several bugs, one act -----------------------------------------------------------------------------------------


def test_an_act_is_done_on_all_bugs_or_on_none(store: Engine) -> None:
    acts.close(store, [2], "not a bug", reason="x", **ADA)
    with pytest.raises(Refused, match="B-002 cannot go from closed to muted"):
        acts.mute(store, [1, 2, 3], acts.FOR_GOOD, **ADA)
    with pytest.raises(NotFound, match="no bug B-009"):
        acts.assign(store, [1, 9], "Bob", **ADA)
    assert (row(store).state, row(store).assignee) == ("open", None)
    with pytest.raises(UsageError, match="No bug is named"):
        acts.assign(store, [], "Bob", **ADA)


def test_an_agent_may_do_none_of_this(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    with pytest.raises(Refused, match="Only a person changes bugs"):
        acts.mute(store, [1], acts.FOR_GOOD, **ADA)
    assert row(store).state == "open"


# --- sorting -------------------------------------------------------------------------------------------------------


def test_assigning_labelling_and_noting_show_on_the_page_and_in_the_file(store: Engine) -> None:
    assert acts.assign(store, [1], " Bob  Builder ", **ADA).text == "B-001 assigned to Bob Builder."
    acts.label(store, [1], add=["billing", "p1"], **ADA)
    assert acts.label(store, [1], add=["ui"], remove=["p1"], **ADA).text == "B-001 labelled +ui -p1."
    acts.note(store, [1], "seen by @everyone\n<script>", **ADA)
    found = page(store)
    assert (found.row.assignee, found.row.labels) == ("Bob Builder", ("billing", "ui"))
    assert [(note.by, note.text) for note in found.notes] == [("Ada", "seen by @everyone\n<script>")]
    assert [act.kind for act in found.acts] == ["note", "label", "label", "assign"]
    text = render(found)
    assert "- Assigned to: Bob Builder" in text
    assert "- Labels: billing, ui" in text
    assert "> seen by @\u200beveryone" in text
    assert "<script>" not in text


def test_what_changes_nothing_leaves_no_record(store: Engine) -> None:
    acts.assign(store, [1], "Bob", **ADA)
    done = acts.assign(store, [1], "Bob", **ADA)
    assert (done.acts, done.text) == ((), "B-001 was assigned like that already.")
    assert len(page(store).acts) == 1


@pytest.mark.parametrize("name", ["", "two words", "a,b", "x" * 51, "\x1b[2J", "-p"])
def test_what_cannot_be_a_label_is_refused(store: Engine, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a label"):
        acts.label(store, [1], add=[name], **ADA)


def test_a_note_needs_words_and_a_name_letters(store: Engine) -> None:
    for text in (" \n", "x" * 20_001):
        with pytest.raises(UsageError, match="note"):
            acts.note(store, [1], text, **ADA)
    with pytest.raises(UsageError, match="assigned to a name"):
        acts.assign(store, [1], "  ", **ADA)


# --- closing -------------------------------------------------------------------------------------------------------


def test_not_a_bug_stays_closed_whatever_comes(store: Engine, carry_into: Carry) -> None:
    assert acts.close(store, [1], "not a bug", reason="a scanner", **ADA).text == "B-001 closed: not a bug."
    assert [kind for _bug, kind, _state in owed(store)] == ["comment_issue", "close_issue", "write_file"]
    assert page(store).history[-1].reason == "not a bug: a scanner"
    outcome = carry_into(store, make_event(key="aa", release="new", at=NOW + 9 * HOUR))
    assert (outcome.reopened, row(store).state, row(store).count) == ((), "closed", 2)


def test_fixed_without_a_sign_off_comes_back_as_any_fix_does(store: Engine, carry_into: Carry) -> None:
    acts.close(store, [1], "fixed", reason="reverted by hand", **ADA)
    assert page(store).history[-1].reason == "fixed without a sign-off: reverted by hand"
    assert carry_into(store, make_event(key="aa", release="new", at=NOW + 9 * HOUR)).reopened == (1,)
    assert row(store).closed_as is None


def test_a_duplicate_comes_back_only_once_the_other_is_closed_too(store: Engine, carry_into: Carry) -> None:
    acts.close(store, [2], "duplicate", reason="", duplicate_of=1, **ADA)
    assert (row(store, 2).closed_as, row(store, 2).duplicate_of) == ("duplicate", 1)
    assert carry_into(store, make_event(key="bb", release="n1", at=NOW + 9 * HOUR)).reopened == ()
    acts.close(store, [1], "fixed", reason="done", **ADA)
    assert carry_into(store, make_event(key="bb", release="n2", at=NOW + 10 * HOUR)).reopened == (2,)


def test_circles_of_duplicates_are_refused(store: Engine) -> None:
    acts.close(store, [2], "duplicate", reason="", duplicate_of=1, **ADA)
    acts.close(store, [3], "duplicate", reason="", duplicate_of=2, **ADA)
    with pytest.raises(Refused, match="closed as a duplicate of B-001 itself"):
        acts.close(store, [1], "duplicate", reason="", duplicate_of=3, **ADA)
    with pytest.raises(Refused, match="no duplicate of itself"):
        acts.close(store, [1], "duplicate", reason="", duplicate_of=1, **ADA)
    with pytest.raises(NotFound):
        acts.close(store, [1], "duplicate", reason="", duplicate_of=77, **ADA)


@pytest.mark.parametrize(
    ("state", "as_", "match"),
    [
        ("fixing", "not a bug", "is being fixed"),
        ("review", "fixed", "has a fix to sign off"),
        ("closed", "not a bug", "is closed already"),
    ],
)
def test_what_cannot_be_closed_is_refused(store: Engine, state: Any, as_: Any, match: str) -> None:
    acts.change_state(store, 1, state, by=Actor("person", "Ada"), reason="", now=NOW)
    with pytest.raises(Refused, match=match):
        acts.close(store, [1], as_, reason="x", **ADA)


def test_closing_and_reopening_need_a_reason(store: Engine) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        acts.close(store, [1], "not a bug", reason=" ", **ADA)
    acts.close(store, [1], "not a bug", reason="x", **ADA)
    with pytest.raises(UsageError, match="needs a reason"):
        acts.reopen(store, [1], reason="", **ADA)
    acts.reopen(store, [1], reason="it is", **ADA)
    assert (row(store).state, row(store).closed_as, row(store).is_recurrence) == ("open", None, False)
    with pytest.raises(Refused, match="not closed"):
        acts.reopen(store, [1], reason="it is", **ADA)


# --- issues --------------------------------------------------------------------------------------------------------


def link(engine: Engine, number: int, issue: int = 7) -> acts.Done:
    return acts.link(engine, number, repository="o/r", issue=issue, url=f"https://x/{issue}", **ADA)


def test_an_issue_is_linked_and_let_go_and_none_is_opened_by_itself(store: Engine) -> None:
    from workbench.tracker.reconcile import owe_missing_issues

    link(store, 1)
    assert row(store).issue is not None
    with pytest.raises(Refused, match="is linked to o/r#7 already"):
        link(store, 1, 8)
    with pytest.raises(Refused, match="o/r#7 is the issue of B-001"):
        link(store, 2)
    acts.unlink(store, 1, **ADA)
    assert row(store).issue is None
    forgotten = owe_missing_issues(store, now=NOW)
    assert forgotten == 2  # the other two bugs, which nobody unlinked
    link(store, 1)
    assert not [entry for entry in owed(store) if entry[0] == 1 and entry[1:] == ("open_issue", "parked")]


def test_without_a_repository_nothing_is_linked(store: Engine) -> None:
    with pytest.raises(UsageError, match="No GitHub repository"):
        acts.link(store, 1, repository="", issue=1, url="", **ADA)


# --- undo ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "do",
    [
        lambda e: acts.mute(e, [1, 2], acts.MuteTerms(until=NOW + 9 * HOUR, events=5, new_release=True), **ADA),
        lambda e: acts.unmute(e, [3], **ADA),
        lambda e: acts.assign(e, [1, 3], "Bob", **ADA),
        lambda e: acts.label(e, [1], add=["x"], **ADA),
        lambda e: acts.note(e, [1, 2], "hm", **ADA),
        lambda e: acts.close(e, [1, 3], "not a bug", reason="x", **ADA),
        lambda e: acts.close(e, [1], "duplicate", reason="x", duplicate_of=2, **ADA),
        lambda e: acts.link(e, 1, repository="o/r", issue=3, url="u", **ADA),
        lambda e: acts.merge(e, [1, 3], **ADA),
    ],
    ids=["mute", "unmute", "assign", "label", "note", "close", "duplicate", "link", "merge"],
)
def test_every_act_can_be_taken_back(store: Engine, do: Callable[[Engine], acts.Done]) -> None:
    acts.mute(store, [3], acts.MuteTerms(until=NOW + 50 * HOUR, events=9, new_release=True), by="Ada", now=NOW)
    before = [row(store, number) for number in (1, 2, 3)]
    done = do(store)
    assert [row(store, number) for number in (1, 2, 3)] != before or page(store).notes
    assert acts.last_act(store, by="Ada") == done.acts
    undone = acts.undo(store, done.acts, by="Ada", now=NOW + 2 * HOUR)
    assert undone.text.startswith("Undone: ")
    assert [row(store, number) for number in (1, 2, 3)] == before
    assert page(store).notes == ()
    assert acts.last_act(store, by="Ada") != done.acts


def test_what_was_changed_since_is_not_undone(store: Engine) -> None:
    done = acts.assign(store, [1, 2], "Bob", **ADA)
    acts.assign(store, [2], "Cyd", **ADA)
    with pytest.raises(Refused, match="assign of B-002 cannot be undone: its assignee was changed since"):
        acts.undo(store, done.acts, by="Ada", now=NOW)
    assert row(store).assignee == "Bob"
    with pytest.raises(NotFound, match="nothing to undo"):
        acts.undo(store, [999], by="Ada", now=NOW)


def test_a_bug_that_came_back_by_itself_is_not_closed_by_an_undo(store: Engine, carry_into: Carry) -> None:
    acts.close(store, [1], "fixed", reason="x", **ADA)
    done = acts.reopen(store, [1], reason="no", **ADA)
    acts.undo(store, done.acts, by="Ada", now=NOW + 2 * HOUR)
    assert (row(store).state, row(store).closed_as) == ("closed", "fixed")
    (close, _) = [act for act in page(store).acts if act.kind in ("close", "reopen")][::-1]
    carry_into(store, make_event(key="aa", release="new", at=NOW + 9 * HOUR), now=NOW + 9 * HOUR)
    with pytest.raises(Refused, match="changed since"):
        acts.undo(store, [close.id], by="Ada", now=NOW + 10 * HOUR)


# --- deleting ------------------------------------------------------------------------------------------------------


def test_a_bug_is_deleted_with_its_events_and_its_number_is_not_given_again(store: Engine, carry_into: Carry) -> None:
    acts.note(store, [3], "a trial", **ADA)
    acts.delete(store, 3, typed="b-003", **ADA)
    with pytest.raises(NotFound):
        page(store, 3)
    assert [row.number for row in queries.list_bugs(store, now=NOW)] == [2, 1]
    assert carry_into(store, make_event(key="cc")).new_bugs == (4,)
    with store.connect() as connection:
        acted = table_of(ActRow)
        kinds = connection.execute(sa.select(acted.c.kind, acted.c.bug_id).where(acted.c.number == 3)).all()
    assert [tuple(kind) for kind in kinds] == [("note", None), ("delete", None)]
    assert acts.last_act(store, by="Ada") == ()


def test_a_deletion_needs_the_number_typed(store: Engine) -> None:
    for typed in ("", "y", "B-002", "3"):
        with pytest.raises(Refused, match="Nothing was deleted"):
            acts.delete(store, 3, typed=typed, **ADA)


def test_what_something_hangs_on_is_not_deleted(store: Engine) -> None:
    link(store, 1)
    with pytest.raises(Refused, match="linked to an issue"):
        acts.delete(store, 1, typed="B-001", **ADA)
    acts.merge(store, [2, 3], **ADA)
    with pytest.raises(Refused, match="Other bugs were merged into B-002"):
        acts.delete(store, 2, typed="B-002", **ADA)
    with pytest.raises(Refused, match="cannot be deleted"):
        acts.delete(store, 3, typed="B-003", **ADA)


# --- at the same time ----------------------------------------------------------------------------------------------


def together(*work: Callable[[], Any]) -> list[BaseException]:
    errors: list[BaseException] = []
    begin = threading.Barrier(len(work))

    def run(one: Callable[[], Any]) -> None:
        begin.wait(timeout=30)
        try:
            one()
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


def test_two_people_at_one_bug_are_both_on_record_or_one_is_refused(store: Engine) -> None:
    errors = together(
        lambda: acts.close(store, [1], "not a bug", reason="x", by="Ada", now=NOW),
        lambda: acts.close(store, [1], "not a bug", reason="y", by="Bob", now=NOW),
    )
    assert [type(error) for error in errors] == [Refused]
    assert len(page(store).acts) == 1


def test_events_that_arrive_during_a_merge_are_counted_once(store: Engine, carry_into: Carry) -> None:
    def carry() -> None:
        for _ in range(15):
            carry_into(store, make_event(key="aa"), make_event(key="bb"), make_event(key="cc"))

    def merge_and_back() -> None:
        for _ in range(6):
            acts.merge(store, [1, 2, 3], **ADA)
            acts.unmerge(store, [2, 3], **ADA)

    assert together(carry, merge_and_back) == []
    assert [row(store, number).count for number in (1, 2, 3)] == [16, 16, 16]
    assert [len(page(store, number).occurrences) for number in (1, 2, 3)] == [16, 16, 16]


def test_events_that_arrive_during_a_deletion_are_a_new_bug(store: Engine, carry_into: Carry) -> None:
    def carry() -> None:
        for _ in range(10):
            carry_into(store, make_event(key="cc"))

    assert together(carry, lambda: acts.delete(store, 3, typed="B-003", **ADA)) == []
    numbers = [row.number for row in queries.list_bugs(store, now=NOW)]
    assert 3 not in numbers
    assert sorted(numbers)[:2] == [1, 2]


# --- coming back after a closing by hand ---------------------------------------------------------------------------


@pytest.fixture
def came_back(store: Engine, carry_into: Carry) -> Engine:
    """B-001 was signed off with the commit f1x, and came back in the release "two", which holds it."""
    with store.begin() as connection:
        releases.answer(connection, {("f1x", "two"): True}, now=NOW)
        connection.execute(sa.update(table_of(Bug)).where(table_of(Bug).c.number == 1).values(fix_commit="f1x"))
    carry_into(store, make_event(key="aa", release="two", at=NOW + HOUR))
    return store


def test_a_closing_by_hand_is_not_judged_by_the_fix_that_failed(came_back: Engine, carry_into: Carry) -> None:
    acts.close(came_back, [1], "fixed", reason="set the price list right", by="Ada", now=NOW + 2 * HOUR)
    later = NOW + 3 * HOUR
    assert carry_into(came_back, make_event(key="aa", release="two", at=later), now=later).reopened == ()
    assert carry_into(came_back, make_event(key="aa", release="three", at=later), now=later).reopened == (1,)


def test_undoing_a_closing_by_hand_brings_the_signed_fix_back(came_back: Engine) -> None:
    done = acts.close(came_back, [1], "fixed", reason="elsewhere", by="Ada", now=NOW + 2 * HOUR)
    assert fix_of(came_back) is None
    acts.undo(came_back, done.acts, by="Ada", now=NOW + 3 * HOUR)
    assert fix_of(came_back) == "f1x"


def fix_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return connection.scalar(sa.select(table_of(Bug).c.fix_commit).where(table_of(Bug).c.number == 1))
