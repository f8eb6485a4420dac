"""Whether GitHub is used is one setting; what cannot work is named with its cure, and the token never shown."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench import config as configuration
from workbench.bugs.queries import bug_page
from workbench.errors import ConfigurationError, Exit
from workbench.tracker.routing import Rule, repository_of
from workbench.tracker.settings import GitHubSettings, github_settings


def settings_for(folder: Path, **environ: str) -> GitHubSettings | None:
    return github_settings(configuration.load(environ=environ, start=folder), environ)


def test_without_a_repository_github_is_not_used_and_no_token_is_asked_for(tmp_path: Path) -> None:
    assert settings_for(tmp_path) is None


@pytest.mark.parametrize("variable", ["GITHUB_TOKEN", "GH_TOKEN"])
def test_a_repository_and_a_token_are_enough(tmp_path: Path, variable: str) -> None:
    settings = settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="octocat/hello-world", **{variable: " s3cret \n"})
    assert settings is not None
    assert (settings.repository, settings.base_url) == ("octocat/hello-world", "https://api.github.com")
    assert settings.token == "s3cret"
    assert settings.is_paced
    assert "s3cret" not in repr(settings)


def test_the_process_environment_is_read_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    monkeypatch.setenv("WORKBENCH_GITHUB_REPOSITORY", "octocat/hello-world")
    settings = github_settings(configuration.load(start=tmp_path))
    assert settings is not None
    assert settings.token == "s3cret"


@pytest.mark.parametrize(
    "given",
    [
        {"WORKBENCH_GITHUB_BASE_URL": "http://127.0.0.1:8000/"},
        {"WORKBENCH_GITHUB_BASE_URL": "https://github.example/api/v3/", "WORKBENCH_GITHUB_HOURLY_WRITES": "0"},
    ],
    ids=["on this machine", "without a limit"],
)
def test_a_server_that_needs_no_pauses_gets_none(tmp_path: Path, given: dict[str, str]) -> None:
    settings = settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="a/b", GITHUB_TOKEN="x", **given)
    assert settings is not None
    assert not settings.is_paced
    assert settings.base_url == given["WORKBENCH_GITHUB_BASE_URL"].rstrip("/")


@pytest.mark.parametrize("token", ["", "   "])
def test_a_repository_without_a_token_is_an_error(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="no token") as caught:
        settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="octocat/hello-world", GITHUB_TOKEN=token)
    assert "GITHUB_TOKEN" in caught.value.cure
    assert caught.value.exit_code == Exit.CONFIGURATION


@pytest.mark.parametrize("token", ["two words", "naïve", "line\nbreak"])
def test_a_token_that_cannot_be_one_is_named_but_not_shown(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="GITHUB_TOKEN holds characters") as caught:
        settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="octocat/hello-world", GITHUB_TOKEN=token)
    assert token not in str(caught.value) + caught.value.cure


@pytest.mark.parametrize(
    "name", ["hello-world", "a/b/c", "https://github.com/a/b", "a/", "/b", "a b/c", "-a/b", "a/..", "a/.", "a/b?x=1"]
)
def test_a_malformed_repository_names_the_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"github\.repository") as caught:
        settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY=name, GITHUB_TOKEN="x")
    assert "owner/name" in caught.value.cure


@pytest.mark.parametrize("url", ["api.github.com", "ftp://host/", "http://", "http://host:port", "http://[::1"])
def test_a_malformed_api_address_names_the_setting(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"github\.base_url"):
        settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="a/b", WORKBENCH_GITHUB_BASE_URL=url, GITHUB_TOKEN="x")


@pytest.fixture
def gh(tmp_path: Path) -> str:
    """A PATH whose `gh` is logged in to github.com alone."""
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\n[ "$*" = "auth token --hostname github.com" ] && echo of-gh || exit 1\n')
    program.chmod(0o755)
    return f"{tmp_path}:/usr/bin:/bin"


REPOSITORY = {"WORKBENCH_GITHUB_REPOSITORY": "octocat/hello-world"}


def test_the_login_of_gh_is_used_where_the_environment_has_no_token(tmp_path: Path, gh: str) -> None:
    settings = settings_for(tmp_path, **REPOSITORY, PATH=gh)
    assert settings is not None
    assert (settings.token, settings.token_source) == ("of-gh", "gh's login to github.com")
    assert "of-gh" not in repr(settings)
    settings = settings_for(tmp_path, **REPOSITORY, PATH=gh, GH_TOKEN="mine")
    assert settings is not None
    assert (settings.token, settings.token_source) == ("mine", "GH_TOKEN")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://github.example/api/v3"])
def test_a_login_goes_to_no_other_host(tmp_path: Path, gh: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match="no token"):
        settings_for(tmp_path, **REPOSITORY, PATH=gh, WORKBENCH_GITHUB_BASE_URL=url)


@pytest.mark.parametrize("script", ["sleep 30", "printf '\\377'", "echo", "exec /nonexistent"])
def test_a_gh_that_does_not_answer_is_no_token(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.tracker.token._SECONDS", 0.5)
    program = tmp_path / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(ConfigurationError, match="no token"):
        settings_for(tmp_path, **REPOSITORY, PATH=f"{tmp_path}:/usr/bin:/bin")


class Keyring:
    """The one function of the keyring package that is used."""

    def __init__(self, secrets: dict[tuple[str, str], str] | Exception) -> None:
        self.secrets = secrets

    def get_password(self, service: str, name: str) -> str | None:
        if isinstance(self.secrets, Exception):
            raise self.secrets
        return self.secrets.get((service, name))


def test_the_keyring_is_asked_for_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring({("bug-workbench", "ghe.example"): "kept"}))
    url = "https://ghe.example/api/v3"
    settings = settings_for(tmp_path, **REPOSITORY, WORKBENCH_GITHUB_BASE_URL=url)
    assert settings is not None
    assert (settings.token, settings.token_source) == ("kept", "the keyring (bug-workbench, ghe.example)")


def test_a_locked_keyring_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring(RuntimeError("locked")))
    with pytest.raises(ConfigurationError, match="no token"):
        settings_for(tmp_path, **REPOSITORY, WORKBENCH_GITHUB_BASE_URL="https://locked.example/api/v3")


def test_an_app_stands_for_a_token(tmp_path: Path) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\\nabc\\n-----END RSA PRIVATE KEY-----"
    environ = {"WORKBENCH_GITHUB_REPOSITORY": "a/b", "GITHUB_APP_ID": "123", "GITHUB_APP_PRIVATE_KEY": key}
    settings = settings_for(tmp_path, **environ)
    assert settings is not None
    assert settings.app is not None
    assert settings.app.key.splitlines()[1] == "abc"
    assert (settings.token, settings.token_source) == ("", "the App 123")
    assert "abc" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"GITHUB_APP_ID": "1 2"}, "GITHUB_APP_ID"),
        ({"GITHUB_APP_ID": "1", "WORKBENCH_GITHUB_BASE_URL": "http://127.0.0.1:1"}, "no private key"),
        ({"GITHUB_APP_ID": "1", "GITHUB_APP_PRIVATE_KEY": "x"}, "not a private key"),
        ({"WORKBENCH_GITHUB_POLL_SECONDS": "-1"}, "out of bounds"),
        ({"WORKBENCH_GITHUB_ADOPT": "yes"}, "neither on nor off"),
        ({"WORKBENCH_GITHUB_CA_FILE": "no.pem"}, "is no file"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    environ = {"WORKBENCH_GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t"} | changes
    with pytest.raises(ConfigurationError, match=said):
        settings_for(tmp_path, **environ)


RULES = """
[[github.rules]]
path = "billing/*"
repository = "acme/billing"
[[github.rules]]
route = "/api/pets/*"
project = "clinic"
repository = "acme/pets"
"""


def test_rules_say_which_repository_gets_an_issue(tmp_path: Path, site: Any) -> None:
    (tmp_path / "workbench.toml").write_text(RULES)
    settings = settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="a/b", GITHUB_TOKEN="t")
    assert settings is not None
    assert settings.repositories == ("a/b", "acme/billing", "acme/pets")
    site.fail()
    page = bug_page(site.engine, 1, now=site.clock)
    assert repository_of(page, settings.rules, "a/b") == "a/b"
    routed = replace(page, row=replace(page.row, route="/api/pets/<int:id>/"))
    assert repository_of(routed, settings.rules, "a/b") == "acme/pets"
    assert page.event is not None
    assert page.event.surfaced is not None
    file = page.event.surfaced.frames[-1].filename
    folder = f"{file.rpartition('/')[0]}/*" if "/" in file else file
    assert repository_of(page, (Rule("acme/here", path=folder),), "a/b") == "acme/here"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("github.rules = 7", "not a list"),
        ("[[github.rules]]\nrepository = 'a/b'", "fits every bug"),
        ("[[github.rules]]\npath = 'x'", "as its repository"),
        ("[[github.rules]]\npath = 7\nrepository = 'a/b'", "not a table of texts"),
        ("[[github.rules]]\nfile = 'x'\nrepository = 'a/b'", "unknown key 'file'"),
    ],
)
def test_a_rule_that_cannot_work_is_named(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "workbench.toml").write_text(written)
    with pytest.raises(ConfigurationError, match=said):
        settings_for(tmp_path, WORKBENCH_GITHUB_REPOSITORY="a/b", GITHUB_TOKEN="t")
