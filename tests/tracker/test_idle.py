"""Whether a worker would find anything to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.engine import writing
from capture.store.intake import Batch, take_in
from capture.store.tables import Bug, OutboxRow, SignOff
from capture.testing import NOW, make_event
from workbench import config as configuration
from workbench.config import Config, Value
from workbench.tracker.idle import has_work


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Without GitHub."""
    return configuration.load(start=tmp_path, environ={})


@pytest.fixture
def quiet(any_engine: Engine) -> Engine:
    """A store with a bug whose file was written, and whose issue waits for a repository."""
    take_in(any_engine, Batch(journal="j", start=0, end=1, seen=1, events=[make_event()]), now=NOW)
    with Session(writing(any_engine)) as session:
        for row in session.exec(select(OutboxRow).where(OutboxRow.kind == "write_file")):
            row.state = "done"
        session.commit()
    return any_engine


def owe_a_file(session: Session) -> None:
    session.add(OutboxRow(bug_id=1, kind="write_file", key="again", due_at=NOW, created_at=NOW))


def mute_for_a_day(session: Session) -> None:
    bug = session.get_one(Bug, 1)
    bug.state, bug.mute_until = "muted", NOW + timedelta(days=1)


def sign_off(session: Session) -> None:
    session.add(SignOff(bug_id=1, decision="verified", at=NOW, by="Ada", commit="c" * 40))


def test_where_all_is_done_there_is_none(quiet: Engine, config: Config) -> None:
    assert not has_work(config, quiet)


def test_with_a_repository_there_always_is(quiet: Engine, config: Config) -> None:
    values = {**config.values, "github.repository": Value("clinic/site", "test")}
    assert has_work(Config(config.repo, config.state_dir, values), quiet)


@pytest.mark.parametrize("happens", [owe_a_file, mute_for_a_day, sign_off])
def test_what_needs_no_github_is_work(quiet: Engine, config: Config, happens: Callable[[Session], None]) -> None:
    with Session(writing(quiet)) as session:
        happens(session)
        session.commit()
    assert has_work(config, quiet)
