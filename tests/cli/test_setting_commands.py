"""`workbench config` and `workbench db`: what is set, and the database that it names."""

from __future__ import annotations

import pytest

from workbench.errors import Exit
from workbench.settings import SETTINGS


def test_every_setting_with_its_value_and_where_it_came_from(workbench, repo, monkeypatch):
    (repo / "pyproject.toml").write_text('[tool.workbench]\nagent.max_turns = 20\ntests.command = "pytest"\n')
    (repo / "workbench.toml").write_text("agent.max_turns = 30\n")
    monkeypatch.setenv("WORKBENCH_AGENT_MODEL", "opus")
    found = workbench("--db", "sqlite:///x.db", "config", "--json").json
    settings = found["settings"]
    assert set(settings) == {setting.key for setting in SETTINGS}
    sources = {key: (settings[key]["value"], settings[key]["source"]) for key in settings}
    assert sources["database_url"] == ("sqlite:///x.db", "flag")
    assert sources["agent.model"] == ("opus", "WORKBENCH_AGENT_MODEL")
    assert sources["agent.max_turns"] == (30, "workbench.toml")
    assert sources["tests.command"] == ("pytest", "pyproject.toml")
    assert sources["bugs.directory"] == ("bugs", "default")
    assert found["repository"] == str(repo)


def test_people_get_a_table(workbench, repo):
    out = workbench("config").out
    assert out.splitlines()[0].split() == ["SETTING", "VALUE", "FROM"]
    assert "agent.max_turns" in out
    assert str(repo) in out


def test_keys_are_checked_as_the_screen_does(workbench, repo):
    (repo / "workbench.toml").write_text('[keys]\nmutte = "K"\n')
    refused = workbench("config")
    assert refused.code == Exit.CONFIGURATION
    assert "there is no action 'mutte'" in refused.err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:s3cret@db/bugs", "postgresql://ada:***@db/bugs"),
        ("postgresql://ada:s3cr@et/x@db/bugs", "postgresql://ada:***@db/bugs"),
        ("postgresql://db/bugs?user=ada&password=s3cret&x=1", "postgresql://db/bugs?user=ada&password=***&x=1"),
        ("postgres//ada:s3cret@db", None),
    ],
)
def test_passwords_are_never_shown(workbench, repo, url, shown):
    for words in (["config"], ["config", "--json"], ["db", "check"], ["bugs", "list"]):
        ran = workbench("--db", url, *words)
        if shown is None and "config" in words:
            continue
        assert "s3cr" not in ran.out + ran.err
    if shown is not None:
        assert workbench("--db", url, "config", "--json").json["settings"]["database_url"]["value"] == shown


def test_the_token_is_never_shown(workbench, repo, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    monkeypatch.setenv("WORKBENCH_GITHUB_REPOSITORY", "acme/clinic")
    for words in (["config"], ["config", "--json"], ["doctor"], ["doctor", "--json"]):
        ran = workbench(*words)
        assert "ghp_secret" not in ran.out + ran.err


def test_a_new_database_is_created_and_checked(workbench, repo):
    assert workbench("db", "check").code == Exit.DATABASE
    assert not (repo / "workbench.db").exists()
    ran = workbench("db", "upgrade")
    assert ran.code == Exit.DONE
    assert str(repo / "workbench.db") in ran.out
    assert workbench("db", "upgrade").code == Exit.DONE
    assert "this version's schema" in workbench("db", "check").out
    assert workbench("db", "check", "--json").json == {
        "database": f"sqlite:///{repo / 'workbench.db'}",
        "schema": "current",
    }
