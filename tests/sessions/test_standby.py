"""A runner that waits for a launch which has not been decided yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from capture.testing import NOW
from workbench import fixing
from workbench.ended import still_running
from workbench.errors import DatabaseError, NotFound, OutsideError
from workbench.fixing import launching
from workbench.fixing.standby import Standby
from workbench.sessions.order import Order
from workbench.sessions.process import Detached
from workbench.tui.desk import Desk

REHEARSED = fixing.LaunchOptions(rehearse=str(Path(__file__).parent / "scenarios" / "price.toml"))


def folders(config) -> list[str]:
    return [path.name for path in (config.state_dir / "sessions").glob("*")]


def ended(identity) -> None:
    with suppress(psutil.NoSuchProcess):
        assert still_running([psutil.Process(identity.pid)], 10) == []
    assert not identity.is_alive


def test_a_launch_takes_the_runner_that_stands_by(idle, config, engine, bug, now):
    with closing(Standby(config, is_rehearsal=True)) as standby:
        row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now, standby=standby)
    assert [runner.pid for runner in idle] == [row.pid]
    assert folders(config) == [row.id] == [standby.session_id]
    assert (config.state_dir / "sessions" / row.id).stat().st_mode & 0o777 == 0o700


def test_a_session_of_another_kind_has_a_runner_of_its_own(idle, config, engine, bug, now):
    with closing(Standby(config, is_rehearsal=False)) as standby:
        row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now, standby=standby)
    assert [idle[0].pid, row.pid] == [runner.pid for runner in idle]
    ended(idle[0])
    assert folders(config) == [row.id] != [standby.session_id]


def test_one_that_died_meanwhile_is_not_taken(idle, config, engine, bug, now):
    with closing(Standby(config, is_rehearsal=True)) as standby:
        os.kill(idle[0].pid, signal.SIGKILL)
        ended(idle[0])
        row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now, standby=standby)
    assert row.pid == idle[1].pid
    assert folders(config) == [row.id]


def test_what_a_launch_refuses_it_leaves_standing(idle, config, engine, bug, now):
    with closing(Standby(config, is_rehearsal=True)) as standby:
        with pytest.raises(NotFound):
            fixing.launch(
                config, engine, bug, by="Ada", options=replace(REHEARSED, base="nowhere"), now=now, standby=standby
            )
        assert idle[0].is_alive
        row = fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now, standby=standby)
    assert row.pid == idle[0].pid


def test_a_launch_that_fails_once_it_has_it_leaves_nothing_behind(
    idle, config, engine, bug, now, nothing_left, monkeypatch
):
    def locked(*_: object, **__: object) -> None:
        raise DatabaseError("locked")

    monkeypatch.setattr(launching, "claim", locked)
    with closing(Standby(config, is_rehearsal=True)) as standby, pytest.raises(DatabaseError):
        fixing.launch(config, engine, bug, by="Ada", options=REHEARSED, now=now, standby=standby)
    assert not standby.suits(is_rehearsal=True)
    ended(idle[0])
    nothing_left()


def test_one_that_nobody_launched_leaves_nothing_behind(config, nothing_left):
    standby = Standby(config, is_rehearsal=True)
    assert folders(config) == [standby.session_id]
    standby.close()
    ended(standby.runner.identity)
    nothing_left()


def test_one_that_does_not_start_leaves_nothing_behind(config, nothing_left, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise OutsideError("The runner cannot be started: no more processes.")

    monkeypatch.setattr(Detached, "__init__", fails)
    with pytest.raises(OutsideError):
        Standby(config, is_rehearsal=True)
    nothing_left()


def test_one_that_makes_way_for_a_queue_leaves_the_session_its_folder(config):
    standby = Standby(config, is_rehearsal=True)
    event = config.state_dir / "sessions" / standby.session_id / "event.json"
    event.write_text("{}")
    standby.close()
    ended(standby.runner.identity)
    assert event.exists()


def test_it_goes_with_whoever_dies_with_it(config, engine, nothing_left):
    script = """
import sys, time
from workbench.fixing.standby import Standby
from workbench.sessions.order import Order
from workbench.sessions.process import Detached
standby = Standby(Order.decode(sys.stdin.buffer.read()).config, is_rehearsal=True)
print(standby.runner.identity.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        keeper.stdin.write(Order.of(config, engine).encode())
        keeper.stdin.close()
        runner = psutil.Process(int(keeper.stdout.readline()))
        keeper.kill()
    assert still_running([runner], 20) == []
    nothing_left()


def test_a_desk_has_one_and_lets_it_go_in_the_end(idle, config, engine):
    desk = Desk(config, clock=lambda: NOW)
    desk.sessions.stand_by(lambda: None)
    assert idle == []
    desk.sessions.stand_by(lambda: True)
    desk.sessions.stand_by(lambda: False)
    ended(idle[0])
    assert idle[1].is_alive
    desk.close()
    ended(idle[1])
