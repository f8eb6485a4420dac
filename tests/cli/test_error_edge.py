"""The error edge: a message, its cure and a documented exit code; never a traceback."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from capture.errors import ConfigurationError as SiteConfigurationError
from capture.errors import StoreBusy
from capture.store.lifecycle import IllegalTransition
from workbench import errors
from workbench.cli import edge
from workbench.cli.edge import run
from workbench.errors import Exit

FULL = Path("/dev/full")


@pytest.fixture
def raising(monkeypatch):
    """Make every command raise an error."""

    def call(error):
        def dispatch(arguments):
            raise error

        monkeypatch.setattr(edge, "_dispatch", dispatch)

    return call


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.NotFound("There is no bug B-099.", cure="See: workbench bugs list"), 1, "workbench bugs list"),
        (errors.Refused("Only a person signs off."), 1, "Only a person"),
        (errors.UsageError("Name a bug."), 2, "Name a bug."),
        (errors.ConfigurationError("No git repository.", cure="git init"), 3, "git init"),
        (errors.OutsideError("GitHub does not answer."), 4, "GitHub"),
        (errors.DatabaseError("It is locked."), 5, "locked"),
        (StoreBusy("It is locked.", cure="Try again."), 5, "Try again."),
        (SiteConfigurationError("CAPTURE is no dict.", cure="Make it one."), 3, "Make it one."),
        (IllegalTransition("B-001", "closed", "review", "from closed only to open"), 1, "workbench bugs show B-001"),
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked")), 5, "locked"),
        (PermissionError(13, "Permission denied", "/srv/bugs"), 3, "/srv/bugs: Permission denied"),
        (ModuleNotFoundError("No module named 'textual'", name="textual"), 3, "bug-workbench[terminal]"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code_and_its_words(raising, workbench, error, code, said):
    raising(error)
    ran = workbench("anything")
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert ran.err.startswith("workbench: ")


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("x", name="workbench.nosuch"), OSError("no file"), ValueError("x")]
)
def test_a_mistake_of_ours_is_told_as_one(raising, workbench, error):
    raising(error)
    ran = workbench("anything")
    assert ran.code == Exit.NO
    assert "nobody expected" in ran.err


def test_only_what_is_imported_is_asked_whose_error_it_is():
    script = (
        "import sys; from workbench.cli.translation import expected; assert expected(ValueError('x')) is None;"
        "assert not {'typer', 'sqlalchemy', 'capture.store.lifecycle'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_captured_text_in_a_message_is_inert(raising, workbench):
    raising(errors.NotFound("There is no \x1b[31mbug\nB-099.", cure="See \x9b2J"))
    assert workbench("x").err == "workbench: There is no ␛[31mbug\n  B-099.\n  See \\x9b2J\n"


def test_what_nobody_expected_goes_to_the_crash_log(raising, workbench, clean_environment):
    raising(ZeroDivisionError("division by zero"))
    ran = workbench("anything")
    log = clean_environment / ".local/state/bug-workbench/crash.log"
    assert ran.code == Exit.NO
    assert "ZeroDivisionError" in ran.err
    assert str(log) in ran.err
    assert "report" in ran.err
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_crash_log_grows_and_is_bounded(raising, workbench, clean_environment):
    raising(ZeroDivisionError())
    log = clean_environment / ".local/state/bug-workbench/crash.log"
    workbench("x")
    workbench("x")
    assert log.read_text().count("Traceback") == 2
    log.write_text("x" * (edge.CRASH_LOG_BYTES + 1))
    workbench("x")
    assert log.read_text().count("Traceback") == 1


def test_an_unwritable_crash_log_hides_nothing(raising, workbench, clean_environment, monkeypatch):
    (clean_environment / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(clean_environment / "file" / "below"))
    raising(ZeroDivisionError())
    ran = workbench("x")
    assert ran.code == Exit.NO
    assert "ZeroDivisionError" in ran.err
    assert "could not be written" in ran.err


def test_a_stderr_that_nobody_reads_changes_no_exit_code(raising, monkeypatch):
    raising(errors.NotFound("gone"))

    class Closed:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            """Nothing was written."""

    monkeypatch.setattr(sys, "stderr", Closed())
    assert run(["x"]) == Exit.NO


def test_a_reader_that_leaves_ends_it_quietly(program, happened, repo):
    from capture.testing import make_event

    happened(*(make_event(key=f"{number:016x}", title="KeyError " * 30) for number in range(300)))
    reader = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    ran = subprocess.run(
        [sys.executable, "-m", "workbench", "bugs", "list", "--json"],
        cwd=repo,
        stdin=subprocess.DEVNULL,
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    reader.stdin.close()
    reader.wait(10)
    assert (ran.returncode, ran.stderr) == (Exit.INTERRUPTED, "")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        ("bugs list", ""),
        ("bugs list --json", ""),
        ("bugs list --json", "1"),
        ("bugs show B-001", ""),
        ("bugs list", "1"),
        ("--help", ""),
        ("--version", ""),
    ],
)
def test_an_output_that_cannot_be_written_is_told_once(repo, happened, clean_environment, command, unbuffered):
    from capture.testing import make_event

    happened(*(make_event(key=f"{number:016x}", title="KeyError " * 30) for number in range(50)))
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "workbench", *command.split()],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            cwd=repo,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    first, *cure = ran.stderr.splitlines()
    assert ran.returncode == Exit.CONFIGURATION
    assert first == "workbench: The output could not be written: No space left on device."
    assert cure == ["  Make room where it goes to, or send it elsewhere, and run the command again."]
    assert not (clean_environment / ".local/state/bug-workbench/crash.log").exists()


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_an_error_after_an_output_that_cannot_be_written_is_told_as_well():
    script = """
import sys
from workbench.cli import edge
from workbench.errors import NotFound

def dispatch(arguments):
    print("so far")
    raise NotFound("There is no bug B-099.")

edge._dispatch = dispatch
sys.exit(edge.run(["x"]))
"""
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert ran.returncode == Exit.CONFIGURATION
    assert ran.stderr.startswith("workbench: There is no bug B-099.\nworkbench: The output could not be written: ")
    assert "Exception ignored" not in ran.stderr


def test_a_file_that_is_full_is_no_mistake_of_ours(raising, workbench, clean_environment):
    raising(OSError(errno.ENOSPC, "No space left on device"))
    ran = workbench("x")
    assert ran.code == Exit.CONFIGURATION
    assert ran.err.startswith("workbench: The output, or a file, could not be written: No space left on device.\n")
    assert not (clean_environment / ".local/state/bug-workbench/crash.log").exists()


@pytest.fixture
def working(store, repo: Path):
    """A worker that is at work, as a program of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", "worker"],
        cwd=repo,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr.readline().startswith("Working.")
        yield process
        process.kill()


def test_ctrl_c_ends_a_worker_with_130(working):
    working.send_signal(signal.SIGINT)
    out, err = working.communicate(timeout=30)
    assert (working.returncode, out) == (Exit.INTERRUPTED, "")
    assert "Interrupted." in err
    assert "Traceback" not in err


LOSES_IT = """
import os, signal, sys
from workbench.cli.edge import run
from workbench.tracker.worker import Worker

class Gone:
    def __del__(self):  # Python drops what is raised here, as in callbacks of its own imports
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

work = Worker.round
Worker.round = lambda worker, stop=None: (Gone(), work(worker, stop))[1]
sys.exit(run(["worker"]))
"""


def test_ctrl_c_that_python_drops_ends_a_worker_all_the_same(store, repo: Path):
    ran = subprocess.run([sys.executable, "-c", LOSES_IT], cwd=repo, capture_output=True, text=True, timeout=60)
    assert ran.returncode == Exit.INTERRUPTED
    assert ran.stderr.endswith("Interrupted.\n")


def test_sigterm_ends_a_worker_with_0(working):
    working.terminate()
    out, err = working.communicate(timeout=30)
    assert (working.returncode, out, err) == (Exit.DONE, "", "")


def test_completion_is_offered(program):
    ran = program(environ={"_WORKBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "workbench bu", "COMP_CWORD": "1"})
    assert ran.stdout.split() == ["bugs"]


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_command_whose_output_was_closed_does_what_it_is_to_do(closed):
    command = f'exec "$0" -m workbench bugs list --help {closed}>&-'
    ended = subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
