"""Whole processes: what they import, how they die, how they fork, and what the commands say."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from capture import spool
from capture.recorder import drain


@pytest.fixture
def python(site_environment, tmp_path):
    """A function that runs a script with the broken site's settings and returns what it printed."""

    def run(script, **capture):
        environment = {**site_environment, "BROKEN_SITE_CAPTURE": json.dumps(capture)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def manage(site_environment, tmp_path):
    """A function that runs a command of the broken site."""

    def run(*arguments, status=0, **capture):
        environment = {**site_environment, "BROKEN_SITE_CAPTURE": json.dumps({"PROJECT": "clinic", **capture})}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "django", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


def rows(database, query="SELECT count(*) FROM occurrence"):
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchone()[0]


def test_the_middleware_loads_no_database_package_and_starts_no_thread(python):
    script = """
import sys, threading, django
django.setup()
from django.core.handlers.wsgi import WSGIHandler
WSGIHandler()
import capture.middleware
heavy = {"sqlalchemy", "sqlmodel", "alembic", "pydantic", "traceback_with_variables"} & set(sys.modules)
print(sorted(heavy), threading.active_count())
"""
    assert python(script).strip() == "[] 1"


def test_the_first_event_imports_nothing_heavy_in_the_request_thread_and_arrives(python, tmp_path):
    script = """
import django
django.setup()
from django.test import Client
from capture import pipeline
pipeline.EXIT_SECONDS = 30
client = Client(raise_request_exception=False)
for path in ("/fault/", "/api/pets/1/", "/api/pets/2/"):
    client.get(path)
"""
    python(script)
    assert rows(tmp_path / "workbench.db") == 3, "carried over on the way out"
    assert rows(tmp_path / "workbench.db", "SELECT count(*) FROM bug") == 2


def test_killed_at_once_nothing_that_was_answered_is_lost(site_environment, capture_settings, tmp_path):
    script = """
import sys, django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
while True:
    client.get("/fault/")
    sys.stdout.write("x")
    sys.stdout.flush()
"""
    capture = {
        "JOURNAL_DIR": str(capture_settings.journal_dir),
        "DATABASE_URL": capture_settings.database_url,
        "PAYLOADS_PER_HOUR": 20,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**site_environment, "BROKEN_SITE_CAPTURE": json.dumps(capture)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    answered = process.stdout.read(200)
    process.send_signal(signal.SIGKILL)
    answered += process.stdout.read()
    process.wait()
    process.stdout.close()
    drain(capture_settings)
    assert len(answered) <= rows(tmp_path / "bugs.db", "SELECT sum(count) FROM bug") <= len(answered) + 1
    assert rows(tmp_path / "bugs.db") == 20
    assert rows(tmp_path / "bugs.db", "SELECT sum(seen - stored - counted) FROM journal") == 0
    assert spool.journals(capture_settings.journal_dir) == []


def test_workers_forked_from_a_process_that_captured_already(python, tmp_path):
    script = """
import os, sys, time, django
django.setup()
from django.test import Client
from capture import pipeline
pipeline.EXIT_SECONDS = 30
client = Client(raise_request_exception=False)
client.get("/fault/")
while pipeline.pipeline().recorder._carrier is None:
    time.sleep(0.01)
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        for _ in range(10):
            client.get("/fault/")
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
client.get("/fault/")
"""
    python(script)
    assert rows(tmp_path / "workbench.db") == 32
    assert rows(tmp_path / "workbench.db", "SELECT count(*) FROM journal") == 4


def test_another_process_of_the_host_carries_within_a_second(site_environment, capture_settings, tmp_path):
    """The one with the lock finds what its neighbour wrote, without being told."""
    script = """
import sys, time, django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
for line in sys.stdin:
    client.get("/fault/")
    print("answered", flush=True)
"""
    capture = {"JOURNAL_DIR": str(capture_settings.journal_dir), "DATABASE_URL": capture_settings.database_url}
    environment = {**site_environment, "BROKEN_SITE_CAPTURE": json.dumps(capture)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for expected, worker in enumerate((workers[0], workers[1], workers[1]), 1):
            worker.stdin.write("go\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == "answered\n"
            end = time.monotonic() + 60  # the first makes the database
            while time.monotonic() < end:
                try:
                    if rows(tmp_path / "bugs.db") == expected:
                        break
                except sqlite3.Error:
                    pass
                time.sleep(0.02)
            assert rows(tmp_path / "bugs.db") == expected
    finally:
        for worker in workers:
            worker.stdin.close()
            worker.wait()
            worker.stdout.close()


def test_the_way_through_can_be_tried(manage, tmp_path):
    said = manage("capture_test")
    assert "B-001 of project 'clinic'" in said
    assert f"sqlite:///{tmp_path}/workbench.db" in said
    assert ".capture/" in said
    assert "B-001" in manage("capture_test")
    assert rows(tmp_path / "workbench.db", "SELECT count FROM bug") == 2


def test_the_ledger_can_be_read(manage):
    manage("capture_test")
    status = json.loads(manage("capture_status", "--json"))
    assert (status["seen"], status["stored"], status["pending"], status["balanced"]) == (1, 1, 0, True)
    assert "balanced      yes" in manage("capture_status")


def test_the_ledger_says_that_it_cannot_know_where_nothing_can_be_written(manage, tmp_path):
    (tmp_path / "taken").write_text("a file in the place of the folder")
    said = manage("capture_status", status=1, JOURNAL_DIR=str(tmp_path / "taken"))
    assert "taken cannot be written: Not a directory. Failures are not kept" in said


def test_everything_can_be_carried_over_by_hand(manage, python):
    python(
        """
import django
django.setup()
from django.test import Client
Client(raise_request_exception=False).get("/fault/")
""",
        BACKGROUND=False,
        PROJECT="clinic",
    )
    assert "pending       1" in manage("capture_status")
    assert manage("capture_drain").strip() == "stored 1, counted only 0, dropped 0, known already 0, new bugs 1"
    assert json.loads(manage("capture_status", "--json"))["pending"] == 0


def test_events_beyond_those_that_are_kept_can_be_pruned_by_hand(manage, tmp_path):
    for _ in range(2):
        manage("capture_test")
    with sqlite3.connect(tmp_path / "workbench.db") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(occurrence)") if row[1] != "id"]
        listed = ", ".join(columns)
        for number in range(40):
            copy = f"INSERT INTO occurrence (id, {listed}) SELECT '{number:032x}', {listed} FROM occurrence LIMIT 1"  # noqa: S608
            connection.execute(copy)
        connection.execute("UPDATE fingerprint SET count = 42")
    connection.close()
    assert manage("capture_prune", "--seconds", "30", KEEP_EVENTS=3) == "deleted 37 events\n"
    assert rows(tmp_path / "workbench.db") == 5
    assert manage("capture_prune", KEEP_EVENTS=3) == "deleted 0 events\n"
    assert "--seconds must be more than 0" in manage("capture_prune", "--seconds", "0", status=1)
    assert json.loads(manage("capture_status", "--json"))["processes"][0]["project"] == "clinic"


def test_only_the_process_that_carries_loads_the_database_packages(site_environment, capture_settings, tmp_path):
    script = """
import sys, time, django
django.setup()
from django.test import Client
from capture import pipeline
client = Client(raise_request_exception=False)
for line in sys.stdin:
    client.get("/fault/")
    end = time.monotonic() + 20
    while pipeline.pipeline().recorder._carrier is None and time.monotonic() < end and line == "lead\\n":
        time.sleep(0.01)
    time.sleep(1)
    memory = next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith("VmRSS"))
    print(*sorted({"sqlalchemy", "sqlmodel", "alembic", "pydantic"} & set(sys.modules)), memory, flush=True)
"""
    capture = {"JOURNAL_DIR": str(capture_settings.journal_dir), "DATABASE_URL": capture_settings.database_url}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**site_environment, "BROKEN_SITE_CAPTURE": json.dumps(capture)},
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    said = []
    for worker, word in zip(workers, ("lead", "follow"), strict=True):
        worker.stdin.write(word + "\n")
        worker.stdin.flush()
        said.append(worker.stdout.readline().split())
    for worker in workers:
        worker.stdin.close()
        worker.wait()
        worker.stdout.close()
    leader, follower = said
    assert {"sqlalchemy", "sqlmodel"} <= set(leader)
    assert follower[:-1] == []
    assert int(follower[-1]) < int(leader[-1]) - 15_000, "kB"


@pytest.mark.parametrize("command", ["capture_test", "capture_drain", "capture_prune", "capture_status"])
def test_commands_say_what_is_wrong_with_a_setting(manage, command):
    assert "CommandError: CAPTURE has an unknown key 'DATABASE'. Did you mean 'DATABASE_URL'?" in manage(
        command, status=1, DATABASE="x"
    )


def test_commands_say_what_is_wrong_with_a_database(manage, tmp_path):
    (tmp_path / "workbench.db").write_text("no database at all" * 100)
    for command in ("capture_test", "capture_drain"):
        assert "is not a database" in manage(command, status=1)
    assert "is not a database" in manage("capture_status")


def test_commands_say_what_is_wrong_with_a_journal(manage, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be written" in manage("capture_test", status=1, JOURNAL_DIR="file/x")


def test_check_finds_nothing_in_a_site_that_is_set_up(manage):
    assert "no issues" in manage("check")
