"""Splitting a bug by what tells its events apart: no figure is lost, and what is said of events to come holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.event import Event, Fingerprint, Request
from capture.fingerprint import VERSION, fingerprint
from capture.rules import Rules, problems_of_rules
from capture.store.intake import Counted, Intake
from capture.store.tables import FingerprintRow, OutboxRow, Tally, table_of
from capture.testing import NOW, make_event
from workbench.bugs import acts, queries
from workbench.bugs.differing import FIELDS, Difference, apart, parse_difference
from workbench.errors import NotFound, Refused, UsageError

Carry = Callable[..., Intake]
HOUR = timedelta(hours=1)
LIST, DETAIL = "/api/visits/", "/api/visits/<int:pk>/price/"


def event(**changes: Any) -> Event:
    """An event as the site makes it: its key is that of its parts."""
    made = make_event(**changes)
    return msgspec.structs.replace(made, fingerprint=fingerprint(exceptions=made.exceptions, status=made.status))


def on(route: str, **changes: Any) -> Event:
    return event(request=Request(method="GET", path=route, route=route), **changes)


def facts(of: Event) -> dict[str, Any]:
    """What the rules of a site look at; see `capture.builder`."""
    surfaced = of.exceptions[-1]
    own = [frame for frame in surfaced.frames if frame.in_app]
    request = of.request
    assert request is not None
    return {
        "type": (f"{surfaced.module}.{surfaced.type}", surfaced.type),
        "message": surfaced.message,
        "module": [frame.module for frame in own],
        "function": [frame.function for frame in own],
        "route": request.route or "",
        "path": request.path,
        "method": request.method,
        "status": str(of.status),
        "level": of.level,
        "logger": "",
    }


def under(rule: dict[str, Any], of: Event, seen: dict[str, Any]) -> Fingerprint:
    """The fingerprint of an event where the site has this rule."""
    return Rules([rule]).rule_on(seen, of.fingerprint, "error", lambda: of).fingerprint


def figures(engine: Engine, number: int) -> tuple[Any, ...]:
    row = queries.bug_page(engine, number, now=NOW).row
    return row.count, row.first_seen, row.last_seen, row.release


def tallies(engine: Engine) -> dict[int, int]:
    """The sum of the tallies of each bug, by number."""
    with engine.connect() as connection:
        tally, printed = table_of(Tally), table_of(FingerprintRow)
        rows = connection.execute(
            sa.select(printed.c.bug_id, sa.func.sum(tally.c.count)).join_from(printed, tally).group_by(printed.c.bug_id)
        )
        return dict(map(tuple, rows))


def split(engine: Engine, field: str, value: str, number: int = 1) -> acts.Done:
    return acts.split(engine, number, Difference(field, value), by="Ada", now=NOW + 9 * HOUR)


@pytest.fixture
def mixed(any_engine: Engine, carry_into: Carry) -> Engine:
    """B-001: two events of the list and one of the detail page, in two releases, and four that only count."""
    carry_into(
        any_engine,
        on(LIST, release="r1"),
        on(DETAIL, at=NOW + HOUR, release="r1"),
        on(LIST, at=NOW + 2 * HOUR, release="r2"),
        Counted("clinic", event().fingerprint.key, NOW + HOUR, 4, "r1", "production"),
    )
    return any_engine


def test_the_events_with_a_difference_become_an_open_bug_of_their_own(mixed: Engine) -> None:
    done = split(mixed, "route", LIST)
    assert done.text == f"2 stored events with route {LIST} split off B-001: B-002."
    assert figures(mixed, 2) == (2, NOW, NOW + 2 * HOUR, "r2")
    assert figures(mixed, 1) == (5, NOW + HOUR, NOW + HOUR, "r1")
    assert tallies(mixed) == {1: 5, 2: 2}
    page = queries.bug_page(mixed, 2, now=NOW)
    assert (page.row.state, page.row.route, len(page.occurrences)) == ("open", LIST, 2)
    assert page.history[0].reason == f"split off B-001: route {LIST}"
    assert page.notes[0].text.endswith(done.further)
    with Session(mixed) as session:
        owed = session.exec(select(OutboxRow.kind).where(OutboxRow.bug_id == 2)).all()
    assert sorted(set(owed)) == ["open_issue", "write_file"]


def test_the_rule_that_is_told_sends_events_to_come_to_the_new_bug(mixed: Engine, carry_into: Carry) -> None:
    done = split(mixed, "route", LIST)
    rule = json.loads(done.further.splitlines()[1])
    assert problems_of_rules([rule]) == []
    for route, number in ((LIST, 2), (DETAIL, 1)):
        before = figures(mixed, number)[0]
        to_come = on(route, at=NOW + 10 * HOUR)
        ruled = under(rule, to_come, facts(to_come))
        outcome = carry_into(mixed, msgspec.structs.replace(to_come, fingerprint=ruled))
        assert outcome.new_bugs == ()
        assert figures(mixed, number)[0] == before + 1


def test_where_no_rule_can_tell_it_is_said_that_only_stored_events_moved(mixed: Engine, carry_into: Carry) -> None:
    done = split(mixed, "release", "r2")
    assert done.further.startswith("Only stored events moved")
    carry_into(mixed, on(LIST, at=NOW + 10 * HOUR, release="r2"))
    assert (figures(mixed, 1)[0], figures(mixed, 2)[0]) == (7, 1)


def test_a_fingerprint_whose_events_all_go_takes_its_events_to_come_along(mixed: Engine, carry_into: Carry) -> None:
    with Session(mixed) as session:  # as after an update of the rules: one bug with a key of each version
        known = session.exec(select(FingerprintRow)).one()
        session.add(FingerprintRow(**known.model_dump(exclude={"id", "key"}), key="old"))
        session.commit()
    old = msgspec.structs.replace(on(LIST, release="r0"), fingerprint=Fingerprint(key="old", version="1", parts=()))
    carry_into(mixed, old)
    assert split(mixed, "release", "r0").further == "Such events to come go to B-002."
    carry_into(mixed, msgspec.structs.replace(old, id="f" * 32))
    assert len(queries.bug_page(mixed, 2, now=NOW).occurrences) == 2


def test_a_split_is_undone_and_every_event_is_back(mixed: Engine) -> None:
    before = figures(mixed, 1)
    done = split(mixed, "route", LIST)
    assert acts.last_act(mixed, by="Ada") == done.acts
    acts.undo(mixed, done.acts, by="Ada", now=NOW + 10 * HOUR)
    assert figures(mixed, 1) == before
    assert tallies(mixed) == {1: 7}
    row = queries.bug_page(mixed, 2, now=NOW).row
    assert (row.state, row.closed_as, row.merged_into) == ("closed", "merged", 1)


def undo(engine: Engine, done: acts.Done) -> None:
    acts.undo(engine, done.acts, by="Ada", now=NOW + 10 * HOUR)


def test_what_was_undone_is_split_off_again_as_the_bug_that_it_was(mixed: Engine) -> None:
    before = figures(mixed, 1)
    first = split(mixed, "route", LIST)
    after = figures(mixed, 1), figures(mixed, 2), tallies(mixed)
    for _ in range(2):
        undo(mixed, first)
        again = split(mixed, "route", LIST)
        assert (again.text, again.further) == (first.text, first.further)
        assert (figures(mixed, 1), figures(mixed, 2), tallies(mixed)) == after
        first = again
    page = queries.bug_page(mixed, 2, now=NOW)
    assert (page.row.state, page.row.closed_as, page.row.merged_into) == ("open", None, None)
    assert [step.reason for step in page.history][-1] == f"split off B-001: route {LIST}"
    assert [(act.kind, act.undone_at is None) for act in page.acts].count(("split", True)) == 1
    assert acts.last_act(mixed, by="Ada") == first.acts
    undo(mixed, first)
    assert (figures(mixed, 1), tallies(mixed)) == (before, {1: 7})


def test_its_issue_is_owed_to_be_opened_again(mixed: Engine) -> None:
    undo(mixed, split(mixed, "route", LIST))
    split(mixed, "route", LIST)
    with Session(mixed) as session:
        owed = session.exec(select(OutboxRow.kind).where(OutboxRow.bug_id == 2).order_by(OutboxRow.id)).all()
    assert [kind for kind in owed if "issue" in kind and "comment" not in kind][-1] == "reopen_issue"


def test_events_that_came_after_the_undo_go_with_those_that_were_split_off_before(
    mixed: Engine, carry_into: Carry
) -> None:
    undo(mixed, split(mixed, "release", "r2"))
    came = [on(LIST, at=NOW + hours * HOUR, release="r2") for hours in (2, 10)]
    carry_into(mixed, *came)
    done = split(mixed, "release", "r2")
    assert done.text == "3 stored events with release r2 split off B-001: B-002."
    assert done.further.startswith("Only stored events moved")
    assert figures(mixed, 2) == (3, NOW + 2 * HOUR, NOW + 10 * HOUR, "r2")
    assert tallies(mixed) == {1: 6, 2: 3}
    assert len(queries.bug_page(mixed, 2, now=NOW).occurrences) == 3
    undo(mixed, done)
    assert (figures(mixed, 1)[0], tallies(mixed)) == (9, {1: 9})


def test_events_of_a_rule_that_stands_since_the_split_are_split_off_again(mixed: Engine, carry_into: Carry) -> None:
    first = split(mixed, "route", LIST)
    rule = json.loads(first.further.splitlines()[1])
    undo(mixed, first)
    to_come = on(LIST, at=NOW + 10 * HOUR)
    ruled = msgspec.structs.replace(to_come, fingerprint=under(rule, to_come, facts(to_come)))
    assert carry_into(mixed, ruled).new_bugs == ()
    assert figures(mixed, 1)[0] == 8
    assert split(mixed, "route", LIST).text.endswith("split off B-001: B-002.")
    assert (figures(mixed, 1)[0], figures(mixed, 2)[0]) == (5, 3)
    carry_into(mixed, msgspec.structs.replace(ruled, id="e" * 32))
    assert figures(mixed, 2)[0] == 4


def test_what_a_person_merged_is_not_split_off_but_taken_out(mixed: Engine) -> None:
    split(mixed, "route", LIST)
    acts.merge(mixed, [1, 2], by="Ada", now=NOW + 10 * HOUR)
    with pytest.raises(Refused, match="B-002") as refused:
        split(mixed, "route", LIST)
    assert "unmerge B-002" in refused.value.cure
    acts.unmerge(mixed, [2], by="Ada", now=NOW + 11 * HOUR)
    assert (figures(mixed, 1)[0], figures(mixed, 2)[0]) == (5, 2)


def test_an_undone_split_that_a_person_merged_since_is_theirs(mixed: Engine) -> None:
    undo(mixed, split(mixed, "route", LIST))
    acts.unmerge(mixed, [2], by="Ada", now=NOW + 11 * HOUR)
    acts.merge(mixed, [1, 2], by="Ada", now=NOW + 12 * HOUR)
    with pytest.raises(Refused, match="B-002, which was merged in"):
        split(mixed, "route", LIST)


@pytest.mark.parametrize(("field", "value"), [("route", LIST), ("release", "r1"), ("type", "KeyError")])
def test_nothing_is_split_where_none_or_all_would_go(engine: Engine, carry_into: Carry, field: str, value: str) -> None:
    carry_into(engine, on(LIST, release="r1"))
    with pytest.raises(Refused, match="nothing would stay"):
        split(engine, field, value)
    with pytest.raises(NotFound, match="No stored event"):
        split(engine, field, "another")
    with pytest.raises(NotFound, match="no bug B-007"):
        split(engine, field, value, number=7)


def test_hostile_values_make_a_rule_that_is_one(carry_into: Carry) -> None:
    for value in ("/{{ route }}/[x", "/*?]/", "/\x1b[2J\u202e/", "/" + "x" * 5_000):
        made = apart(1, Difference("path", value), on(LIST))
        assert made.rule is not None
        assert problems_of_rules([made.rule]) == []
        plain = on(LIST)
        seen = facts(plain) | {"path": value}
        assert under(made.rule, plain, seen).key == made.key


def test_a_difference_is_read_from_what_is_typed() -> None:
    assert parse_difference("release=a=b") == Difference("release", "a=b")
    assert parse_difference("user=") == Difference("user", "")
    for wrong in ("", "release", "colour=red", "=x"):
        with pytest.raises(UsageError) as refused:
            parse_difference(wrong)
        assert all(field in refused.value.cure for field in FIELDS)


def test_the_parts_are_of_the_version_that_the_rule_adds_to() -> None:
    assert on(LIST).fingerprint.version == VERSION
    assert apart(1, Difference("route", LIST), make_event()).rule is None  # another version: the site makes other parts
