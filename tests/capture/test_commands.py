"""A management command that fails is one event, on disk before its process ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from capture import spool
from capture.commands import scrubbed


@pytest.fixture
def run(site_environment, tmp_path, read_records):
    """A function that runs a script in the site of the commands and returns what it printed and what was captured."""

    def run(*arguments, status=0, **capture):
        capture = {"JOURNAL_DIR": str(tmp_path / "journal"), "BACKGROUND": False, **capture}
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            env={
                **site_environment,
                "DJANGO_SETTINGS_MODULE": "jobs_settings",
                "BROKEN_SITE_CAPTURE": json.dumps(capture),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        events = [record.event for record in read_records(tmp_path / "journal") if record.event is not None]
        return done, events

    return run


def test_a_command_that_fails_ends_as_ever_and_is_one_event(run):
    done, [event] = run("-m", "django", "price_pets", "fault", "--password", "hunter2", status=1)
    assert done.stderr.rstrip().endswith("KeyError: 'rabbit'")
    assert "Traceback" in done.stderr
    assert (event.kind, event.surfaced.type) == ("exception", "KeyError")
    assert (event.job.kind, event.job.name, event.request) == ("command", "price_pets", None)
    assert event.contexts["command"] == {"name": "price_pets", "arguments": "fault --password [redacted]"}
    assert [crumb.message for crumb in event.breadcrumbs] == ["pricing"]


def test_what_a_command_ends_with_on_purpose_is_none(run):
    script = """
import sys
from django.core.management import execute_from_command_line
for end in ("usage", "exit", "interrupt", "logged", "fine"):
    try:
        execute_from_command_line(["manage.py", "price_pets", end])
    except BaseException as error:
        print(end, type(error).__name__)
from django.core.management import call_command
try:
    call_command("price_pets", "fault")
except KeyError:
    print("called", "KeyError")
from dataclasses import replace
from capture import commands, conf
commands.connect(replace(conf.load(), commands=False))
try:
    execute_from_command_line(["manage.py", "price_pets", "fault"])
except KeyError:
    print("switched off")
"""
    done, events = run("-c", script, LOGS=True)
    assert done.stdout.splitlines() == [
        "usage SystemExit",
        "exit SystemExit",
        "interrupt KeyboardInterrupt",
        "logged KeyError",
        "called KeyError",
        "switched off",
    ]
    assert [event.message for event in events] == ["no price"], "logged, and then ended by it: one"


def test_a_command_carries_its_own_event_over_when_it_ends(run, tmp_path):
    script = """
from capture import pipeline
pipeline.EXIT_SECONDS = 30
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "price_pets", "fault"])
"""
    run("-c", script, status=1, BACKGROUND=True)
    assert spool.journals(tmp_path / "journal") == []
    import sqlite3

    with sqlite3.connect(tmp_path / "workbench.db") as connection:
        rows = connection.execute("SELECT route, exception_type, count FROM bug").fetchall()
    connection.close()
    assert rows == [("command price_pets", "KeyError", 1)]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--password=hunter2", "x"], ["--password=[redacted]", "x"]),
        (["--api-key", "hunter2", "x"], ["--api-key", "[redacted]", "x"]),
        (["--token", "--verbose"], ["--token", "--verbose"]),
        (["postgres://ada:hunter2@db/clinic"], ["postgres://ada:[redacted]@db/clinic"]),
        (["a"] * 40, ["a"] * 30 + ["… 40 in all"]),
    ],
)
def test_arguments_go_without_secrets(arguments, shown):
    assert scrubbed(arguments) == shown
