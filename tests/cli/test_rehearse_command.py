"""`workbench rehearse`: lists the scripted models, and serves one until it is told to end."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from workbench.errors import Exit
from workbench.sessions import rehearsal


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What a model answered before it was told to end, as by Ctrl+C, the moment that it serves."""
    told: dict[int, Callable[..., object]] = {}
    answers: list[int] = []

    class Served(rehearsal.RehearsalModel):
        def __enter__(self) -> rehearsal.RehearsalModel:
            model = super().__enter__()
            with urllib.request.urlopen(self.environ["ANTHROPIC_BASE_URL"], timeout=20) as answer:
                answers.append(answer.status)
            told[signal.SIGINT](signal.SIGINT, None)
            return model

    monkeypatch.setattr(signal, "signal", lambda number, handler: told.update({number: handler}))
    monkeypatch.setattr(rehearsal, "RehearsalModel", Served)
    return answers


def test_it_lists_the_scenarios(workbench: Any, repo: Any) -> None:
    ran = workbench("rehearse")
    assert ran.code == Exit.DONE
    assert "happy" in ran.out
    listed = workbench("rehearse", "--json").json
    assert {"happy"} <= {each["name"] for each in listed}
    assert all(each["summary"] for each in listed)


def test_a_scenario_that_is_not_there_is_wrong_usage(workbench: Any, repo: Any) -> None:
    assert workbench("rehearse", "nosuch").code == Exit.USAGE


def test_it_serves_a_model_until_it_is_told_to_end(workbench: Any, repo: Any, ended: list[int]) -> None:
    ran = workbench("rehearse", "happy")
    assert (ran.code, ended) == (Exit.DONE, [200])
    assert "export ANTHROPIC_BASE_URL=http://127.0.0.1:" in ran.out
    assert "export ANTHROPIC_API_KEY=" in ran.out
    assert "Ctrl+C ends the model" in ran.err


def test_it_plays_the_script_of_a_bug(workbench: Any, bug: str, ended: list[int]) -> None:
    ran = workbench("rehearse", "happy", "--bug", bug, "--json")
    served = json.loads(ran.out)
    assert (ran.code, served["scenario"], ended) == (Exit.DONE, "happy", [200])
    assert set(served["environment"]) == {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "NO_PROXY"}
    assert workbench("rehearse", "happy", "--bug", "B-099").code == Exit.NO


def test_a_port_in_use_is_said(workbench: Any, repo: Any, ended: list[int]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = workbench("rehearse", "happy", "--port", str(port))
    assert (ran.code, ended) == (Exit.OUTSIDE, [])
    assert f"Port {port} cannot be used" in ran.err
