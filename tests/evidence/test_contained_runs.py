"""Runs of code that an agent wrote are contained: where they write, what they see, and how they end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import contained
from workbench.contained import Sandbox
from workbench.evidence.runs import Runner
from workbench.suite import TestCommand

COMMAND = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"
boxed = pytest.mark.sandbox

ATTACKS = """
import os, pathlib, socket, subprocess

import pytest

HOME, CHECKOUT, OUTSIDE, SERVER = {home!r}, {checkout!r}, {outside!r}, {server!r}
PROCESSES = {processes!r}


@pytest.mark.parametrize("path", [CHECKOUT + "/planted.py", OUTSIDE + "/planted", "/usr/planted", "/etc/cron.d/x"])
def test_nothing_outside_can_be_written(path):
    with pytest.raises(OSError):
        open(path, "w")


def test_nothing_outside_is_reached_through_a_link():
    os.symlink(CHECKOUT, "away")
    with pytest.raises(OSError):
        open("away/planted.py", "w")
    with pytest.raises(OSError):
        os.link(CHECKOUT + "/kept.py", "hard")
        open("hard", "a").write("x")


def test_the_home_is_empty_and_secrets_of_the_checkout_are_closed():
    assert not os.path.exists(HOME + "/.ssh")
    assert open(CHECKOUT + "/kept.py").read() == "kept"
    with pytest.raises(OSError):
        assert open(CHECKOUT + "/.env").read() == ""
        raise OSError


def test_no_socket_of_a_service_answers():
    with pytest.raises(OSError):
        socket.socket(socket.AF_UNIX).connect(SERVER)


def test_the_sandbox_cannot_be_opened_again():
    assert subprocess.run(["mount", "-o", "remount,rw", "/"], capture_output=True).returncode
    assert os.readlink("/proc/self/ns/pid") != PROCESSES, "processes outside are seen"


def test_the_tree_and_temporary_folders_are_its_own():
    for path in ("here", "/tmp/x", os.environ["HOME"] + "/x"):
        open(path, "w").close()
"""


def run(tmp_path: Path, files: dict[str, str], command: str = COMMAND, timeout: int = 60, **options: object):
    tree, checkout = tmp_path / "tree", tmp_path / "checkout"
    for folder in (tree, checkout):
        folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (tree / name).write_text(text)
    runner = Runner(TestCommand.parse(command, tmp_path), timeout, checkout, tmp_path, **options)
    return runner.run("base", "c0ffee", tree)


@boxed
def test_a_contained_run_reaches_nothing_that_is_not_its_own(tmp_path, monkeypatch):
    home, outside = tmp_path / "home", tmp_path / "outside"
    for folder in (home / ".ssh", outside, tmp_path / "checkout"):
        folder.mkdir(parents=True)
    (tmp_path / "checkout" / "kept.py").write_text("kept")
    (tmp_path / "checkout" / ".env").write_text("SECRET=1")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(outside)
    with socket.socket(socket.AF_UNIX) as service:
        service.bind("s")  # a short name: the path of a socket is bounded
        service.listen()
        text = ATTACKS.format(
            home=str(home),
            checkout=str(tmp_path / "checkout"),
            outside=str(outside),
            server=str(outside / "s"),
            processes=str(Path("/proc/self/ns/pid").readlink()),
        )
        found = run(tmp_path, {"test_attacks.py": text}, network=False)
    assert found.sandbox == "on"
    assert {test.id.partition("::")[2]: test.message for test in found.tests if test.outcome != "passed"} == {}
    assert len(found.tests) == 9
    assert (tmp_path / "checkout" / "kept.py").read_text() == "kept"
    assert sorted(each.name for each in (tmp_path / "checkout").iterdir()) == [".env", "kept.py"]


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in a terminal", "in a shell's background"])
def interrupts(request: pytest.FixtureRequest) -> Iterator[None]:
    """What becomes of an interrupt: a shell that starts us in its background has us and all that we start ignore it."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@boxed
@pytest.mark.usefixtures("interrupts")
def test_a_contained_run_that_takes_too_long_may_clean_up(tmp_path):
    text = """
import time

import pytest


@pytest.fixture
def database():
    yield
    open("dropped", "w").close()


def test_slow(database):
    time.sleep(60)
"""
    found = run(tmp_path, {"test_slow.py": text}, timeout=4)  # to begin takes a second
    assert found.note == "ended by us after 4 seconds"
    assert (tmp_path / "tree" / "dropped").exists()


@boxed
def test_a_contained_run_that_was_killed_says_by_what(tmp_path):
    found = run(
        tmp_path, {"test_a.py": "import os, signal\n\ndef test_a():\n    os.kill(os.getpid(), signal.SIGSEGV)\n"}
    )
    assert found.note == "ended by signal SIGSEGV"


def test_without_a_sandbox_the_run_says_so(tmp_path, uncontained):
    found = run(
        tmp_path, {"test_a.py": "def test_a():\n    pass\n"}, "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"
    )
    assert (found.outcome, found.sandbox) == ("passed", "none: it is switched off")
    assert found.as_dict()["sandbox"] == "none: it is switched off"


def test_why_there_is_no_sandbox_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert contained.why_not() == "bubblewrap is missing"
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no namespaces >&2\nexit 1\n")
    broken.chmod(0o700)
    assert contained.why_not() == "bubblewrap cannot contain a command here: no namespaces"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert contained.why_not() == "there is no bubblewrap on darwin"


@pytest.mark.parametrize(("status", "told"), [(0, 0), (1, 1), (128, 128), (139, -11), (137, -9), (255, 255)])
def test_the_end_of_a_contained_command_is_told_by_its_status(status, told):
    assert contained.exit_code(status) == told


@boxed
def test_with_a_network_services_answer_and_doors_to_more_rights_do_not(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        for network, status in ((True, 0), (False, 1)):
            box = Sandbox(writable=(tmp_path,), readable=(Path(sys.prefix), Path(sys.base_prefix)), network=network)
            ran = subprocess.run(
                box.wrap([sys.executable, "-S", "-c", code], tmp_path), capture_output=True, timeout=30
            )
            assert ran.returncode == status
