"""Whether GitHub is written to and read as it should be, and what `workbench doctor` says of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from capture.store.tables import IssueFeed
from workbench import doctor
from workbench.tracker import budget
from workbench.tracker.health import LATE, health


def add_feed(site: Any, kind: str, *, due_ago: timedelta, problem: str = "") -> None:
    with Session(site.engine) as session:
        due = site.clock - due_ago
        session.add(IssueFeed(repository="bot/clinic", kind=kind, next_at=due, problem=problem))
        session.commit()


def told(site: Any, **environ: str) -> list[tuple[str, str, str]]:
    site.environ = {**site.environ, **environ}
    found = doctor._tracker(site.engine, site.config(), site.clock)
    return [(one.subject, one.status, one.message) for one in found]


def test_a_list_is_behind_from_the_time_that_it_should_have_been_read(site: Any) -> None:
    add_feed(site, "comments", due_ago=-LATE)
    add_feed(site, "issues", due_ago=LATE)
    add_feed(site, "commits", due_ago=LATE + timedelta(seconds=1), problem="GitHub is down.")
    found = health(site.engine, ["bot/clinic"], most=7, now=site.clock)
    assert [(feed.kind, feed.behind, feed.is_late) for feed in found.feeds] == [
        ("comments", timedelta(), False),
        ("commits", LATE + timedelta(seconds=1), True),
        ("issues", LATE, False),
    ]
    assert (found.written, found.most, found.is_spent) == (0, 7, False)


def test_the_doctor_tells_a_list_that_nobody_reads_and_one_that_cannot_be_read(site: Any) -> None:
    add_feed(site, "issues", due_ago=timedelta(minutes=25))
    for kind in ("comments", "commits"):
        add_feed(site, kind, due_ago=-LATE, problem="GitHub answered 404.")
    assert told(site, WORKBENCH_GITHUB_POLL_SECONDS="60")[1:] == [
        ("GitHub reading", "wrong", "comments, commits of bot/clinic: GitHub answered 404."),
        ("GitHub reading", "note", "nobody has read bot/clinic for 25 minutes longer than was meant"),
    ]


def test_a_list_is_not_late_where_reading_is_switched_off(site: Any) -> None:
    add_feed(site, "issues", due_ago=timedelta(days=9))
    assert [subject for subject, _status, _message in told(site)] == ["GitHub writes"]


def test_the_doctor_tells_what_is_left_of_the_hour(site: Any) -> None:
    assert told(site) == [("GitHub writes", "ok", "0 of 400 within the last hour")]
    with Session(site.engine) as session:
        budget.note(session, 400, now=site.clock)
        session.commit()
    assert told(site) == [("GitHub writes", "note", "all 400 of this hour are used up")]
    assert told(site, WORKBENCH_GITHUB_HOURLY_WRITES="0") == [
        ("GitHub writes", "ok", "400 of any number within the last hour")
    ]
