"""Forks with a locked journal, clocks that step, and events that are poison."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.sites import Site, check_the_ledger, journals, until

MakeSite = Callable[..., Site]

FORKS = """
import contextlib, ctypes, multiprocessing
from capture.builder import Failure

# Coverage has a lock of its own, which a thread may hold at a fork; a measured child would wait for it for ever.
with contextlib.suppress(ImportError):
    import coverage
    if coverage.Coverage.current():
        coverage.Coverage.current().stop()

stop = threading.Event()
told = [0, 0]
def storm(place):
    while not stop.is_set():
        pipeline.capture(Failure(message="from the parent"))
        told[place] += 1
threads = [threading.Thread(target=storm, args=(place,), daemon=True) for place in range(2)]
for thread in threads:
    thread.start()
warnings.simplefilter("ignore", DeprecationWarning)  # what newer Pythons say about forking with threads

def child():
    for _ in range(5):
        assert pipeline.capture(Failure(message="from a child"))

HOW
stop.set()
for thread in threads:
    thread.join()
print(sum(told))
"""
HOW = {
    "os.fork": """
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
""",
    "multiprocessing": """
for _ in range(10):
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0, process.exitcode
""",
    # As a server written in C does that does not tell Python of its forks. Other threads must have come to rest: they
    # would leave the interpreter's own lock as it was, and any program of several threads hangs on that now and then.
    "without hooks": """
stop.set()
for thread in threads:
    thread.join()
pipeline.pipeline().journal._lock.acquire()
library = ctypes.PyDLL(None)
library._exit.restype = None
for _ in range(10):
    pid = library.fork()
    if pid == 0:
        try:
            child()
        except BaseException:
            library._exit(1)
        library._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
pipeline.pipeline().journal._lock.release()
""",
}


@pytest.mark.parametrize("how", HOW)
def test_forks_while_other_threads_write(make_site: MakeSite, how: str) -> None:
    site = make_site(BACKGROUND=False)
    parents = int(site.run(FORKS.replace("HOW", HOW[how])))
    site.drain()
    assert len({path.name.split("-")[-2] for path in journals(site)}) <= 11
    arrived = site.arrived()
    assert arrived.stored == arrived.counted == parents + 50
    check_the_ledger(site.ledger(), failures=parents + 50)


def test_gunicorn_with_preload_after_failures_in_the_master(make_site: MakeSite) -> None:
    """The master has a journal, a thread and a connection before it forks."""
    site = make_site()
    (site.folder / "preloaded.py").write_text(
        "import time, capture\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "application = get_wsgi_application()\n"
        "capture.capture_message('failure 1000')\n"
        "from capture.pipeline import pipeline\n"
        "while pipeline().recorder._carrier is None: time.sleep(0.01)\n"
        "capture.capture_message('failure 1001')\n"
    )
    process = site.serve("--preload", "--pythonpath", str(site.folder), workers=2, app="preloaded:application")
    assert [site.get(f"/fault/?n={number}")[0] for number in range(30)] == [500] * 30
    until(lambda: site.arrived().stored == 32)
    process.terminate()
    assert process.wait() == 0
    site.drain()
    assert sorted(site.arrived().numbers) == [*range(30), 1000, 1001]
    check_the_ledger(site.ledger(), failures=32)
    assert Path(site.folder / "stderr").read_text().count("Traceback") <= 30 * 2


CLOCK = """
import datetime as dates
import time as clock
from capture import builder
real, shift = clock.time_ns, [0]
clock.time_ns = lambda: real() + shift[0] * 10**9
clock.time = lambda: clock.time_ns() / 10**9
class Shifted(dates.datetime):
    @classmethod
    def now(cls, tz=None):
        return dates.datetime.fromtimestamp(clock.time(), tz)
builder.datetime = Shifted
from capture import journal
for step in (0, -3 * 3600, 86400, -400 * 86400, 0):
    shift[0] = step
    fail(8)
    pipeline.pipeline().journal.close() if step == 86400 else None
"""


def test_a_clock_that_steps_back_and_forward(make_site: MakeSite) -> None:
    site = make_site(BACKGROUND=False, PAYLOADS_PER_HOUR=5)
    site.run(CLOCK)
    site.drain()
    site.drain()
    arrived, found = site.arrived(), site.ledger()
    assert arrived.counted == arrived.tallied == 40
    check_the_ledger(found, failures=40)
    assert (found.stored, found.counted) == (arrived.stored, 40 - arrived.stored)
    assert len(arrived.numbers) == len(set(arrived.numbers)) == 25
    assert journals(site) == []


POISON = """
kinds = ["raises", "hangs", "huge", "recursive", "surrogate", "nul", "long", "bytes", "deep"]
began = time.monotonic()
for kind in kinds:
    asked += 1
    assert client.get(f"/poisonous/{kind}/").status_code == 500, kind
asked += 1
assert client.get("/fault/", query_params=None, QUERY_STRING="n=1&q=" + "z" * 10_000_000).status_code == 500
asked += 1
assert client.get("/missing/1/", headers={"user-agent": "a\\x00b" * 100_000, "x-half": "\\udcff"}).status_code == 404
assert time.monotonic() - began < 20
pipeline.pipeline().close()
sizes = [os.path.getsize(f"journal/{name}") for name in os.listdir("journal") if name.endswith(".journal")]
print(json.dumps([asked, sum(sizes)]))
"""


def test_poisonous_events(make_site: MakeSite, database_url: str) -> None:
    site = make_site(database_url=database_url, BACKGROUND=False)
    asked, size = json.loads(site.run(POISON))
    assert size < asked * 256 * 1024
    site.drain()
    found = site.ledger()
    check_the_ledger(found, failures=asked)
    assert (found.stored, found.dropped, found.pending) == (asked, {}, 0)
    assert site.arrived().stored == asked
