"""The database is locked, stopped or gone: the site answers as before, and all arrives when it is back."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.postgres import Server
from faults.sites import FULL, Site, check_all_arrived, until

from capture.errors import StoreError

MakeSite = Callable[..., Site]
LOCKED_SECONDS = 30.0 if FULL else 1.0
STOPPED_SECONDS = 60.0 if FULL else 1.0
# So that the storms of the long runs stay a storm and do not become a benchmark of the disk.
PAUSE = 0.05 if FULL else 0.01


def all_stored(site: Site) -> bool:
    try:
        return site.ledger().pending == 0 and not site.ledger().database_error
    except StoreError:
        return False


def is_storing(site: Site) -> bool:
    found = site.ledger()
    return found.stored > 0 and not found.database_error


def test_sqlite_locked_by_another_program(make_site: MakeSite) -> None:
    site = make_site()
    site.serve(FAULTY_SITE_BUSY_MS="" if FULL else "300")
    assert site.get("/fault/?n=1000000")[0] == 500
    until(lambda: Path(site.folder / "bugs.db").exists() and all_stored(site))
    locker = sqlite3.connect(site.folder / "bugs.db", isolation_level=None)
    locker.execute("PRAGMA journal_mode")
    with site.storm(pause=PAUSE) as storm:
        locker.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_SECONDS)
        until(lambda: site.ledger().pending > 50)  # nothing can be stored while it is locked
        locker.execute("ROLLBACK")
        locker.close()
        time.sleep(0.5)
    storm.answered.append(1_000_000)
    assert storm.slowest() < 5, "nobody waited for the lock"
    until(lambda: all_stored(site), seconds=90)
    site.stop()
    site.drain()
    check_all_arrived(site, storm)


@pytest.mark.postgres
def test_postgresql_crashed_and_stopped_in_a_storm(make_site: MakeSite, own_postgres: Server) -> None:
    site = make_site(database_url=own_postgres.new_database())
    site.serve()
    with site.storm(pause=PAUSE) as storm:
        until(lambda: is_storing(site))
        own_postgres.stop("immediate")
        own_postgres.start()
        time.sleep(1.0 if FULL else 0.3)
        own_postgres.stop("fast")
        answered = len(storm.answered)
        time.sleep(STOPPED_SECONDS)
        until(lambda: len(storm.answered) > answered + 50)
        own_postgres.start()
        time.sleep(0.5)
    assert storm.slowest() < 5, "nobody waited for the database"
    until(lambda: all_stored(site), seconds=90)
    site.stop()
    site.drain()
    check_all_arrived(site, storm)


def test_a_database_that_stays_away_is_asked_seldom_and_costs_nothing(make_site: MakeSite) -> None:
    """A server that hangs up on everybody, while the site goes on failing."""
    attempts: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                attempts.append(time.monotonic())
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        site = make_site(database_url=f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/none")
        seconds = 30 if FULL else 2
        said = site.run(
            f"""
import resource
logging_off = __import__("logging").disable()
fail(20)
end = time.monotonic() + 60
while pipeline.pipeline().recorder._complained is False and time.monotonic() < end:
    time.sleep(0.02)
before, began = time.process_time(), time.monotonic()
while time.monotonic() < began + {seconds}:
    time.sleep(0.01)
idle = time.process_time() - before
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fail(300)
tell()
print(json.dumps([idle, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory]))
os._exit(0)
"""
        )
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    found, (idle, grown) = map(json.loads, said.splitlines())
    assert (found["pending"], found["seen"]) == (320, 320)
    assert 1 <= len(attempts) <= 12, "it waits longer after each attempt (libpq asks twice: with and without TLS)"
    assert idle < 0.2 * seconds, "no busy loop"
    assert grown < 20_000, "events wait on disk and not in memory"
    assert os.environ.get("PGHOST") is None
