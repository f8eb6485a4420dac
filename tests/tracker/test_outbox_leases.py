"""Leases: the oldest due row first, one bug's rows in order, nothing done twice and nothing lost."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.engine import open_engine
from capture.store.outbox import KINDS, Kind, owe
from capture.store.tables import Bug, OutboxRow
from capture.testing import NOW
from workbench.errors import NotFound, Refused
from workbench.tracker import outbox
from workbench.tracker.backoff import FIRST_SECONDS, LONGEST_SECONDS, MOST_ATTEMPTS, wait_after
from workbench.tracker.failures import Permanent, Temporary

SOON = timedelta(seconds=1)
LATER = timedelta(hours=6)


def add_bug(engine: Engine, number: int) -> int:
    with Session(engine) as session:
        bug = Bug(number=number, title=f"bug {number}", kind="exception", first_seen=NOW, last_seen=NOW, changed_at=NOW)
        session.add(bug)
        session.commit()
        assert bug.id is not None
        return bug.id


def owe_one(engine: Engine, bug_id: int, kind: Kind, occasion: str = "created", at: datetime = NOW) -> None:
    with Session(engine) as session:
        owe(session, kind, bug_id, occasion=occasion, now=at)
        session.commit()


def rows(engine: Engine) -> list[OutboxRow]:
    with Session(engine, expire_on_commit=False) as session:
        return list(session.exec(select(OutboxRow).order_by(OutboxRow.id)))  # type: ignore[arg-type]


def take(engine: Engine, at: datetime = NOW, worker: str = "w") -> outbox.Leased:
    leased = outbox.lease(engine, worker, KINDS, at)
    assert leased is not None
    return leased


def settle(engine: Engine, leased: outbox.Leased, outcome: str, **options: Any) -> bool:
    """Settle one row; say whether its lease still held."""
    return outbox.settle(engine, [(leased, outcome)], **options) == {leased.id}


def test_nothing_owed_is_nothing_leased(any_engine: Engine) -> None:
    assert outbox.lease(any_engine, "w", KINDS, NOW) is None
    assert not outbox.is_owed(any_engine, KINDS, NOW)


def test_the_oldest_due_row_comes_first(any_engine: Engine) -> None:
    first, second = add_bug(any_engine, 1), add_bug(any_engine, 2)
    owe_one(any_engine, second, "open_issue", at=NOW - SOON)
    owe_one(any_engine, first, "open_issue", at=NOW - 2 * SOON)
    assert outbox.is_owed(any_engine, KINDS, NOW)
    assert [take(any_engine).bug_id, take(any_engine).bug_id] == [first, second]
    assert outbox.lease(any_engine, "w", KINDS, NOW) is None


def test_a_row_that_is_due_later_waits(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue", at=NOW + SOON)
    assert not outbox.is_owed(any_engine, KINDS, NOW)
    assert outbox.lease(any_engine, "w", KINDS, NOW) is None
    assert take(any_engine, NOW + SOON).attempt == 1


def test_only_the_kinds_that_were_asked_for_are_leased(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    assert outbox.lease(any_engine, "w", outbox.FILE_KINDS, NOW) is None
    assert outbox.lease(any_engine, "w", outbox.ISSUE_KINDS, NOW) is not None


def test_rows_of_one_bug_wait_for_each_other_and_other_bugs_go_on(any_engine: Engine) -> None:
    first, second = add_bug(any_engine, 1), add_bug(any_engine, 2)
    owe_one(any_engine, first, "open_issue")
    owe_one(any_engine, first, "comment_issue")
    owe_one(any_engine, second, "open_issue")
    opening = take(any_engine)
    assert (opening.bug_id, opening.kind) == (first, "open_issue")
    assert take(any_engine).bug_id == second
    assert outbox.lease(any_engine, "w", KINDS, NOW) is None
    assert settle(any_engine, opening, "opened", now=NOW)
    assert take(any_engine).kind == "comment_issue"


def test_a_bug_file_does_not_wait_for_github(any_engine: Engine) -> None:
    bug = add_bug(any_engine, 1)
    owe_one(any_engine, bug, "open_issue")
    owe_one(any_engine, bug, "write_file")
    assert {take(any_engine).kind, take(any_engine).kind} == {"open_issue", "write_file"}


def test_a_row_that_waits_for_its_next_try_holds_back_those_after_it(any_engine: Engine) -> None:
    bug = add_bug(any_engine, 1)
    owe_one(any_engine, bug, "open_issue")
    owe_one(any_engine, bug, "close_issue")
    assert outbox.fail(any_engine, take(any_engine), Temporary("down"), now=NOW) == "due"
    assert outbox.lease(any_engine, "w", KINDS, NOW) is None


def test_a_parked_row_does_not_hold_back_those_after_it(any_engine: Engine) -> None:
    bug = add_bug(any_engine, 1)
    owe_one(any_engine, bug, "comment_issue")
    owe_one(any_engine, bug, "close_issue")
    assert outbox.fail(any_engine, take(any_engine), Permanent("locked"), now=NOW) == "parked"
    assert take(any_engine).kind == "close_issue"


def test_settling_records_the_outcome_and_what_belongs_to_it_together(any_engine: Engine) -> None:
    bug = add_bug(any_engine, 1)
    owe_one(any_engine, bug, "open_issue")

    def rename(session: Session, mine: set[int]) -> None:
        assert len(mine) == 1
        session.get_one(Bug, bug).title = "renamed"

    assert settle(any_engine, take(any_engine), "opened #1", now=NOW, also=rename)
    (row,) = rows(any_engine)
    assert (row.state, row.outcome, row.done_at, row.leased_by) == ("done", "opened #1", NOW, None)
    with Session(any_engine) as session:
        assert session.get_one(Bug, bug).title == "renamed"


def test_when_what_belongs_to_it_cannot_be_written_the_row_stays_leased(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    leased = take(any_engine)

    def break_off(_session: Session, _mine: set[int]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        settle(any_engine, leased, "opened", now=NOW, also=break_off)
    (row,) = rows(any_engine)
    assert (row.state, row.leased_by) == ("due", "w")


def test_the_lease_of_a_dead_worker_runs_out_and_its_late_word_counts_no_more(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    dead = take(any_engine, worker="dead")
    assert outbox.lease(any_engine, "heir", KINDS, NOW + SOON) is None
    after = dead.until
    heir = take(any_engine, after, worker="heir")
    assert (heir.id, heir.attempt) == (dead.id, 2)
    assert not settle(any_engine, dead, "opened", now=after)
    assert outbox.fail(any_engine, dead, Temporary("down"), now=after) == "lost"
    assert settle(any_engine, heir, "opened by the heir", now=after)
    assert rows(any_engine)[0].outcome == "opened by the heir"


def test_a_worker_that_overslept_its_own_lease_is_not_taken_for_its_later_self(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    overslept = take(any_engine)
    again = take(any_engine, overslept.until)
    assert not settle(any_engine, overslept, "old", now=again.until)
    assert settle(any_engine, again, "new", now=again.until)


def test_of_rows_settled_together_one_whose_lease_ran_out_is_left_alone(any_engine: Engine) -> None:
    for number in (1, 2):
        owe_one(any_engine, add_bug(any_engine, number), "open_issue")
    lost, kept = outbox.lease_many(any_engine, "w", KINDS, NOW, 2)
    heir = outbox.lease_many(any_engine, "heir", KINDS, lost.until, 1)
    assert [one.id for one in heir] == [lost.id]
    written: list[set[int]] = []
    mine = outbox.settle(
        any_engine, [(lost, "old"), (kept, "kept")], now=NOW, also=lambda _session, ids: written.append(ids)
    )
    assert [mine] == written == [{kept.id}]
    assert [(row.state, row.outcome) for row in rows(any_engine)] == [("due", ""), ("done", "kept")]


def test_a_failed_row_comes_back_later_each_time_and_is_parked_in_the_end(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    now, waits = NOW, []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        leased = take(any_engine, now)
        assert leased.attempt == attempt
        state = outbox.fail(any_engine, leased, Temporary("GitHub is down.", cure="Wait."), now=now)
        due_at = rows(any_engine)[0].due_at
        waits.append(due_at - now)
        now = max(now, due_at)
    assert state == "parked"
    row = rows(any_engine)[0]
    assert row.outcome == f"Given up after {MOST_ATTEMPTS} tries: GitHub is down. Wait."
    assert outbox.lease(any_engine, "w", KINDS, now + LATER) is None
    assert timedelta(hours=4) < sum(waits[:-1], timedelta()) < timedelta(hours=24)


def test_what_the_outside_asks_us_to_wait_is_waited(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    outbox.fail(any_engine, take(any_engine), Temporary("limit", after=LATER), now=NOW)
    assert rows(any_engine)[0].due_at == NOW + LATER


def test_a_permanent_failure_parks_at_once_with_its_reason_and_cure(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    assert (
        outbox.fail(any_engine, take(any_engine), Permanent("No such repository.", cure="Name it."), now=NOW)
        == "parked"
    )
    row = rows(any_engine)[0]
    assert (row.state, row.outcome) == ("parked", "No such repository. Name it.")


def test_a_row_that_kills_its_workers_is_parked_in_the_end(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    other = add_bug(any_engine, 2)
    now = NOW
    for _attempt in range(MOST_ATTEMPTS):
        now = take(any_engine, now).until
    owe_one(any_engine, other, "open_issue", at=now)
    assert take(any_engine, now).bug_id == other
    row = rows(any_engine)[0]
    assert (row.state, row.attempts) == ("parked", MOST_ATTEMPTS)
    assert "ended with their worker" in row.outcome


def test_a_parked_row_can_be_retried_with_all_its_attempts(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    leased = take(any_engine)
    outbox.fail(any_engine, leased, Permanent("no token"), now=NOW)
    outbox.retry(any_engine, leased.id, now=NOW + SOON)
    again = take(any_engine, NOW + SOON)
    assert (again.id, again.attempt) == (leased.id, 1)


def test_retrying_a_row_that_waits_makes_it_due_at_once(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    leased = take(any_engine)
    outbox.fail(any_engine, leased, Temporary("limit", after=LATER), now=NOW)
    outbox.retry(any_engine, leased.id, now=NOW)
    assert take(any_engine).id == leased.id


def test_what_is_done_or_being_done_or_unknown_is_not_retried(any_engine: Engine) -> None:
    owe_one(any_engine, add_bug(any_engine, 1), "open_issue")
    leased = take(any_engine)
    with pytest.raises(Refused, match="being done right now"):
        outbox.retry(any_engine, leased.id, now=NOW)
    settle(any_engine, leased, "opened", now=NOW)
    with pytest.raises(Refused, match="done already"):
        outbox.retry(any_engine, leased.id, now=NOW)
    with pytest.raises(NotFound, match="no owed action 99"):
        outbox.retry(any_engine, 99, now=NOW)


def test_all_that_was_set_aside_is_due_again_with_all_its_tries(any_engine: Engine) -> None:
    """As after a token that was revoked: what it kept back is one thing, whatever it had done by then."""
    for number in (1, 2, 3):
        owe_one(any_engine, add_bug(any_engine, number), "open_issue")
    settle(any_engine, take(any_engine), "opened #1", now=NOW)
    for _ in range(2):
        assert outbox.fail(any_engine, take(any_engine), Permanent("Bad credentials."), now=NOW) == "parked"
    assert outbox.retry_parked(any_engine, now=NOW + SOON) == 2
    assert [(row.state, row.attempts, row.due_at, row.done_at) for row in rows(any_engine)[1:]] == [
        ("due", 0, NOW + SOON, None)
    ] * 2
    assert rows(any_engine)[0].state == "done"
    assert outbox.retry_parked(any_engine, now=NOW) == 0


@pytest.mark.parametrize("attempts", range(1, 40))
def test_the_wait_doubles_up_to_its_cap_and_is_jittered(attempts: int) -> None:
    whole = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempts - 1))
    assert wait_after(attempts, spread=lambda: 0.0) == timedelta(seconds=whole / 2)
    assert wait_after(attempts, spread=lambda: 1.0) == timedelta(seconds=whole)
    assert timedelta(seconds=whole / 2) <= wait_after(attempts) <= timedelta(seconds=whole)


def test_many_workers_do_every_row_once_and_one_bugs_rows_in_order(any_engine: Engine) -> None:
    """Eight threads with engines of their own, as eight processes would have."""
    bugs = [add_bug(any_engine, number) for number in range(1, 9)]
    for bug in bugs:
        for kind in ("open_issue", "comment_issue", "close_issue"):
            owe_one(any_engine, bug, kind)
    done: list[tuple[int, int]] = []

    def work(name: str) -> None:
        mine = open_engine(any_engine.url.render_as_string(hide_password=False))
        while outbox.is_owed(mine, KINDS, NOW):
            leased = outbox.lease(mine, name, KINDS, NOW)
            if leased is not None:
                done.append((leased.bug_id, leased.id))
                assert settle(mine, leased, name, now=NOW)
        mine.dispose()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [f"w{number}" for number in range(8)]))
    # A worker may stop early while another holds the last rows, but nothing is left over and nothing came twice.
    work("last")
    assert Counter(row_id for _bug, row_id in done) == Counter(row.id for row in rows(any_engine))
    assert {row.state for row in rows(any_engine)} == {"done"}
    for bug in bugs:
        order = [row_id for owner, row_id in done if owner == bug]
        assert order == sorted(order)
