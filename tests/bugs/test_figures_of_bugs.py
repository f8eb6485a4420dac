"""What varies, when it happened, and all bugs in figures: the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.intake import Counted
from capture.store.tables import Bug, FixSession, OutboxRow, SignOff
from capture.testing import NOW, make_event
from workbench.bugs import occurrences, over_time, stats, varying
from workbench.bugs.occurrences import Edge
from workbench.bugs.source_files import candidates, line_of

Carry = Callable[..., Any]
HOUR = timedelta(hours=1)


def at(path: str, **more: Any) -> Any:
    """Return an event of a request for a path."""
    event = make_event(**more)
    assert event.request is not None
    return msgspec.structs.replace(event, request=msgspec.structs.replace(event.request, path=path))


@pytest.fixture
def seen(any_engine: Engine, carry_into: Carry) -> Engine:
    """Two bugs: one seen five times, three of them today and one only counted, and another that is closed."""
    carry_into(
        any_engine,
        at("/a/", release="one", at=NOW - 30 * HOUR, user_id="7"),
        at("/a/", release="two", at=NOW - 2 * HOUR),
        at("/b/", release="two", at=NOW - HOUR, status=503),
        at("/b/", release="two", at=NOW, user_id="8"),
        Counted("clinic", "a1b2c3d4e5f60718", NOW, 4, "two"),
        make_event(key="c" * 16, at=NOW - 60 * HOUR, release="one"),
    )
    with Session(writing(any_engine)) as session:
        other = session.get_one(Bug, 2)
        other.state = "closed"
        sign_off = {"bug_id": 2, "decision": "verified", "by": "Ada", "commit": "c1"}
        session.add(SignOff(**sign_off, at=NOW - 50 * HOUR))
        fix = {"bug_id": 1, "launched_by": "Ada", "repository": "r", "branch": "b", "worktree": "w", "base_commit": "c"}
        session.add(FixSession(**fix, id="s1", cost_usd=1.5, started_at=NOW - HOUR))
        session.add(FixSession(**fix, id="s2", cost_usd=2.0, started_at=NOW - 80 * HOUR))
        session.add(FixSession(**fix, id="s3", cost_usd=9.0, started_at=NOW, rehearsal="happy"))
        owed = {"bug_id": 1, "kind": "close_issue", "due_at": NOW - HOUR, "created_at": NOW - HOUR}
        session.add(OutboxRow(**owed, key="x", state="parked", outcome="no rights", attempts=9))
        session.commit()
    return any_engine


def test_what_varies(seen: Engine) -> None:
    found = varying.of_bug(seen, 1)
    fields = {field.name: dict(field.values) for field in found.fields}
    assert found.events == 4
    assert fields["path"] == {"/a/": 2, "/b/": 2}
    assert fields["release"] == {"two": 3, "one": 1}
    assert fields["status"] == {"500": 3, "503": 1}
    assert {name: count for name, count in fields["user"].items() if name} == {"7": 1, "8": 1}
    assert fields["server"] == {"web-1": 4}


def test_when_it_happened(seen: Engine) -> None:
    found = over_time.of_bug(seen, 1, now=NOW)
    assert len(found.hours.counts) == 48
    assert found.hours.counts[-3:] == (1, 1, 5)
    assert sum(found.hours.counts) == 8
    assert sum(found.days.counts) == 8
    assert {deploy.release for deploy in found.hours.deploys} == {"two"} | (
        {"one"} if found.hours.start <= NOW - 60 * HOUR else set()
    )


def test_all_bugs_in_figures(seen: Engine) -> None:
    found = stats.stats(seen, now=NOW)
    assert dict(found.states) == {"open": 1, "closed": 1}
    assert (found.bugs, found.new, found.recurring) == (2, 0, 0)
    assert found.routes[0].events == 7
    assert (found.signed_off, found.to_sign_off) == (1, 10 * HOUR)
    assert (found.cost.today, found.cost.week, found.cost.all, found.cost.sessions) == (1.5, 3.5, 3.5, 2)
    assert (found.ledger.stored, found.ledger.counted) == (5, 4)
    assert (found.outbox.parked, found.outbox.given_up[0].outcome) == (1, "no rights")


def test_what_is_owed_by_whether_it_needs_github(seen: Engine) -> None:
    early, late = NOW - 2 * HOUR, NOW - HOUR
    with Session(writing(seen)) as session:
        session.exec(sa.delete(OutboxRow))
        for kind, due_at in (("open_issue", early), ("write_file", late), ("write_file", NOW + HOUR)):
            session.add(OutboxRow(bug_id=1, kind=kind, key=f"{kind} {due_at}", due_at=due_at, created_at=due_at))
        session.commit()
    found = stats.stats(seen, now=NOW).outbox
    assert (found.due, found.overdue) == (3, early)
    assert (found.files, found.files_overdue) == (2, late)


def test_each_site_in_figures(seen: Engine, carry_into: Carry) -> None:
    carry_into(seen, make_event(key="d" * 16, at=NOW - HOUR, project="shop", environment="live"))
    with Session(writing(seen)) as session:
        session.get_one(Bug, 1).is_recurrence = True
        session.add(Bug(id=9, number=9, title="x", kind="message", project="shop", environment="live", merged_into=3,
                        first_seen=NOW, last_seen=NOW, changed_at=NOW))  # fmt: skip
        session.commit()
    found = stats.stats(seen, now=NOW).sites
    figures = [(each.project, each.environment, each.bugs, each.new, each.recurring, each.events) for each in found]
    assert figures == [("clinic", "production", 1, 0, 1, 7), ("shop", "live", 1, 1, 0, 1)]
    assert found[1].last_seen == NOW - HOUR
    assert found[1].filter == "!state:closed project:shop env:live"


def test_figures_of_nothing(any_engine: Engine) -> None:
    found = stats.stats(any_engine, now=NOW)
    assert (found.bugs, found.new, sum(found.hours.counts), found.routes, found.to_sign_off) == (0, 0, 0, (), None)
    assert found.ledger.balanced
    assert found.sites == ()


def test_occurrences_a_window_at_a_time(any_engine: Engine, carry_into: Carry) -> None:
    events = [make_event(at=NOW + timedelta(seconds=n // 2)) for n in range(25)]
    carry_into(any_engine, *events)
    newest = sorted(events, key=lambda event: (event.at, event.id), reverse=True)
    first = occurrences.window(any_engine, 1, size=10)
    assert ([row.id for row in first.rows], first.newer, first.stored) == ([e.id for e in newest[:10]], 0, 25)
    last = first.rows[-1]
    second = occurrences.window(any_engine, 1, beside=Edge(last.at, last.id, "older"), size=10)
    assert ([row.id for row in second.rows], second.newer) == ([event.id for event in newest[10:20]], 10)
    top = second.rows[0]
    back = occurrences.window(any_engine, 1, beside=Edge(top.at, top.id, "newer"), size=10)
    assert back.rows == first.rows


def test_a_recorded_file_is_found_in_a_checkout() -> None:
    paths = ["manage.py", "shop/pets/views.py", "shop/orders/views.py", "views.py"]
    assert candidates("/srv/app/shop/pets/views.py", paths) == ["shop/pets/views.py"]
    assert candidates("C:\\site\\orders\\views.py", paths) == ["shop/orders/views.py"]
    assert candidates("/srv/other/views.py", paths) == ["shop/pets/views.py", "shop/orders/views.py", "views.py"]
    assert candidates("/srv/gone.py", paths) == []


def test_a_line_is_found_where_it_moved_to() -> None:
    lines = ["import x", "", "return 1", "y = 2", "return 1"]
    assert line_of(lines, 4, "  return 1") == 3
    assert line_of(lines, 5, "return 1") == 5
    assert line_of(lines, 4, "gone()") == 4
    assert line_of(lines, 0, "") == 1
