"""Background work without a thread of the site: one at a time on a host, and told where nobody does it."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import sys
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace

import django
import pytest

from capture import background, checks
from capture.errors import StoreError
from capture.event import encode
from capture.journal import Count, Journal
from capture.recorder import LOCK_NAME
from capture.testing import make_event


@pytest.fixture
def fail(capture_settings):
    """A function that puts a failure of so many minutes ago, or only its count, into a journal."""

    def fail(minutes=0, *, counted=False):
        event = make_event(at=datetime.now(UTC) - timedelta(minutes=minutes))
        key, at = event.fingerprint.key, event.at.timestamp()
        count = Count(event.project, key, at, event.release, event.environment)
        journal = Journal(capture_settings.journal_dir, max_bytes=1 << 20)
        journal.append_count(count) if counted else journal.append_event(encode(event), count=count)
        journal.close()

    return fail


def test_a_drain_carries_over_what_there_is_unless_somebody_is_at_it(capture_settings, fail):
    assert background.drain(capture_settings).stored == 0, "no journal, and no database for it"
    fail()
    with (capture_settings.journal_dir / LOCK_NAME).open("w") as carried:
        fcntl.flock(carried, fcntl.LOCK_EX)
        assert background.drain(capture_settings) is None
    assert background.drain(capture_settings).stored == 1
    assert background.drain(capture_settings).stored == 0


def test_only_one_process_of_a_host_prunes(capture_settings, fail):
    fail()
    background.drain(capture_settings)
    with (capture_settings.journal_dir / background.UPKEEP_LOCK_NAME).open("w") as pruned:
        fcntl.flock(pruned, fcntl.LOCK_EX)
        assert background.prune(capture_settings) is None
    assert background.prune(capture_settings).done


def test_a_journal_folder_of_another_user_is_named(capture_settings, monkeypatch):
    capture_settings.journal_dir.mkdir()
    (capture_settings.journal_dir / background.UPKEEP_LOCK_NAME).mkdir()
    with pytest.raises(StoreError, match="journal folder"):
        background.prune(capture_settings)


@pytest.mark.parametrize("counted", [False, True])
def test_a_check_says_where_nobody_carries_over(django_site, capture_settings, fail, counted):
    fail(minutes=5, counted=counted)
    assert checks.database(capture_settings) == [], "that may be the interval"
    fail(minutes=45, counted=counted)
    [message] = checks.database(capture_settings)
    assert (message.id, "for 45 minutes" in message.msg) == ("capture.W004", True)
    background.drain(capture_settings)
    assert checks.database(capture_settings) == []


def test_tasks_of_django_do_the_same(monkeypatch, capture_settings, fail):
    """What Django 6 has built in is a package before; only its decorator is played here."""
    name = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    package = ModuleType(name)
    package.task = lambda function: SimpleNamespace(call=function)
    monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.delitem(sys.modules, "capture.enqueued", raising=False)
    enqueued = importlib.import_module("capture.enqueued")
    monkeypatch.setattr(enqueued, "load", lambda: capture_settings)
    fail()
    assert enqueued.drain.call() == {"stored": 1, "counted": 0, "dropped": 0}
    assert enqueued.prune.call() == {"occurrences": 0, "fingerprints": 0}
    monkeypatch.delitem(sys.modules, "capture.enqueued")


def test_what_keeps_a_task_from_its_work_is_told_once(caplog):
    """Not with every message, and again where it comes again."""
    from capture.celery_tasks import telling

    def runs(error=None):
        with contextlib.suppress(StoreError), telling("capture.drain"):
            if error is not None:
                raise error

    away = StoreError("The database is away.", cure="Start it.")
    for _message in range(3):
        runs(away)
    assert [record.getMessage() for record in caplog.records] == ["capture.drain: The database is away. Start it."]
    runs()
    runs(away)
    assert len(caplog.records) == 2
    runs()
