"""One run of tests on one tree: what is recorded, kept out, and cleaned up."""

from __future__ import annotations

import secrets
import socket
import sys
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.ended import still_running
from workbench.errors import OutsideError
from workbench.evidence import trees
from workbench.evidence.hunks import Hunk
from workbench.evidence.results import wants_network
from workbench.evidence.runs import Runner
from workbench.git import Repository
from workbench.suite import NotSupported, TestCommand

SUITE = """
import unittest
import warnings

import pytest


def test_passes():
    pass


@pytest.mark.skip(reason='not today')
def test_is_skipped():
    raise AssertionError


@pytest.mark.xfail
def test_is_expected_to_fail():
    raise ValueError


@pytest.fixture
def broken():
    raise LookupError('no such thing')


def test_is_not_set_up(broken):
    pass


@pytest.fixture
def untidy():
    yield
    raise OSError('cannot clean up')


def test_is_not_torn_down(untidy):
    pass


class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError


def raises():
    try:
        {}['inner']
    except KeyError as error:
        raise Unreadable from error


def test_chain():
    raises()
"""


pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs the tests of a folder made of the given files."""

    def run(files: dict[str, str], command: str = "", only: tuple[str, ...] = (), watched: tuple[str, ...] = ()) -> Any:
        tree = tmp_path / "tree"
        for name, text in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        parsed = TestCommand.parse(command or "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest", tmp_path)
        run = Runner(parsed, 60, tmp_path / "checkout", work, watched).run("base", "c0ffee", tree, only)
        assert list(work.iterdir()) == []
        return run

    return run


@pytest.mark.parametrize("workers", [0, 2])
def test_each_outcome_is_recorded_with_its_phase(run: Any, workers: int) -> None:
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -p xdist.plugin -n {workers} -x"
    found = run({"test_all.py": SUITE, "test_broken.py": "import nowhere\n", "test_other.py": "1 / 0\n"}, command)
    assert found.note == ""
    assert {test.id.rpartition("::")[2]: (test.outcome, test.phase) for test in found.tests} == {
        "test_passes": ("passed", "call"),
        "test_is_skipped": ("skipped", "setup"),
        "test_is_expected_to_fail": ("skipped", "call"),
        "test_is_not_set_up": ("error", "setup"),
        "test_is_not_torn_down": ("error", "teardown"),
        "test_chain": ("failed", "call"),
        "test_broken.py": ("error", "collect"),
        "test_other.py": ("error", "collect"),
    }
    chain = found.test("test_all.py::test_chain").chain
    assert [(raised.type, raised.file, raised.function) for raised in chain] == [
        ("Unreadable", "test_all.py", "raises"),
        ("KeyError", "test_all.py", "raises"),
    ]
    assert chain[0].message == "(its message cannot be read)"
    assert found.outcome == "failed"


def test_only_the_named_files_are_run_whatever_the_command_names(run: Any) -> None:
    one = "def test_one():\n    pass\n"
    command = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest tests/test_a.py"
    found = run({"tests/test_a.py": one, "tests/test_b.py": one}, command, only=("tests/test_b.py",))
    assert found.note == ""
    assert found.ids() == {"tests/test_b.py::test_one"}
    assert found.command == (sys.executable, "-m", "pytest", "tests/test_a.py", "tests/test_b.py")


def test_a_changed_module_from_elsewhere_is_noticed(run: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "shop").mkdir(parents=True)
    (tmp_path / "elsewhere" / "shop" / "price.py").touch()
    command = f"PYTHONPATH={tmp_path / 'elsewhere'} PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"
    test = "import shop.price\n\n\ndef test_a():\n    pass\n"
    assert run({"test_a.py": test}, command).trouble == ""
    found = run({"test_a.py": test}, command, watched=("shop.price",))
    assert found.trouble == "infrastructure"
    assert "from outside of the tree under test: shop.price from " in found.note


def test_coverage_and_its_threshold_are_switched_off(run: Any) -> None:
    command = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -p pytest_cov.plugin --cov=. --cov-fail-under=100"
    found = run({"test_a.py": "def test_a():\n    pass\n", "more.py": "1 + 1\n"}, command)
    assert (found.outcome, found.note) == ("passed", "")


def test_without_the_network_not_even_a_service_of_this_machine_answers(tmp_path: Path) -> None:
    found = {}
    with socket.create_server(("127.0.0.1", 0)) as server:
        test = f"import socket\n\n\ndef test_a():\n    socket.create_connection({server.getsockname()!r}, 5).close()\n"
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "test_a.py").write_text(test)
        command = TestCommand.parse("PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest", tmp_path)
        for network in (True, False):
            runner = Runner(command, 60, tmp_path / "checkout", tmp_path, network=network)
            found[network] = runner.run("base", "c0ffee", tmp_path / "tree")
    assert (found[True].outcome, found[True].network) == ("passed", "on")
    if found[False].network == "off":  # where the machine cannot, it says why
        assert (found[False].outcome, wants_network(found[False])) == ("failed", True)
    else:
        assert found[False].network.startswith("on: ")


def test_it_is_told_while_tests_run_how_far_they_are(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    text = "import pytest, time\n\n\n@pytest.mark.parametrize('n', range(9))\ndef test_a(n):\n    time.sleep(0.3)\n"
    (tmp_path / "tree" / "test_a.py").write_text(text)
    counted: list[tuple[int, int]] = []
    command = TestCommand.parse("PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest", tmp_path)
    runner = Runner(command, 60, tmp_path, tmp_path, count=lambda done, total: counted.append((done, total)))
    assert len(runner.run("base", "c0ffee", tmp_path / "tree").tests) == 9
    assert counted == sorted(counted)
    assert {done for done, total in counted if total == 9} & set(range(1, 9))


def test_no_tests_are_no_results(run: Any) -> None:
    found = run({"test_a.py": ""})
    assert (found.outcome, found.trouble) == ("not run", "no tests")


READING = """
import os

pipes = [fd for fd in os.listdir('/proc/self/fd') if 'pipe:' in os.path.realpath('/proc/self/fd/' + fd)]


def test_a():
    for fd in pipes:
        try:
            os.write(int(fd), b'{"seal": "0", "body": "{}"}' + bytes([10]))
        except OSError:
            pass
"""


def test_a_record_that_somebody_else_adds_to_is_noticed(run: Any) -> None:
    found = run({"test_a.py": READING})
    assert (found.trouble, found.note) == ("disagreement", "the recorded results were changed by somebody else")


def test_a_junit_file_that_says_otherwise_is_noticed(run: Any) -> None:
    hook = """
        @pytest.hookimpl(trylast=True)
        def pytest_unconfigure(config):
            path = config.getoption('xmlpath')
            text = {}
            open(path, 'w').write(text)
        """
    test = "def test_a():\n    assert 0\n"
    for text, note in (
        ("open(path).read().replace('failure', 'fine')", "counts 0 failures and 0 errors, our own record 1 and 0"),
        ("'<!DOCTYPE x><x/>'", "the JUnit file is missing or damaged"),
        ("'<x'", "the JUnit file is missing or damaged"),
    ):
        conftest = "import pytest\n" + textwrap.dedent(hook).format(text)
        found = run({"conftest.py": conftest, "test_a.py": test})
        assert found.trouble == "disagreement"
        assert note in found.note


def test_an_outcome_that_was_turned_is_noticed(run: Any) -> None:
    turning = """
        import _pytest.reports
        import pytest

        original = _pytest.reports.TestReport.from_item_and_call

        def turned(item, call):
            report = original(item, call)
            report.outcome = 'passed'
            return report

        _pytest.reports.TestReport.from_item_and_call = turned

        def test_a():
            assert 0
        """
    found = run({"test_a.py": textwrap.dedent(turning)})
    assert found.note == "test_a.py::test_a raised AssertionError and was reported as passed"


def test_an_exit_code_that_says_otherwise_is_noticed(run: Any) -> None:
    conftest = "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    found = run({"conftest.py": conftest, "test_a.py": "def test_a():\n    assert 0\n"})
    assert found.note == "the exit code is 0 where the recorded outcomes make it 1"


def test_a_missing_service_is_not_a_failure(run: Any) -> None:
    text = (
        "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef db():\n    raise ConnectionRefusedError('port 5432')\n"
    )
    found = run({"test_a.py": text + "\n\ndef test_a():\n    pass\n"})
    assert (found.outcome, found.trouble) == ("not run", "infrastructure")
    assert found.note == "no test could start: ConnectionRefusedError: port 5432"


EXIT = "import pytest\n\n\ndef test_a():\n    pass\n\n\ndef test_b({}):\n    pytest.exit('enough', returncode=0)\n"
FIXTURE = "\n\n@pytest.fixture\ndef early():\n    pytest.exit('enough', returncode=0)\n"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (EXIT.format(""), "test_a.py::test_b began and never ended"),
        (EXIT.format("early") + FIXTURE, "2 tests were to run and 1 ended"),
    ],
)
def test_an_exit_from_inside_a_test_is_noticed(run: Any, text: str, note: str) -> None:
    found = run({"test_a.py": text})
    assert (found.outcome, found.trouble, found.note) == ("not run", "disagreement", note)


def test_an_interrupted_run_is_not_run(run: Any) -> None:
    found = run({"test_a.py": "def test_a():\n    pass\n\n\ndef test_b():\n    raise KeyboardInterrupt\n"})
    assert (found.trouble, found.note) == ("infrastructure", "the test runner ended with exit code 2")


@pytest.mark.parametrize("detached", [False, True])
def test_no_process_of_a_run_is_left(run: Any, detached: bool) -> None:
    """Neither a child nor a server in a session of its own; both are known by what they run."""
    mark = f"sleep(60) or {secrets.token_hex(8)!r}"
    text = f"""
import subprocess, sys, time, psutil

def test_a():
    code = {f"import time; time.{mark}"!r}
    subprocess.Popen([sys.executable, '-S', '-c', code], start_new_session={detached})
    until = time.monotonic() + 20
    while not any(code in (each.info['cmdline'] or ()) for each in psutil.process_iter(['cmdline'])):
        assert time.monotonic() < until
        time.sleep(0.05)
"""
    assert run({"test_a.py": text}).outcome == "passed"
    alive = [each for each in psutil.process_iter() if mark in _words(each)]
    assert still_running(alive, 10) == []


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.parametrize(
    ("command", "python", "arguments"),
    [
        ("pytest -q", sys.executable, ("-q",)),
        ("python3 -m pytest 'a b'", sys.executable, ("a b",)),
        ("env/bin/python3.11 -m pytest", "/repo/env/bin/python3.11", ()),
        ("env/bin/pytest", "/repo/env/bin/python", ()),
        ("/usr/bin/python -m pytest", "/usr/bin/python", ()),
        ("uv run python -W error -m pytest -q", sys.executable, ("-q",)),
        ("python manage.py test --parallel 4 shop", sys.executable, ("--parallel", "4", "shop")),
        ("env/bin/django-admin test shop", "/repo/env/bin/python", ("shop",)),
        ("python -Wd -m django test --settings=a", sys.executable, ("--settings=a",)),
        ("cd backend && ./manage.py test", sys.executable, ()),
        ("python tests/runtests.py -v 2", sys.executable, ("-v", "2")),
        ("python -m tests.runtests a", sys.executable, ("a",)),
        ("./runtests", sys.executable, ()),
        ("coverage run -a --source shop runtests.py -v 2", sys.executable, ("-v", "2")),
        ("env/bin/python -m coverage run -m django test shop", "/repo/env/bin/python", ("shop",)),
        ("poetry run coverage run manage.py test", sys.executable, ()),
        ("", sys.executable, ()),
    ],
)
def test_a_command_is_understood(command: str, python: str, arguments: tuple[str, ...]) -> None:
    parsed = TestCommand.parse(command, Path("/repo"))
    assert (parsed.python, parsed.arguments) == (python, arguments)


def test_the_repository_s_own_environment_comes_first(tmp_path: Path) -> None:
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert TestCommand.parse("A=1 python -m pytest", tmp_path) == TestCommand(str(own), (), {"A": "1"})


@pytest.mark.parametrize(
    "command",
    [
        *("make test", "tox -e py", "python manage.py check", "python -m 'pytest", "A=1", "cd .. && pytest"),
        *("python -c test", "python -m unittest", "python setup.py test", "python -m", "./run.sh test"),
    ],
)
def test_what_is_no_test_command_of_ours_is_not_guessed_at(command: str) -> None:
    with pytest.raises(NotSupported, match=r"set tests\.command to what it starts"):
        TestCommand.parse(command, Path("/repo"))


def test_a_tree_in_any_state_is_removed(plain: Any) -> None:
    repository = Repository.open(plain.root)
    with trees.clean_tree(repository, plain.workdir, base=plain.base) as tree:
        (tree / ".git").unlink()
        (tree / "closed").mkdir(mode=0o500)
    assert plain.left_behind() == []


def test_a_tree_of_a_killed_process_is_swept_and_one_of_a_living_is_not(
    plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository.open(plain.root)
    with trees.clean_tree(repository, plain.workdir, base=plain.base) as tree:
        trees.sweep(repository)
        assert tree.exists()
        monkeypatch.setattr(trees, "runs", lambda _: False)
        trees.sweep(repository)
        assert not tree.exists()
        repository.add_worktree(tree, base=plain.base, reason="so that there is one to remove")
    assert plain.left_behind() == []


def test_a_tree_that_cannot_be_made_is_an_error_of_git(plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OutsideError("git worktree failed")

    monkeypatch.setattr(Repository, "add_worktree", fail)
    with pytest.raises(OutsideError):
        plain.prove({"clinic/pricing.py": "x = 1\n"})


@pytest.mark.parametrize("without", [b"x = 1\n", None])
def test_a_piece_is_taken_out_of_the_tree_only(tmp_path: Path, without: bytes | None) -> None:
    """Whatever the result has made of the folders above it: a link that leads elsewhere, or a file."""
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    for folder in (outside, tree / "file.py"):
        folder.mkdir(parents=True)
    (outside / "a.py").write_text("kept")
    (tree / "shop").symlink_to(outside)
    (tree / "link.py").symlink_to(outside / "a.py")
    (tree / "plain").write_text("a file")
    for path in ("shop/a.py", "link.py", "plain/a.py", "file.py"):
        Hunk(path, 1, without).take_out(tree)
        found = tree / path
        assert (found.read_bytes() if found.exists() else None) == without
        assert found.resolve() == found
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("a.py", "kept")]
