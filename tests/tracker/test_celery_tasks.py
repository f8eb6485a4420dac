"""Background work as Celery tasks, on real brokers: each thing is done once, whatever becomes of the messages."""

from __future__ import annotations

import logging
import os
import pickle
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from capture import spool
from capture.celery_tasks import beat_schedule as site_schedule
from capture.testing import make_event
from workbench.tracker import background
from workbench.tracker.celery_tasks import beat_schedule

REDIS = os.environ.get("WORKBENCH_TEST_REDIS", "redis://127.0.0.1:6379/11")
RABBITMQ = os.environ.get("WORKBENCH_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//")
SECONDS = 60.0
TASKS = ("capture.drain", "capture.prune", "workbench.deliver", "workbench.sync")

SETTINGS = """
SECRET_KEY = "for tests"
INSTALLED_APPS = ["capture"]
USE_TZ = True
BASE_DIR = {folder!r}
CAPTURE = {{"BACKGROUND": False, "KEEP_EVENTS": 0, "PROJECT": "clinic"}}
"""

# Our own app, as `celery -A workbench.tracker.celery worker` has it. The first process that does a task dies within it,
# after what it did and before that is written down; GitHub is a file, which outlives it.
DYING = """
import os, pickle, signal
from pathlib import Path
from capture.store import retention
from workbench.tracker import inbound, worker
from workbench.tracker.testing import FakeIssues, FakeTracker
from workbench.tracker.celery import app
from celery.concurrency.asynpool import AsynPool
import capture.carrier

# So often it looks for dead children: every five seconds by itself, for which this test would wait four times.
AsynPool.timers = property(lambda pool: {pool.maintain_pool: 0.1})
app.conf.update(beat_schedule={}, task_default_queue=os.environ["QUEUE"], worker_enable_remote_control=False)
GITHUB = Path("github.pickle")

def connect(_settings):
    def step(name):
        if name.startswith("after"):
            GITHUB.write_bytes(pickle.dumps(there.opened))
        elif GITHUB.exists():
            there.opened = pickle.loads(GITHUB.read_bytes())

    tracker = FakeTracker()
    there = tracker.repositories["bot/clinic"] = FakeIssues("bot/clinic", tracker)
    tracker.on_step = step
    return tracker

worker.connect_github = connect
worker.Worker.__init__.__kwdefaults__["connect"] = connect

def die_within(owner, name, *, before=False):
    real = getattr(owner, name)
    def dying(*args, **kwargs):
        died = Path(f"{name}.died")
        result = None if before and not died.exists() else real(*args, **kwargs)
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, dying)

die_within(capture.carrier, "take_in")
die_within(retention.Pruner, "_delete")
die_within(FakeIssues, "create")
die_within(inbound.Inbound, "_write", before=True)
"""


@pytest.fixture
def queue() -> str:
    return f"workbench-test-{secrets.token_hex(6)}"


@pytest.fixture(params=["redis", "rabbitmq"])
def app(request: pytest.FixtureRequest, queue: str) -> Any:
    """An app that sends messages to a queue of this test alone, which is gone afterwards."""
    from celery import Celery

    app = Celery("tests", broker=REDIS if request.param == "redis" else RABBITMQ, set_as_current=False)
    app.conf.update(task_default_queue=queue, task_ignore_result=True)
    yield app
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        channel.queue_delete(queue)
        if request.param == "redis":
            channel.client.delete(queue, f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}")
        else:
            channel.exchange_delete(queue)
    app.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a site whose one fault happened 40 times, all of them still in its journal."""
    from capture.event import encode
    from capture.journal import Count, Journal

    journal = Journal(tmp_path / ".capture", max_bytes=1 << 26)
    for _time in range(40):
        event = make_event(at=datetime.now(UTC))
        at = event.at.timestamp()
        count = Count(event.project, event.fingerprint.key, at, event.release, event.environment)
        journal.append_event(encode(event), count=count)
    journal.close()
    (tmp_path / "site_settings.py").write_text(SETTINGS.format(folder=str(tmp_path)))
    (tmp_path / "dying.py").write_text(DYING)
    return tmp_path


@pytest.fixture
def worker(folder: Path, app: Any, queue: str) -> Any:
    """A worker with one child at a time."""
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": app.conf.broker_url,
        "QUEUE": queue,
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "GITHUB_TOKEN": "t0ken",
        "WORKBENCH_GITHUB_REPOSITORY": "bot/clinic",
        "WORKBENCH_GITHUB_STATUS_MINUTES": "0",
        "C_FORCE_ROOT": "1",
    }
    arguments = ["-A", "dying", "worker", "-P", "prefork", "-c", "1", "-l", "INFO"]
    arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def asked(folder: Path, query: str) -> Any:
    """Return the first value that a query finds, or None while there is no database."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(folder / "workbench.db", timeout=30)) as database:
        found = database.execute(query).fetchone()
        database.commit()
        return found[0] if found else None
    return None


def until(done: Any, what: str, log: Path | str) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < end, f"{what}:\n{Path(log).read_text()}"
        time.sleep(0.05)


def test_one_of_everything_whatever_becomes_of_messages_and_workers(folder: Path, app: Any, worker: Any) -> None:
    log = folder / "worker.log"

    def send(task: str, died: str) -> None:
        """Send a message three times; whoever takes the first dies of it, and it comes again."""
        for _copy in range(3):
            app.send_task(task)
        ended = re.compile(rf"Task {task}\[[^]]*\] succeeded")
        until(lambda: len(ended.findall(log.read_text())) == 3, f"{task} did not end", log)
        assert (folder / f"{died}.died").exists(), "nobody died"

    send("capture.drain", "take_in")
    assert asked(folder, "SELECT sum(count) FROM bug") == 40
    assert asked(folder, "SELECT count(*) FROM occurrence") == 40
    assert asked(folder, "SELECT seen = 40 AND seen = stored + counted FROM journal") == 1
    assert spool.journals(folder / ".capture") == []

    send("capture.prune", "_delete")
    assert asked(folder, "SELECT count(*) FROM occurrence") == 2, "the first and the last"
    assert asked(folder, "SELECT sum(count) FROM bug") == 40

    send("workbench.deliver", "create")
    unfinished = "SELECT count(*) FROM outbox WHERE state <> 'done'"
    assert asked(folder, f"{unfinished} AND leased_by IS NULL AND kind = 'open_issue'") == 1, "held by the dead one"
    asked(folder, "UPDATE outbox SET due_at = '2026-01-01 00:00:00.000000'")  # its last request has arrived by now
    app.send_task("workbench.deliver")
    until(lambda: asked(folder, unfinished) == 0, "not done", log)
    opened = pickle.loads((folder / "github.pickle").read_bytes())  # noqa: S301  (the worker's own)
    assert list(opened) == [1], "the first worker died after it had opened the issue"
    assert [path.name for path in (folder / "bugs").glob("*.md")] == ["B-001.md"]

    opened[1].comments[7], opened[1].written_at[7] = "It is the cat.", datetime.now(UTC)
    (folder / "github.pickle").write_bytes(pickle.dumps(opened))
    send("workbench.sync", "_write")
    asked(folder, "UPDATE issue_feed SET next_at = '2026-01-01 00:00:00.000000'")
    app.send_task("workbench.sync")
    until(lambda: asked(folder, "SELECT count(*) FROM issue_feed WHERE since IS NULL") == 0, "not read", log)
    assert asked(folder, "SELECT count(*) FROM issue_comment") == 1


class OwnRedis:
    """A Redis server of this test alone, that is killed and started again, and forgets everything."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.url, self.folder = f"redis://127.0.0.1:{self.port}/0", folder

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.server = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        until(self._answers, "Redis does not start", os.devnull)

    def stop(self) -> None:
        self.server.kill()
        self.server.wait()

    def _answers(self) -> bool:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port), timeout=5)):
            return True
        return False


class WayToRabbit:
    """The RabbitMQ that is there, through a proxy that is closed and opened again; what is in the queue stays."""

    def __init__(self, _folder: Path) -> None:
        url = urlsplit(RABBITMQ)
        self.there = (url.hostname, url.port or 5672)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.url = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{self.port}").geturl()

    def start(self) -> None:
        self.open: list[socket.socket] = [socket.create_server(("127.0.0.1", self.port))]
        self.threads = [threading.Thread(target=self._accept, args=self.open)]
        self.threads[0].start()

    def stop(self) -> None:
        for one in self.open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        for one in self.open:
            one.close()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _address = listening.accept()
                far = socket.create_connection(self.there)
                self.open += [near, far]
                for pair in ((near, far), (far, near)):
                    self.threads.append(threading.Thread(target=self._pass_on, args=pair))
                    self.threads[-1].start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def logging_left_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep a worker within this process from giving the root logger its own level and handler, for all later tests."""
    from celery.signals import setup_logging

    def leave_alone(**_wanted: object) -> None:
        """Celery sets up no logging where somebody else does."""

    for name in ("CELERY_LOG_LEVEL", "CELERY_LOG_FILE"):
        monkeypatch.setenv(name, "")  # the worker sets them; this takes them away again
    setup_logging.connect(leave_alone)
    yield
    setup_logging.disconnect(leave_alone)
    logging.captureWarnings(False)


@pytest.fixture
def own_worker(site: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the tasks of this process keep between two calls: of `site`, and of no thread, so that it can be closed."""
    monkeypatch.setattr(background, "site_config", site.config)
    monkeypatch.setattr(background, "_own", SimpleNamespace(pid=0, worker=None, engine=None))
    yield
    background.close()


@pytest.mark.usefixtures("logging_left_alone", "own_worker")
@pytest.mark.parametrize("broker_of", [OwnRedis, WayToRabbit])
def test_a_broker_that_is_away_costs_a_delay(
    broker_of: Any, site: Any, tmp_path: Path, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was owed meanwhile is done with the next message, once; messages of the time without a broker are lost."""
    from celery import Celery
    from celery.contrib.testing.worker import start_worker
    from kombu.exceptions import OperationalError

    site.clock = datetime.now(UTC)
    site.environ = {"WORKBENCH_DATABASE_URL": site.engine.url.render_as_string(hide_password=False)}
    sleep = time.sleep
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: sleep(seconds / 200))  # between two connects
    broker = broker_of(tmp_path)
    app = Celery("tests", broker=broker.url, set_as_current=False)
    app.conf.update(
        task_default_queue=queue,
        broker_connection_retry_on_startup=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_enable_remote_control=False,
    )
    app.finalize()

    def send() -> None:
        with app.connection_for_write(transport_options={"max_retries": 1}) as connection:
            app.send_task("workbench.deliver", connection=connection, retry=False)

    broker.start()
    try:
        site.fail()
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=SECONDS) as worker:
            send()
            until(lambda: [row.state for row in site.rows("write_file")] == ["done"], "not done", os.devnull)
            broker.stop()
            site.fail(key="ffffffffffffffff")
            with pytest.raises(OperationalError):
                send()
            assert "due" in [row.state for row in site.rows("write_file")]
            broker.start()
            for _copy in range(3):
                send()
            until(lambda: {row.state for row in site.rows("write_file")} == {"done"}, "not done", os.devnull)
            worker.hub.call_repeatedly(0.1, int)  # it looks whether it shall end when it wakes up, which is seldom
            send()
        with app.connection_for_write() as connection:
            connection.default_channel.queue_delete(queue)
            if broker_of is WayToRabbit:
                connection.default_channel.exchange_delete(queue)
    finally:
        app.close()
        broker.stop()
    assert [row.attempts for row in site.rows("write_file")] == [1, 1]


def test_a_schedule_names_tasks_that_there_are_and_lets_their_messages_expire() -> None:
    """Not too soon: the time is set by one clock and read by another."""
    from workbench.tracker.celery import app

    ours, sites = beat_schedule(queue="bugs"), site_schedule(queue="bugs")
    app.finalize()
    for entry in (*ours.values(), *sites.values()):
        task = app.tasks[entry["task"]]
        assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)
        assert (entry["options"]["queue"], entry["options"]["expires"]) == ("bugs", 120)
        assert entry["schedule"] * 2 <= 120 < task.time_limit + 1
    assert {entry["task"] for entry in (*ours.values(), *sites.values())} == set(TASKS)
    assert app.conf.beat_schedule == beat_schedule(), "what a site's journals need is for where the site is"


def test_a_site_needs_nothing_of_the_terminal_for_its_schedule() -> None:
    asked = """
import sys
from capture.celery_tasks import beat_schedule
from workbench.tracker.celery_tasks import beat_schedule
print(sorted({"platformdirs", "sqlalchemy", "github", "git", "textual"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_each_host_gets_messages_of_its_own() -> None:
    schedule = site_schedule(hosts=("web-1", "web-2"))
    drains = {name: entry["options"]["queue"] for name, entry in schedule.items() if "drain" in name}
    assert drains == {"capture-drain-web-1": "capture.web-1", "capture-drain-web-2": "capture.web-2"}
