"""Actions a second that workers do on GitHub, beside bare requests to the same stand-in, and nothing twice.

The stand-in is the one in memory (`standins.github_in_memory`): the other one, a Node.js program, takes so few
requests a second that it would be what is measured. Beside the workers stands what it takes from as many processes
that do nothing but open and close issues, how many requests an action took, and where the processor time goes: on
a busy machine that says more than the rate.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from standins.github_in_memory import github_in_memory

from capture.store.engine import open_engine, writing
from capture.store.intake import Batch, take_in
from capture.store.outbox import owe
from capture.store.tables import Bug, OutboxRow
from capture.testing import NOW, make_event

pytestmark = pytest.mark.postgres
WORKERS, BAR = 4, 200

_WORKER = """
import sys, time
from workbench import config
from workbench.tracker.worker import Worker
from capture.store.engine import open_engine
from workbench.tracker import github  # slow to import, and nobody waits for it in earnest
one = Worker(config.load(), open_engine(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
before = time.process_time()
one.round()
print(time.process_time() - before)
one.close()
"""
_RAW = """
import sys, time, requests
session, base, name = requests.Session(), sys.argv[1], sys.argv[2]
session.headers["Authorization"] = "token rw_token"
print("ready", flush=True)
sys.stdin.readline()
before = time.process_time()
for number in range(int(sys.argv[3])):
    made = session.post(f"{base}/repos/{name}/issues", json={"title": "x", "labels": ["bug"]}).json()["number"]
    session.patch(f"{base}/repos/{name}/issues/{made}", json={"state": "closed"})
print(time.process_time() - before)
"""


@pytest.mark.parametrize("bugs", [200, 1_000])
def test_four_workers_do_two_hundred_actions_a_second_and_nothing_twice(
    postgres_engine: sa.Engine, tmp_path: Path, report: Callable[..., None], bugs: int
) -> None:
    """Of 200 bugs, a good part of the time is what each worker needs for its first connections and statements."""
    url = postgres_engine.url.render_as_string(hide_password=False)
    _owe_a_comment_each(postgres_engine, bugs)
    with github_in_memory() as there:
        environ = {
            "GITHUB_TOKEN": "t0ken",
            "WORKBENCH_GITHUB_REPOSITORY": there.full_name,
            "WORKBENCH_GITHUB_BASE_URL": there.url,
            "WORKBENCH_GITHUB_HOURLY_WRITES": "0",
            "WORKBENCH_GITHUB_POLL_SECONDS": "0",
            "WORKBENCH_GITHUB_STATUS_MINUTES": "0",
            "PATH": "/usr/bin:/bin",
        }
        before = time.process_time()
        took, busy = _together([[sys.executable, "-c", _WORKER, url]] * WORKERS, environ, tmp_path)
        served = time.process_time() - before  # this process has nothing else to do
        engine = open_engine(url)
        with engine.connect() as connection:
            states = Counter(connection.scalars(sa.select(OutboxRow.state).where(OutboxRow.kind != "write_file")))
        engine.dispose()
        assert states == {"done": 2 * bugs}
        assert len({issue["body"] for issue in there.issues.values()}) == len(there.issues) == bugs
        assert {issue["comments"] for issue in there.issues.values()} == {1}
        asked = there.asked.total()
        raw = [sys.executable, "-c", _RAW, there.url, there.full_name, str(bugs // WORKERS)]
        bare, bare_busy = _together([raw] * WORKERS, environ, tmp_path)
    actions, ours, theirs = 2 * bugs, 2 * bugs / took, 2 * bugs / bare
    report(
        f"{actions:,} actions of 4 workers on GitHub",
        ours,
        "bare requests",
        theirs,
        "/s",
        bar=f"≥ {BAR}",
        met=ours >= BAR,
    )
    report("requests an action", asked / actions, "at least", 1, "")
    report("processor time of an action", 1000 * busy / actions, "bare request", 1000 * bare_busy / actions, "ms")
    report("of the stand-in, an action", 1000 * served / actions, "of the workers", 1000 * busy / actions, "ms")


def _owe_a_comment_each(engine: sa.Engine, bugs: int) -> None:
    """Make bugs that owe an issue and a comment each, and no file."""
    events = [make_event(key=f"{number:016x}") for number in range(bugs)]
    take_in(engine, Batch("bench", 0, 1, len(events), events), now=NOW)
    with Session(writing(engine)) as session:
        for bug_id in session.exec(select(Bug.id)).all():
            owe(session, "comment_issue", bug_id, occasion="bench", now=NOW, body={"text": "a word"})
        session.execute(sa.delete(OutboxRow).where(OutboxRow.kind == "write_file"))
        session.commit()


def _together(argvs: list[list[str]], environ: dict[str, str], folder: Path) -> tuple[float, float]:
    """Start all, wait until each has imported what it needs, let them go, and return the seconds until all end.

    And the processor time that they took together.
    """
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(argv, cwd=folder, env=environ, stdin=pipe, stdout=pipe) for argv in argvs]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        begun = time.monotonic()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert [process.wait(300) for process in processes] == [0] * len(processes)
        took = time.monotonic() - begun
        return took, sum(float(process.stdout.read()) for process in processes if process.stdout is not None)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
