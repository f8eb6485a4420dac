"""A bad setting is named before it can do harm, with an id and a cure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from capture import checks
from capture.conf import KEYS, load, problems
from capture.errors import ConfigurationError
from capture.release import head_of
from capture.store.engine import open_engine
from capture.store.migrate import upgrade

OURS = checks.MIDDLEWARE


@pytest.fixture
def site(django_site, tmp_path):
    from django.test import override_settings

    with override_settings(BASE_DIR=tmp_path, MIDDLEWARE=[OURS], CAPTURE={}):
        yield tmp_path


@pytest.fixture
def found(site):
    """A function that returns the ids of what the checks find with these settings."""
    from django.test import override_settings

    def check(**changes):
        with override_settings(**changes):
            return [message.id for message in checks.check_capture()]

    return check


def test_every_key_has_a_default_that_works(site, found):
    loaded = load()
    assert loaded.database_url == f"sqlite:///{site}/workbench.db"
    assert loaded.journal_dir == site / ".capture"
    assert (loaded.environment, loaded.project, loaded.release) == ("production", site.name, None)
    assert loaded.server
    assert found() == []


def test_a_variable_switches_capturing_off_in_test_runs(site, monkeypatch):
    """Tests of the site itself fail on purpose, and their settings may name the shared database."""
    assert load({"ENABLED": True}).enabled
    monkeypatch.setenv("CAPTURE_DISABLED", "1")
    assert not load({"ENABLED": True}).enabled


def test_every_key_can_be_set(site):
    loaded = load(
        {
            "DATABASE_URL": "postgresql://me@host/bugs",
            "JOURNAL_DIR": Path("/var/spool/capture"),
            "RELEASE": "1.2",
            "ENVIRONMENT": "staging",
            "PROJECT": "clinic",
            "SERVER": "web-1",
            "ENABLED": False,
            "BACKGROUND": False,
            "PAYLOADS_PER_HOUR": 5,
            "JOURNAL_MAX_BYTES": 100_000,
            "EVENT_MAX_BYTES": 10_000,
            "BODY_MAX_BYTES": 0,
            "IN_APP": ["shop", "company_*"],
            "NOT_IN_APP": ("clinic.vendored",),
        }
    )
    assert loaded.database_url == "postgresql://me@host/bugs"
    assert loaded.journal_dir == Path("/var/spool/capture")
    assert (loaded.release, loaded.environment, loaded.project, loaded.server) == ("1.2", "staging", "clinic", "web-1")
    assert (loaded.in_app, loaded.not_in_app) == (("shop", "company_*"), ("clinic.vendored",))
    assert (loaded.enabled, loaded.background, loaded.payloads_per_hour, loaded.body_max_bytes) == (False, False, 5, 0)


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/bugs.db", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"]
)
def test_other_urls_stay_as_they_are(site, url):
    assert load({"DATABASE_URL": url}).database_url == url


def test_the_project_is_named_after_the_settings_module(site):
    from django.test import override_settings

    with override_settings(SETTINGS_MODULE="clinic.settings", DEBUG=True):
        assert (load().project, load().environment) == ("clinic", "development")


@pytest.mark.parametrize(
    ("setting", "id_"),
    [
        ([], "capture.E001"),
        ({"DATABSE_URL": "x"}, "capture.E002"),
        ({1: "x"}, "capture.E002"),
        ({"DATABASE_URL": 5}, "capture.E003"),
        ({"JOURNAL_DIR": 5}, "capture.E003"),
        ({"JOURNAL_DIR": ""}, "capture.E003"),
        ({"ENABLED": "yes"}, "capture.E003"),
        ({"PAYLOADS_PER_HOUR": True}, "capture.E003"),
        ({"PAYLOADS_PER_HOUR": 0}, "capture.E003"),
        ({"PAYLOADS_PER_HOUR": "5"}, "capture.E003"),
        ({"IN_APP": "shop"}, "capture.E003"),
        ({"IN_APP": ["shop", 5]}, "capture.E003"),
        ({"IN_APP": [""]}, "capture.E003"),
        ({"NOT_IN_APP": ["/srv/clinic/vendored"]}, "capture.E003"),
        ({"NOT_IN_APP": [r"clinic\vendored"]}, "capture.E003"),
    ],
)
def test_bad_settings_have_an_id_and_a_cure(site, found, setting, id_):
    [problem] = problems(setting)
    assert problem.id == id_
    assert problem.message
    assert problem.hint
    with pytest.raises(ConfigurationError, match=problem.message[:7]) as raised:
        load(setting)
    assert raised.value.cure == problem.hint
    assert found(CAPTURE=setting) == [id_]


def test_a_misspelt_key_is_recognised():
    assert problems({"DATABSE_URL": "x"})[0].hint == "Did you mean 'DATABASE_URL'?"
    assert all(key in problems({"zzz": 1})[0].hint for key in KEYS)


def test_middleware(found):
    assert found(MIDDLEWARE=[]) == ["capture.E004"]
    assert found(MIDDLEWARE=["broken_middleware.Refuses", OURS]) == ["capture.W001"]
    assert found(MIDDLEWARE=[OURS, OURS]) == ["capture.W002"]


def test_queries_without_breadcrumbs(found):
    assert found(CAPTURE={"QUERIES": True, "BREADCRUMBS": 0}) == ["capture.W003"]
    assert found(CAPTURE={"QUERIES": True}) == []


def test_modules_that_nothing_is_called(found):
    assert found(CAPTURE={"IN_APP": ["django", "company_*"], "NOT_IN_APP": ["json.decoder", "__main__"]}) == []
    assert found(CAPTURE={"IN_APP": ["djagno.contrib"]}) == ["capture.W004"]
    assert found(CAPTURE={"IN_APP": None, "NOT_IN_APP": ["no_such_package"]}) == ["capture.W004"]


@pytest.mark.parametrize("key", ["QUERIES", "LOGS", "TASKS", "COMMANDS", "THREADS"])
def test_switches_are_true_or_false(found, key):
    assert found(CAPTURE={key: "yes"}) == ["capture.E003"]
    assert found(CAPTURE={key: False}) == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/x", "nonsense"])
def test_databases_that_cannot_work(found, url):
    assert found(CAPTURE={"DATABASE_URL": url}) == ["capture.E007"]
    assert found(CAPTURE={"DATABASE_URL": "postgres://host/x"}) == []


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr("sys.argv", ["manage.py", "runserver"])


def test_another_command_does_not_fail_for_the_journal_and_no_check_makes_its_folder(found, site, monkeypatch):
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    assert found(CAPTURE={"JOURNAL_DIR": "deep/journal"}) == []
    assert not (site / "deep").exists()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr("sys.argv", ["manage.py", "migrate"])
    assert found() == []


def test_a_journal_folder_that_cannot_be_made(found, site, asked):
    (site / "file").touch()
    assert found(CAPTURE={"JOURNAL_DIR": "file/journal"}) == ["capture.E006"]


def test_a_journal_folder_that_cannot_be_written(found, site, asked, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert found() == ["capture.E006"]


def test_the_database_is_looked_into_only_when_checks_are_asked_for(found, site, monkeypatch):
    (site / "workbench.db").write_text("no database at all, but long enough to be read as one" * 20)
    assert found() == []
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    assert found() == ["capture.E008"]
    assert checks.asked_for(["manage.py", "check", "--deploy"])
    assert not checks.asked_for(["manage.py", "runserver"])


def test_what_the_database_check_says(site, capture_settings, monkeypatch):
    assert checks.database(capture_settings) == [], "it will be made"
    engine = open_engine(capture_settings.database_url, create=True)
    with engine.connect():
        pass
    assert checks.database(capture_settings) == [], "it is empty, and will be filled"
    upgrade(engine)
    assert checks.database(capture_settings) == []
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    [message] = checks.database(capture_settings)
    assert (message.id, bool(message.hint)) == ("capture.E008", True)
    assert "later version" in message.msg


def test_a_database_in_a_folder_that_cannot_be_written(site, capture_settings, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    [message] = checks.database(replace(capture_settings, database_url=f"sqlite:///{site}/a/b/bugs.db"))
    assert message.id == "capture.E008"


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def test_the_release_is_the_commit_that_is_checked_out(repository):
    head = git(repository, "rev-parse", "HEAD")
    (repository / "deep").mkdir()
    assert head_of(repository) == head_of(repository / "deep") == head
    git(repository, "pack-refs", "--all")
    assert head_of(repository) == head
    git(repository, "checkout", "-q", "--detach")
    assert head_of(repository) == head


def test_the_release_is_the_one_that_the_process_started_with(repository, site):
    from django.apps import apps
    from django.test import override_settings

    started = git(repository, "rev-parse", "HEAD")
    with override_settings(BASE_DIR=repository):
        apps.get_app_config("capture").ready()
        git(repository, "commit", "-q", "--allow-empty", "-m", "deployed, and the process not restarted yet")
        assert load({}).release == started


def test_a_base_directory_that_is_none_does_not_keep_the_site_from_starting(site):
    from django.apps import apps
    from django.test import override_settings

    with override_settings(BASE_DIR=5):
        apps.get_app_config("capture").ready()


def test_the_release_of_a_worktree(repository, tmp_path):
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "second")
    assert head_of(tmp_path / "tree") == git(tmp_path / "tree", "rev-parse", "HEAD") != head_of(repository)


def test_without_a_commit_there_is_no_release(tmp_path):
    assert head_of(tmp_path) is None
    git(tmp_path, "init", "-q", "-b", "main")
    assert head_of(tmp_path) is None
    (tmp_path / ".git" / "packed-refs").write_text("# nothing\n")
    assert head_of(tmp_path) is None
    (tmp_path / ".git" / "HEAD").write_text("rubbish\n")
    assert head_of(tmp_path) is None
    (tmp_path / ".git" / "HEAD").unlink()
    assert head_of(tmp_path) is None
