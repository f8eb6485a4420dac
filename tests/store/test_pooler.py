"""PgBouncer between us and PostgreSQL, giving each transaction another session: what most hosts of it do."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine
from sqlmodel import Session, col, select

from capture.errors import StoreReadOnly
from capture.store.engine import open_engine, read_only
from capture.store.intake import Batch, take_in
from capture.store.tables import Bug, Occurrence
from capture.testing import NOW, make_event
from workbench.bugs import watch

pytestmark = [pytest.mark.pooler, pytest.mark.postgres]

CARRIERS, BATCHES, EVENTS, FAULTS = 4, 8, 6, 5
SOCKET = ".s.PGSQL.6432"
CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


@pytest.fixture
def pooler(postgres_server: URL) -> Iterator[Path]:
    """The folder with the socket of a PgBouncer in front of the server: two sessions there, however many connect.

    For one test: after it all sessions of its database are ended, and a pooler hands out one that it does not know to
    be dead.
    """
    folder = Path(tempfile.mkdtemp(prefix="workbench-pgbouncer-"))  # pytest's own it may not look into
    settings = folder / "pgbouncer.ini"
    server = f"host={postgres_server.host} port={postgres_server.port or 5432} user={postgres_server.username}"
    server += f" password={postgres_server.password}" if postgres_server.password else ""
    settings.write_text(CONFIGURATION.format(server=server, folder=folder))
    is_root = Path("/proc/self").stat().st_uid == 0  # as whom it refuses to run
    if is_root:
        shutil.chown(folder, "nobody")
        shutil.chown(settings, "nobody")
    running = subprocess.Popen(
        ["pgbouncer", "-q", str(settings)], user="nobody" if is_root else None, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for(folder / SOCKET)
        yield folder
    finally:
        running.kill()
        said = running.communicate()[1]
        shutil.rmtree(folder)
    assert "FATAL" not in said, said


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))
        except OSError:
            assert time.monotonic() < until, "PgBouncer does not answer"
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def pooled(postgres_engine: Engine, pooler: Path) -> Iterator[Callable[[], Engine]]:
    """Makes engines on an empty store, through the pooler."""
    url = postgres_engine.url.set(host=None, port=6432)
    url = url.update_query_dict({"host": str(pooler)}).render_as_string(hide_password=False)
    engines: list[Engine] = []

    def make() -> Engine:
        engines.append(open_engine(url))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


def _carry(engine: Engine, journal: str) -> None:
    for n in range(BATCHES):
        events = [make_event(key=f"{(n * EVENTS + i) % FAULTS:x}") for i in range(EVENTS)]
        outcome = take_in(engine, Batch(journal, n, n + 1, (n + 1) * EVENTS, events), now=NOW)
        assert outcome.stored == EVENTS, outcome


def test_carriers_that_share_sessions_lose_nothing(postgres_engine: Engine, pooled: Callable[[], Engine]) -> None:
    """What one has prepared is unknown, or another statement, in the session of the next transaction."""
    engines = [pooled() for _carrier in range(CARRIERS)]
    failed: list[BaseException] = []

    def carry(engine: Engine, journal: str) -> None:
        try:
            _carry(engine, journal)
        except BaseException as error:  # noqa: BLE001 (told by the test)
            failed.append(error)

    threads = [threading.Thread(target=carry, args=(engine, f"j{n}")) for n, engine in enumerate(engines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    total = CARRIERS * BATCHES * EVENTS
    with Session(postgres_engine) as session:
        counts = session.exec(select(col(Bug.count)).order_by(col(Bug.number))).all()
        assert len(counts) == FAULTS
        assert sum(counts) == session.exec(select(sa.func.count(col(Occurrence.id)))).one() == total


def test_who_only_reads_keeps_nobody_else_from_writing(pooled: Callable[[], Engine]) -> None:
    reader, writer = read_only(pooled(), StoreReadOnly("Only looked at.")), pooled()
    for n in range(4):
        with Session(reader) as session:
            assert len(session.exec(select(Bug)).all()) == min(n, 1)
            with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
                session.execute(sa.update(Bug).values(title="changed"))
        take_in(writer, Batch("j", n, n + 1, n + 1, [make_event(key="a")]), now=NOW)
    with Session(writer) as session:
        assert session.exec(select(col(Bug.count))).one() == 4


def test_a_change_is_seen_without_being_told(pooled: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who listens in one session is not told in another."""
    clock = [0.0]
    monkeypatch.setattr(watch, "monotonic", lambda: clock[0])
    with watch.Watcher(pooled()) as watcher:
        assert not watcher.changed()
        clock[0] += watch.UNTOLD_SECONDS
        assert watcher.changed()
        assert not watcher.changed()
