"""Who a token belongs to: asked once, in the background, and never where a person decides."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capture.testing import NOW
from workbench import config as configuration
from workbench.bugs.persons import Account
from workbench.config import Config
from workbench.tracker import logins
from workbench.tracker.failures import Temporary
from workbench.tracker.logins import Logins
from workbench.tracker.settings import github_settings
from workbench.tracker.testing import FakeTracker


class Asked:
    """A client that knows whose its token is, and how often it was asked."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.times = 0

    def __call__(self) -> Asked:
        return self

    def login(self) -> str:
        """Return the answer, or raise it."""
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., tuple[Config, dict[str, str]]]:
    """A configuration with GitHub, whose own files are in a folder of the test."""

    def make(given: str = "t0ken") -> tuple[Config, dict[str, str]]:
        environ = {
            "GITHUB_TOKEN": given,
            "WORKBENCH_GITHUB_REPOSITORY": "octo/clinic",
            "XDG_STATE_HOME": str(tmp_path / "state"),
        }
        return configuration.load(environ=environ, start=tmp_path), environ

    return make


def test_a_login_is_asked_for_once_and_known_from_then_on(configured: Any) -> None:
    config, environ = configured()
    assert logins.known(config, environ) == ""
    asked = Asked("octocat")
    settings = github_settings(config, environ)
    for _ in range(2):
        Logins(config).learn(settings, asked, now=NOW)
    assert asked.times == 1
    assert logins.known(config, environ) == "octocat"
    (file,) = config.state_dir.glob("*")
    assert "t0ken" not in file.read_text()


def test_another_token_has_another_owner(configured: Any) -> None:
    config, environ = configured()
    Logins(config).learn(github_settings(config, environ), Asked("octocat"), now=NOW)
    config, environ = configured("other")
    assert logins.known(config, environ) == ""
    Logins(config).learn(github_settings(config, environ), Asked("clinic-app[bot]"), now=NOW)
    assert logins.known(config, environ) == "clinic-app[bot]"


def test_a_failure_is_asked_about_again_a_while_later(configured: Any) -> None:
    config, environ = configured()
    settings, learner = github_settings(config, environ), Logins(config)
    silent = Asked(Temporary("GitHub did not answer."))
    learner.learn(settings, silent, now=NOW)
    learner.learn(settings, silent, now=NOW + timedelta(minutes=9))
    assert silent.times == 1
    learner.learn(settings, Asked("octocat"), now=NOW + timedelta(minutes=11))
    assert logins.known(config, environ) == "octocat"


@pytest.mark.parametrize("answer", ["\x1b[31mroot", "a b", "-x", "<b>", "x" * 120, ""])
def test_what_is_no_login_is_nobodys(configured: Any, answer: str) -> None:
    config, environ = configured()
    Logins(config).learn(github_settings(config, environ), Asked(answer), now=NOW)
    assert logins.known(config, environ) == ""


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}'])
def test_a_file_that_is_broken_is_written_anew(configured: Any, content: str) -> None:
    config, environ = configured()
    config.state_dir.mkdir(parents=True)
    (config.state_dir / logins.FILE).write_text(content)
    Logins(config).learn(github_settings(config, environ), Asked("octocat"), now=NOW)
    assert logins.known(config, environ) == "octocat"


def test_a_tracker_without_accounts_is_not_asked(configured: Any) -> None:
    config, environ = configured()
    Logins(config).learn(github_settings(config, environ), object, now=NOW)
    Logins(config).learn(None, Asked("octocat"), now=NOW)
    assert logins.known(config, environ) == ""


def test_without_github_only_the_system_knows_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configuration.load(environ={"WORKBENCH_GITHUB_REPOSITORY": "no such name"}, start=tmp_path)
    assert logins.account(config) == Account(getpass.getuser(), "")
    assert logins.known(configuration.load(environ={}, start=tmp_path)) == ""
    monkeypatch.setattr(getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("uid 1001")))
    assert logins.account(config).os_user == ""


def test_a_worker_learns_it_beside_its_work(site: Any, tmp_path: Path) -> None:
    class Known(FakeTracker):
        def login(self) -> str:
            return "octocat"

    site.tracker = Known()
    site.environ = {**site.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    stop = threading.Event()
    worker = site.worker(poll_seconds=0.01)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        for _ in range(500):
            if logins.known(site.config(), site.environ):
                break
            stop.wait(0.02)
    finally:
        stop.set()
        thread.join(20)
    assert logins.known(site.config(), site.environ) == "octocat"
