"""A SQLite file that is moved away, deleted or replaced while it is open: nothing is written into what nobody sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from capture.errors import StoreUnreachable
from capture.store.engine import open_engine, use_write_ahead_log, writing
from capture.store.failures import store_errors
from capture.store.moving import begin_anew


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workbench.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Engine]:
    """An engine that has written into its file and holds it open."""
    _made(path)
    engine = open_engine(f"sqlite:///{path}")
    _write(engine, "INSERT INTO said VALUES ('first')")
    yield engine
    engine.dispose()


def _made(path: Path) -> None:
    engine = open_engine(f"sqlite:///{path}", create=True)
    use_write_ahead_log(engine)  # without it SQLite would notice by itself, and say that it may only read
    _write(engine, "CREATE TABLE said (word TEXT)")
    engine.dispose()


def _moved(path: Path, to: Path) -> Path:
    """Move a file with what SQLite holds beside it."""
    for end in ("", "-wal"):
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{to}{end}")
    return to


def _write(engine: Engine, statement: str) -> None:
    with store_errors(engine), writing(engine).begin() as connection:
        connection.exec_driver_sql(statement)


def _words(engine: Engine) -> list[str]:
    with store_errors(engine), engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT word FROM said").scalars())


def _words_at(path: Path) -> list[str]:
    engine = open_engine(f"sqlite:///{path}")
    try:
        return _words(engine)
    finally:
        engine.dispose()


@pytest.mark.parametrize("connected", [True, False])
def test_a_file_that_is_gone_is_told_and_not_made_anew(opened: Engine, path: Path, connected: bool) -> None:
    away = _moved(path, path.with_name("away.db"))
    if not connected:
        opened.dispose()
    for _ in range(2):
        with pytest.raises(StoreUnreachable, match="moved away or deleted"):
            _write(opened, "INSERT INTO said VALUES ('lost')")
    assert not path.exists()
    assert _words_at(away) == ["first"]
    _moved(away, path)
    assert _words(opened) == ["first"], "it is back"


def test_another_file_in_its_place_is_opened(opened: Engine, path: Path) -> None:
    path.rename(path.with_name("away.db"))
    _made(path)
    _write(opened, "INSERT INTO said VALUES ('second')")
    assert _words_at(path) == ["second"]


def test_a_backup_in_its_place_gets_nothing_of_what_was_written_before(opened: Engine, path: Path) -> None:
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    _write(opened, "INSERT INTO said VALUES ('after the backup')")
    other = open_engine(f"sqlite:///{path}")  # as another process has it
    assert len(_words(other)) == len(_words(other)) == 2
    backup.rename(path)
    assert _words(opened) == ["first"], "the write-ahead log of the other file was taken for its own"
    _write(opened, "INSERT INTO said VALUES ('second')")
    assert _words(other) == _words(opened) == ["first", "second"]
    assert b"after the backup" in Path(f"{path}-wal.aside").read_bytes(), "it may be wanted with the file it belongs to"
    other.dispose()


def test_a_backup_in_the_place_of_a_deleted_file_gets_nothing_of_what_was_written_to_that(
    opened: Engine, path: Path
) -> None:
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    _write(opened, "INSERT INTO said VALUES ('after the backup')")
    path.unlink()
    for _ in range(2):
        with pytest.raises(StoreUnreachable, match="moved away or deleted"):
            _words(opened)
    backup.rename(path)
    assert _words(opened) == ["first"]
    assert b"after the backup" in Path(f"{path}-wal.aside").read_bytes()


def test_what_was_set_aside_before_is_kept(opened: Engine, path: Path) -> None:
    new = path.with_name("new.db")
    for words in ("the log of one", "the log of two", "the log of three"):
        _made(new)
        _write(opened, f"INSERT INTO said VALUES ('{words}')")  # noqa: S608
        new.rename(path)
        assert _words(opened) == []
    kept = sorted(path.parent.glob(f"{path.name}-wal.aside*"))
    assert [b"the log of one" in kept[0].read_bytes(), b"the log of three" in kept[2].read_bytes()] == [True, True]


def test_a_file_that_was_only_moved_keeps_its_log_and_may_come_back(opened: Engine, path: Path) -> None:
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(StoreUnreachable):
        _words(opened)
    away.rename(path)
    assert _words(opened) == ["first"], "it stood in the log"
    assert not list(path.parent.glob("*.aside"))


def test_a_file_that_a_link_leaves_keeps_what_was_written_to_it(path: Path) -> None:
    blue, green = path.with_name("blue.db"), path.with_name("green.db")
    for each in (blue, green):
        _made(each)
    path.symlink_to(blue)
    engine = open_engine(f"sqlite:///{path}")
    _write(engine, "INSERT INTO said VALUES ('blue')")
    assert _words(engine) == ["blue"]
    path.unlink()
    path.symlink_to(green)
    assert _words(engine) == []
    assert not list(path.parent.glob("*.aside")), "it is still where it was"
    assert _words_at(blue) == ["blue"]
    engine.dispose()


def test_a_file_behind_a_link_is_replaced(path: Path) -> None:
    real, other = path.with_name("real.db"), path.with_name("other.db")
    for each in (real, other):
        _made(each)
    path.symlink_to(real)
    engine = open_engine(f"sqlite:///{path}")
    _write(engine, "INSERT INTO said VALUES ('before')")
    assert _words(engine) == ["before"]
    other.rename(real)
    assert _words(engine) == []
    engine.dispose()


def test_shared_memory_stays_where_its_file_is(path: Path) -> None:
    _made(path)
    engine = open_engine(f"sqlite:///{path}", create=True)
    assert _words(engine) == []
    begin_anew(path)
    assert Path(f"{path}-shm").exists()
    engine.dispose()


def test_a_file_that_is_made_anew_shares_nothing_with_the_one_that_is_still_open(opened: Engine, path: Path) -> None:
    shared = Path(f"{path}-shm").stat().st_ino
    path.unlink()
    new = open_engine(f"sqlite:///{path}", create=True)
    use_write_ahead_log(new)
    _write(new, "CREATE TABLE said (word TEXT)")
    _write(new, "INSERT INTO said VALUES ('new')")
    assert Path(f"{path}-shm").stat().st_ino != shared, "it says where the other file's pages are"
    assert (_words(new), _words(opened)) == (["new"], ["new"])
    new.dispose()


def test_a_folder_may_be_changed_under_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = open_engine("sqlite:///here.db", create=True)
    _write(engine, "CREATE TABLE said (word TEXT)")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert _words(engine) == []
    engine.dispose()
