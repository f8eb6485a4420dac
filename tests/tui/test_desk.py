"""The desk hands every act down to the function that the commands use."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from capture.testing import NOW
from workbench import config, fixing, signoff
from workbench.fixing import Terms
from workbench.tui.background import Background, Tell
from workbench.tui.desk import Desk
from workbench.tui.session_desk import Launch


@pytest.fixture
def desk(seeded: Engine, clinic: Path) -> Any:
    """An open desk of Ada's."""
    desk = Desk(config.load(start=clinic, environ={}), clock=lambda: NOW)
    desk.open()
    desk.person = "Ada"
    yield desk
    desk.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """What was called below the screens."""
    heard: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def listen(module: Any, name: str, result: object) -> None:
        def called(*args: Any, **named: Any) -> object:
            heard.append((name, args, named))
            return result

        monkeypatch.setattr(module, name, called)

    for name, result in (
        ("launch", "row"),
        ("resume", "row"),
        ("terms", Terms(rehearse="happy", notice="")),
    ):
        listen(fixing, name, result)
    listen(signoff, "reject", "row")
    return heard


def test_a_launch_goes_down_with_what_was_filled_in(desk: Desk, calls: Any) -> None:
    assert desk.sessions.launch(4, Launch(base="", model="opus", max_cost_usd=2.0, note="n", rehearse="happy")) == "row"
    name, args, named = calls[0]
    options = fixing.LaunchOptions(rehearse="happy", model="opus", max_cost_usd=2.0, note="n", base=None)
    assert (name, args) == ("launch", (desk.config, desk.engine, 4))
    assert named == {"by": "Ada", "options": options, "now": NOW, "standby": None}


def test_terms_are_those_of_a_launch_on_the_bug(desk: Desk, calls: Any) -> None:
    assert desk.sessions.terms(4) == Terms(rehearse="happy", notice="")
    assert calls == [("terms", (desk.config, desk.engine, 4), {"now": NOW})]


def test_resuming_and_rejecting_go_down_in_the_person_s_name(desk: Desk, calls: Any) -> None:
    desk.sessions.resume("s", "go on")
    desk.reject(3, "no")
    assert [(name, args[2], named["by"]) for name, args, named in calls] == [
        ("resume", "s", "Ada"),
        ("reject", 3, "Ada"),
    ]


def test_what_keeps_the_worker_from_its_work_is_passed_on_once() -> None:
    heard: list[str] = []
    background = Background(SimpleNamespace(), Tell(print, print, heard.append, print))  # type: ignore[arg-type]
    for status in ("", "no token", "no token", ""):
        background._worker = SimpleNamespace(status=status)  # type: ignore[assignment]
        background._hear_worker()
    assert heard == ["no token", ""]
