"""The dashboard: the figures of several sites, how it stands with GitHub, and what leads from there to bugs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session
from tui.hostile import FORBIDDEN, HOSTILE

from capture.store.tables import Bug, IssueFeed, TrackerWrite
from capture.testing import NOW
from workbench.bugs.sites import Site
from workbench.bugs.stats import Outbox
from workbench.tracker.health import LATE, FeedHealth, Health
from workbench.tui.app import WorkbenchApp
from workbench.tui.documents import dashboard
from workbench.tui.screens.dashboard import DashboardScreen

LIST = {"repository": "clinic/site", "behind": timedelta(), "problem": ""}


def told(github: Health | None, width: int = 100) -> list[str]:
    return [each.text.strip() for each in dashboard._github(github, width)][1:]


def test_without_a_repository_it_says_which_setting_names_one() -> None:
    assert told(None) == ["No repository gets issues: github.repository names one. Bug files alone are the tracker."]


def outside(outbox: Outbox, *, has_github: bool) -> list[str]:
    lines = dashboard._outbox(outbox, 100, NOW, key=None, has_github=has_github)
    return [each.text.strip() for each in lines][1:]


def test_what_github_is_owed_is_not_late_where_there_is_none() -> None:
    late = NOW - timedelta(minutes=14)
    outbox = Outbox(due=7, parked=0, done=9, overdue=late, given_up=(), files=0)
    assert outside(outbox, has_github=False) == [
        "✓ 9 done   ○ 0 owed   ✗ 0 parked",
        "7 actions for GitHub will be done once github.repository names one.",
    ]
    assert outside(outbox, has_github=True) == ["✓ 9 done   ○ 7 owed, the oldest due 14m ago   ✗ 0 parked"]
    files = replace(outbox, files=7, files_overdue=late)
    assert outside(files, has_github=False) == outside(outbox, has_github=True)


def test_github_in_order_is_two_lines() -> None:
    feeds = tuple(FeedHealth(**LIST | {"kind": kind}) for kind in ("comments", "commits", "issues"))
    assert told(Health(12, 400, feeds)) == [
        "✓ 12 of 400 writes within the last hour",
        "✓ clinic/site  comments, commits, issues are read in time",
    ]
    assert told(Health(12, 0, ()))[0] == "✓ 12 writes within the last hour"


def test_what_is_wrong_with_github_is_said_with_what_helps() -> None:
    late = LATE + timedelta(minutes=15)
    feeds = (
        FeedHealth(**LIST | {"kind": "commits", "problem": "GitHub answered 404."}),
        FeedHealth(**LIST | {"kind": "issues", "behind": late}),
    )
    assert told(Health(400, 400, feeds)) == [
        "! all 400 writes of this hour are used up: the others wait for the next",
        "✗ commits of clinic/site: GitHub answered 404.",
        "! clinic/site: nobody has read its issues for 25 minutes longer than was meant.",
        "Let a worker run: workbench worker",
    ]


def test_what_is_wrong_with_several_lists_is_said_once() -> None:
    problem = {"problem": "GitHub did not answer."}
    feeds = tuple(FeedHealth(**LIST | problem | {"kind": kind}) for kind in ("comments", "commits"))
    assert told(Health(0, 400, feeds))[1:] == ["✗ comments, commits of clinic/site: GitHub did not answer."]


def test_where_reading_is_off_no_list_is_late() -> None:
    feeds = (FeedHealth(**LIST | {"kind": "issues", "behind": timedelta(days=9)}),)
    assert told(Health(0, 400, feeds, is_read=False))[1:] == ["Reading is switched off: github.poll_seconds is 0."]
    assert told(Health(0, 400, ()))[1:] == ["Nothing has been read yet: a worker begins with it."]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_github_answers_and_sites_are_called_is_dead_text(text: str) -> None:
    feeds = tuple(
        FeedHealth(repository=text, kind=kind, behind=behind, problem=problem)
        for kind, behind, problem in (("issues", 2 * LATE, ""), ("commits", timedelta(), text), ("comments", LATE, ""))
    )
    sites = (Site(text, text, 1, 1, 1, 1, NOW), Site("shop", "live", 0, 0, 0, 0, NOW))
    lines = [*dashboard._github(Health(1, 2, feeds), 80), *dashboard._sites(sites, 80, NOW, key=None)]
    assert not FORBIDDEN & set("".join(line.text for line in lines))
    assert len({line.width for line in lines[-3:]}) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_columns_of_sites_stay_in_line(width: int) -> None:
    sites = (
        Site("a project with a long name, again", "production-eu-central-1", 1_234, 5, 1, 1_204_000, NOW),
        Site("", "", 0, 0, 0, 0, NOW - timedelta(days=40)),
    )
    lines = list(dashboard._sites(sites, width, NOW, key=None))[1:]
    assert len({each.width for each in lines}) == 1
    assert lines[0].width <= max(width, 60)
    assert [each.text.split()[-5:] for each in lines] == [
        ["BUGS", "NEW", "BACK", "EVENTS", "SEEN"],
        ["1,234", "5", "1", "1,204,000", "now"],
        ["0", "0", "0", "0", "5w"],
    ]


@pytest.fixture
def two_sites(seeded: Engine, clinic: Path) -> Engine:
    """The story with a bug of another project beside it, and a repository that is late."""
    (clinic / "workbench.toml").write_text('[github]\nrepository = "clinic/site"\n')
    with Session(seeded) as session:
        first = {"title": "in the shop", "kind": "message", "first_seen": NOW, "last_seen": NOW, "changed_at": NOW}
        session.add(Bug(number=50, project="pet shop", environment="live", **first))
        session.add(Bug(number=51, project="pet shop", environment="live", state="closed", **first))
        session.add(IssueFeed(repository="clinic/site", kind="issues", next_at=NOW - timedelta(hours=2)))
        session.add(TrackerWrite(minute=NOW - timedelta(minutes=5), count=12))
        session.commit()
    return seeded


@pytest.mark.anyio
async def test_a_site_leads_to_its_bugs_that_stand(
    two_sites: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        shown = text_of(screen)
        assert "12 of 400 writes" in shown
        assert "nobody has read its issues for 120 minutes" in shown
        place = next(n for n, made in enumerate(screen.document.lines) if "pet shop" in made.text)
        screen.document.move_to(place)
        await pilot.press("enter")
        await settle(pilot)
        shown = text_of(app.screen)
        assert '!state:closed project:"pet shop" env:live' in shown
        assert "B-050" in shown
        assert "B-051" not in shown
        assert "B-001" not in shown
        await pilot.press("escape")
        await settle(pilot)
        assert "B-001" in text_of(app.screen)


@pytest.mark.anyio
async def test_a_site_that_no_filter_can_name_says_so(
    two_sites: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    with Session(two_sites) as session:
        bug = session.get_one(Bug, 1)
        bug.project = 'a "b" [c]'
        session.commit()
    app = make_app()
    async with app.run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        screen.document.move_to(next(n for n, made in enumerate(screen.document.lines) if '"b"' in made.text))
        await pilot.press("enter")
        await settle(pilot)
        assert "No filter can name this site." in text_of(app.screen)
