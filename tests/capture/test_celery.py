"""A Celery task that fails for good is one event, whichever pool runs it and whoever learns of it first."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from capture.recorder import drain
from capture.tasks import shown_arguments

REDIS = os.environ.get("WORKBENCH_TEST_REDIS", "redis://127.0.0.1:6379/11")


@pytest.fixture
def queue():
    """The name of a queue of this test alone, which is gone afterwards."""
    import redis

    name = f"workbench-test-{secrets.token_hex(6)}"
    yield name
    with contextlib.closing(redis.Redis.from_url(REDIS)) as server:
        server.delete(name, f"_kombu.binding.{name}", f"_kombu.binding_permanent.{name}")


@pytest.fixture
def app(queue):
    """A Celery app that sends tasks to the worker and waits for how they end."""
    from celery import Celery

    app = Celery("tests", broker=REDIS, backend=REDIS, set_as_current=False)
    app.conf.update(task_default_queue=queue, result_expires=60)
    yield app
    app.close()
    app.backend.client.close()


@pytest.fixture
def worker(site_environment, capture_settings, tmp_path, queue):
    """A function that starts a worker with a pool, and ends it with the test."""
    started = []

    def start(pool, **capture):
        capture = {
            "JOURNAL_DIR": str(capture_settings.journal_dir),
            "DATABASE_URL": capture_settings.database_url,
            **capture,
        }
        environment = {
            **site_environment,
            "DJANGO_SETTINGS_MODULE": "jobs_settings",
            "BROKEN_SITE_CAPTURE": json.dumps(capture),
            "JOBS_BROKER": REDIS,
            "JOBS_QUEUE": queue,
            "C_FORCE_ROOT": "1",
        }
        arguments = ["-A", "jobs_celery", "worker", "-P", pool, "-c", "2", "-l", "INFO"]
        arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with (tmp_path / "worker.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "celery", *arguments],
                    env=environment,
                    cwd=tmp_path,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def sent(app, *names, **arguments):
    """Send tasks, wait until each has come to its end, and return the states."""
    results = [app.send_task(f"jobs_celery.{name}", **arguments.get(name, {})) for name in names]
    states = []
    for result in results:
        result.get(timeout=90, propagate=False)
        states.append(result.state)
        result.forget()
    return states


def stored(database):
    """Return of each bug its route, the type of its exception, and how often it happened."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT route, exception_type, count FROM bug ORDER BY 1, 2").fetchall()
    return [((route or "no task").removeprefix("task jobs_celery."), error, count) for route, error, count in rows]


def stored_in_time(database):
    """Wait until somebody has carried something over; return what is there."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(sqlite3.Error):  # not made yet
            if found := stored(database):
                return found
        time.sleep(0.1)
    return []


RABBIT = {"args": ["rabbit"]}
ENDS = {
    **dict.fromkeys(("fails", "fails_late", "gives_up", "fails_as_expected", "logs_and_fails"), RABBIT),
    **{name: {} for name in ("succeeds", "succeeds_at_last", "unpicklable")},
}
FAILED_FOR_GOOD = [
    ("fails", "KeyError", 2),
    ("fails_late", "KeyError", 1),
    ("gives_up", "KeyError", 1),
    ("logs_and_fails", "KeyError", 1),
    ("unpicklable", "Unpicklable", 1),
]


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_each_task_that_failed_for_good_is_stored_once(worker, app, capture_settings, tmp_path, pool):
    process = worker(pool, LOGS=True)
    expected = FAILED_FOR_GOOD
    states = sent(app, *ENDS, "fails", **ENDS)
    assert states.count("SUCCESS") == 2
    if pool == "prefork":
        assert sent(app, "is_killed", "takes_too_long") == ["FAILURE", "FAILURE"]
        lost = [("is_killed", "WorkerLostError", 1), ("takes_too_long", "TimeLimitExceeded", 1)]
        expected = sorted([*FAILED_FOR_GOOD, *lost])
        assert stored_in_time(tmp_path / "bugs.db"), "no one drained but the worker itself"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, (tmp_path / "worker.log").read_text()
    drain(capture_settings)
    assert stored(tmp_path / "bugs.db") == expected, (tmp_path / "worker.log").read_text()


LAST_WORDS = """
import os
import django
django.setup()
from capture import pipeline, recorder
recorder.GATHER_SECONDS = pipeline.EXIT_SECONDS = 60.0  # nobody carries before the end, however busy the machine
import jobs_celery
jobs_celery.fails.apply(["rabbit"])
from celery import signals
signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
os._exit(0)  # as the children of a prefork pool end
"""


def test_a_child_of_a_pool_carries_its_events_over_when_it_ends(site_environment, capture_settings, tmp_path):
    capture = {"DATABASE_URL": capture_settings.database_url}
    run_eagerly(LAST_WORDS, site_environment, capture_settings, tmp_path, "jobs_settings", **capture)
    assert stored(tmp_path / "bugs.db") == [("fails", "KeyError", 1)]


EAGER = """
import django
django.setup()
import jobs_celery as jobs
from django.test import Client
from django.test.utils import override_settings
jobs.fails.apply(["rabbit"], {"password": "hunter2", "count": 3})
jobs.gives_up.apply(["rabbit"])
jobs.succeeds_at_last.apply()
jobs.ignores.apply()
jobs.rejects.apply()
jobs.app.conf.task_eager_propagates = True
from django.http import HttpResponse
from django.urls import path
import broken_urls
broken_urls.urlpatterns.append(path("eager/", lambda request: HttpResponse(jobs.fails_late.delay("rabbit"))))
assert Client(raise_request_exception=False).get("/eager/").status_code == 500
from capture import scope
assert scope.current.get() is None
"""


def run_eagerly(script, site_environment, capture_settings, tmp_path, settings, **capture):
    capture = {"JOURNAL_DIR": str(capture_settings.journal_dir), **(capture or {"BACKGROUND": False})}
    environment = {
        **site_environment,
        "DJANGO_SETTINGS_MODULE": settings,
        "BROKEN_SITE_CAPTURE": json.dumps(capture),
        "JOBS_BROKER": "",
        "JOBS_EAGER": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


LATE = """
import sys
import django
django.setup()
from capture import celery
assert "celery" not in sys.modules
import jobs_celery
jobs_celery.fails.apply(["rabbit"])
"""


def test_celery_may_be_loaded_long_after_django(site_environment, capture_settings, read_records, tmp_path):
    run_eagerly(LATE, site_environment, capture_settings, tmp_path, "broken_settings")
    [failed] = [record.event for record in read_records(capture_settings.journal_dir)]
    assert failed.job.name == "jobs_celery.fails"


def test_eager_tasks_are_tasks_too(site_environment, capture_settings, read_records, tmp_path):
    run_eagerly(EAGER, site_environment, capture_settings, tmp_path, "jobs_settings")
    fails, gives_up, late = [
        record.event for record in read_records(capture_settings.journal_dir) if record.event is not None
    ]
    assert (fails.job.kind, fails.job.name, fails.surfaced.type) == ("task", "jobs_celery.fails", "KeyError")
    facts = fails.contexts["task"]
    assert facts["arguments"] == "species='rabbit', password=[redacted], count=3"
    assert (len(facts["id"]), facts["retries"], facts["eager"]) == (36, "0", "yes")
    assert [crumb.message for crumb in fails.breadcrumbs] == ["looking for rabbit"]
    assert gives_up.contexts["task"]["retries"] == "2"
    assert (late.job, late.request.path, late.status) == (None, "/eager/", 500), "what Celery raises into a view is its"
    assert "hunter2" not in str(fails)


class Bound:
    def run(self, password, name="x"):
        """A task's own method."""


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "shown"),
    [
        (lambda species, token: None, ("cat", "hunter2"), {}, "species='cat', token=[redacted]"),
        (Bound().run, ("hunter2",), {"name": "y"}, "password=[redacted], name='y'"),
        (None, (1, 2), {}, "argument 1=1, argument 2=2"),
        (lambda: None, "not a sequence of arguments", None, ""),
    ],
)
def test_arguments_are_shown_by_the_names_of_parameters(function, args, kwargs, shown):
    assert shown_arguments(function, args, kwargs) == shown


def test_arguments_are_bounded():
    assert len(shown_arguments(None, ["x" * 10_000_000] * 1000, {f"k{n}": "y" * 1000 for n in range(1000)})) < 3_000
