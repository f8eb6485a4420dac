"""Whether something changed is known at once, across processes, and costs next to nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from bugs.hearing import heard
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.intake import Intake
from capture.store.tables import Bug, FixSession, SessionRequest, TranscriptEntry
from capture.testing import NOW, make_event
from workbench.bugs.queries import Watcher
from workbench.errors import DatabaseError

Carry = Callable[..., Intake]

_WRITE = """
import sys
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event
take_in(open_engine(sys.argv[1]), Batch("another process", 0, 1, 1, [make_event()]), now=NOW)
"""


def test_nothing_changed_when_nobody_wrote(any_engine: Engine) -> None:
    with Watcher(any_engine) as watcher:
        assert [watcher.changed() for _ in range(3)] == [False] * 3
        with any_engine.connect() as connection:
            connection.execute(sa.select(Bug)).all()
        assert not watcher.changed()


def test_a_change_is_told_once(any_engine: Engine, carry_into: Carry) -> None:
    with Watcher(any_engine) as watcher:
        carry_into(any_engine, make_event())
        assert heard(watcher)
        assert not watcher.changed()
        carry_into(any_engine, make_event())
        assert heard(watcher)


def test_a_change_by_another_process_is_told(any_engine: Engine) -> None:
    with Watcher(any_engine) as watcher:
        url = any_engine.url.render_as_string(hide_password=False)
        subprocess.run([sys.executable, "-c", _WRITE, url], check=True, timeout=60)
        assert heard(watcher)


def test_what_a_session_says_is_told(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    shared: dict[str, Any] = {
        "launched_by": "Ada",
        "repository": "r",
        "branch": "b",
        "worktree": "w",
        "base_commit": "c",
    }
    with Watcher(any_engine) as watcher:
        for row in (
            FixSession(id="s1", bug_id=1, started_at=NOW, **shared),
            TranscriptEntry(session_id="s1", at=NOW, kind="text", body={}),
            SessionRequest(session_id="s1", kind="approval", asked_at=NOW, asked_by="agent"),
        ):
            with Session(writing(any_engine)) as session:
                session.add(row)
                session.commit()
            assert heard(watcher)


def test_what_was_rolled_back_is_not_told(any_engine: Engine, carry_into: Carry) -> None:
    carry_into(any_engine, make_event())
    with Watcher(any_engine) as watcher:
        with writing(any_engine).connect() as connection:
            connection.execute(sa.update(Bug).values(title="never"))
            connection.rollback()
        assert not watcher.changed()


def test_asking_is_cheap(any_engine: Engine) -> None:
    with Watcher(any_engine) as watcher:
        begun = time.process_time()
        for _ in range(200):
            watcher.changed()
        assert (time.process_time() - begun) / 200 < 0.002


@pytest.mark.postgres
def test_another_schema_of_the_same_database_is_not_ours(postgres_engine: Engine) -> None:
    with Watcher(postgres_engine) as watcher:
        with postgres_engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_notify('workbench_changed', 'another_schema')"))
        time.sleep(0.05)
        assert not watcher.changed()


@pytest.mark.postgres
def test_after_a_lost_connection_it_says_so_and_listens_again(postgres_engine: Engine, carry_into: Carry) -> None:
    with Watcher(postgres_engine) as watcher:
        with postgres_engine.begin() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        with pytest.raises(DatabaseError, match="does not answer"):
            heard(watcher)
        assert watcher.changed(), "what happened meanwhile is not known, so it may have changed"
        assert not watcher.changed()
        carry_into(postgres_engine, make_event())
        assert heard(watcher)
        watcher.close()
        watcher.close()


def test_a_file_that_is_moved_away_is_told_and_another_one_read(engine: Engine, carry_into: Carry) -> None:
    path = Path(str(engine.url.database))
    with Watcher(engine) as watcher:
        away = path.rename(path.with_name("away.db"))
        for _ in range(2):
            with pytest.raises(DatabaseError, match="moved away or deleted"):
                watcher.changed()
        shutil.copyfile(away, path)
        assert watcher.changed()
        carry_into(engine, make_event())
        assert watcher.changed()
        shutil.copyfile(path, path.with_name("newer.db")).replace(path)
        assert [watcher.changed(), watcher.changed()] == [True, False]
