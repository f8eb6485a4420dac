"""A person is called when one is needed, and only then: a session asks or ends, evidence arrives in review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session
from tui.seeded_store import FINISHED, WORKING

from capture.store import lifecycle
from capture.store.lifecycle import Actor
from capture.store.tables import Bug, FixSession
from capture.testing import NOW
from workbench import config
from workbench.bugs.needs import Needs, needs, news
from workbench.errors import ConfigurationError
from workbench.tui.app import Needed, WorkbenchApp
from workbench.tui.attention import call, way_of

ITERM, PLAIN = {"TERM_PROGRAM": "iTerm.app"}, {"TERM": "xterm-256color"}


def of(engine: Engine, state: str) -> Needs:
    with Session(engine) as session:
        session.get_one(FixSession, WORKING).state = state
        session.commit()
    return needs(engine)


def test_a_session_that_asks_or_ends_is_news_once(seeded: Engine) -> None:
    begun = of(seeded, "working")
    assert news(begun, begun) == []
    asks = of(seeded, "needs_input")
    assert news(begun, asks) == ["B-001: the agent asks you; s shows it."]
    assert news(asks, asks) == []
    assert news(asks, of(seeded, "working")) == []
    assert news(asks, of(seeded, "failed")) == ["B-001: the fix session is failed; s shows it."]


def test_a_fix_that_arrives_in_review_says_that_rather_than_that_the_session_ended(seeded: Engine) -> None:
    before = of(seeded, "working")
    with Session(seeded) as session:
        bug = session.get_one(Bug, session.get_one(FixSession, WORKING).bug_id)
        lifecycle.move(session, bug, "review", by=Actor("agent", WORKING), reason="", now=NOW)
        session.commit()
    assert news(before, of(seeded, "done")) == ["B-001: a fix waits for your decision; v shows it."]


def test_what_was_so_at_the_start_is_no_news(seeded: Engine) -> None:
    found = needs(seeded)
    assert found.sessions[FINISHED] == (3, "done")
    assert found.review == {3}
    assert news(found, found) == []


@pytest.mark.parametrize(
    ("way", "environ", "written"),
    [
        ("off", ITERM, ""),
        ("bell", ITERM, "\a"),
        ("on", PLAIN, "\a"),
        ("on", ITERM | {"TMUX": "/tmp/x"}, "\a"),
        ("on", ITERM, "\a\x1b]9;B-001: it asks, now\x1b\\"),
        ("on", {"TERM": "foot-extra"}, "\a\x1b]777;notify;Bug workbench;B-001: it asks, now\x1b\\"),
    ],
)
def test_the_call_is_one_that_the_terminal_knows(way: str, environ: dict[str, str], written: str) -> None:
    assert call("B-001: it asks; now", way=way, environ=environ) == written


def test_a_call_ends_no_sequence_of_its_own() -> None:
    assert call("a\x1b\\\x07b", way="on", environ=ITERM).count("\x1b") == 2


def test_a_way_that_is_none_is_refused_at_the_start(clinic: Any) -> None:
    assert way_of("off") == "off"
    with pytest.raises(ConfigurationError, match="is none of on"):
        WorkbenchApp(config.load(start=clinic, environ={"WORKBENCH_SCREEN_BELL": "of"}))


@pytest.mark.anyio
async def test_it_is_said_where_the_person_is(seeded: Engine, visit: Any) -> None:
    async with visit("enter", size=(100, 30)) as shown:
        shown.app.post_message(Needed(("B-004: the agent asks you; s shows it.",)))
        await shown.settle()
        assert "B-004: the agent asks you" in shown.text


@pytest.mark.anyio
async def test_a_change_in_the_store_calls(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, text_of: Any
) -> None:
    of(seeded, "working")
    app = make_app(background=True)
    app._background._do_what_is_owed = app._background._sweep = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await eventually(lambda: app._background._needs is not None)
        of(seeded, "needs_input")
        await eventually(lambda: "B-001: the agent asks you" in text_of(app.screen))
