"""`workbench demo`: how the story is told to whom, and that starting over asks. The story itself: tests/demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.demo.reset import Remains
from workbench.errors import Exit, Refused


@pytest.fixture
def told(monkeypatch):
    """Each telling of the story, as the options it was told with."""
    tellings = []

    def story(config, *, out, **options):
        out("1  A pet clinic")
        tellings.append(options)
        screen = options["open_screen"]
        return Exit.DONE if screen is None else screen(config)

    monkeypatch.setattr("workbench.demo.story.story", story)
    monkeypatch.setattr("workbench.tui.app.run", lambda config: 0)
    return tellings


def test_without_a_terminal_it_is_told_to_its_end(workbench, told):
    ran = workbench("demo")
    assert (ran.code, ran.out) == (Exit.DONE, "1  A pet clinic\n")
    assert told == [{"open_screen": None, "port": 0, "github": "", "rehearse": False, "patience": 20.0}]


def test_in_a_terminal_the_screen_opens(workbench, told):
    assert workbench("demo", "--rehearse", "--github", "acme/clinic", "--port", "8123", typed="").code == Exit.DONE
    (options,) = told
    assert options.pop("open_screen") is not None
    assert options == {"port": 8123, "github": "acme/clinic", "rehearse": True, "patience": None}


def test_in_a_terminal_without_a_screen(workbench, told):
    workbench("demo", "--no-screen", typed="")
    assert told[0]["open_screen"] is None


@pytest.fixture
def earlier(monkeypatch, tmp_path):
    """An earlier demo with a person's own changes in it; returns whether they were discarded, once reset."""
    resets = []

    def reset(config, *, discard, now):
        if not discard:
            raise Refused("Starting over would lose what you did in the demo.", cure="Move it.")
        resets.append(discard)

    yours = ("changed files (\x1b[2Jpets.py)",)
    monkeypatch.setattr("workbench.demo.reset.remains", lambda config, now: Remains(tmp_path / "clinic", (), (), yours))
    monkeypatch.setattr("workbench.demo.reset.reset", reset)
    return resets


def test_starting_over_shows_what_would_be_lost_and_asks(workbench, told, earlier):
    ran = workbench("demo", "--reset", typed="n\n")
    assert ran.code == Exit.NO
    assert "changed files (␛[2Jpets.py)" in ran.out
    assert (earlier, told) == ([], [])
    assert workbench("demo", "--reset", typed="y\n").code == Exit.DONE
    assert earlier == [True]
    assert len(told) == 1


def test_without_a_terminal_nothing_of_a_person_is_discarded(workbench, told, earlier):
    ran = workbench("demo", "--reset")
    assert ran.code == Exit.NO
    assert "Move it." in ran.err
    assert (earlier, told) == ([], [])


def test_what_only_the_demo_made_goes_without_a_question(workbench, told, monkeypatch):
    monkeypatch.setattr("workbench.demo.reset.remains", lambda config, now: Remains(Path("/demo"), (), (), ()))
    monkeypatch.setattr("workbench.demo.reset.reset", lambda config, *, discard, now: None)
    ran = workbench("demo", "--reset")
    assert ran.code == Exit.DONE
    assert "Took away /demo." in ran.out


def test_nothing_to_take_away_is_no_error(workbench, told):
    ran = workbench("demo", "--reset")
    assert ran.code == Exit.DONE
    assert len(told) == 1
