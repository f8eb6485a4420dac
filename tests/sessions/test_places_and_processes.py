"""The environment, the processes, the client and the worktrees that a session is made of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from workbench.ended import still_running
from workbench.errors import ConfigurationError, OutsideError, Refused
from workbench.git import Repository
from workbench.sessions import claude, environment, process, worktrees
from workbench.sessions.process import Detached, Identity

SECRETS = {
    "DJANGO_SECRET_KEY": "s",
    "DATABASE_URL": "s",
    "WORKBENCH_DATABASE_URL": "s",
    "GITHUB_TOKEN": "s",
    "GH_TOKEN": "s",
    "SSH_AUTH_SOCK": "s",
    "AWS_SECRET_ACCESS_KEY": "s",
    "PYTHONPATH": "s",
    "LD_PRELOAD": "s",
}


def test_a_runner_gets_what_is_named_and_nothing_else(tmp_path):
    environ = SECRETS | {"PATH": "/bin", "HOME": "/home/ada", "LC_ALL": "C.UTF-8", "ANTHROPIC_API_KEY": "k"}
    real = environment.for_runner(environ, repo=tmp_path, rehearsal_home=None)
    rehearsed = environment.for_runner(environ, repo=tmp_path, rehearsal_home=tmp_path / "home")
    for found in (real, rehearsed):
        assert not SECRETS.keys() & found.keys()
        assert found["LC_ALL"] == "C.UTF-8"
        assert found["DISABLE_TELEMETRY"] == "1"
    assert (real["HOME"], real["ANTHROPIC_API_KEY"]) == ("/home/ada", "k")
    assert rehearsed["HOME"] == str(tmp_path / "home")
    assert "ANTHROPIC_API_KEY" not in rehearsed


def test_the_tests_run_with_the_repositorys_own_interpreter_or_ours(tmp_path):
    assert environment.search_path({}, tmp_path).startswith(str(Path(sys.executable).parent) + ":")
    own = tmp_path / ".venv" / "bin"
    own.mkdir(parents=True)
    (own / "python").symlink_to(sys.executable)
    assert environment.search_path({"PATH": "/bin"}, tmp_path) == f"{own}:/bin"
    assert environment.search_path({"PATH": "/bin"}, tmp_path, "services/shop") == f"{own}:/bin"
    nearer = tmp_path / "services" / "shop" / ".venv" / "bin"
    nearer.mkdir(parents=True)
    (nearer / "python").touch()
    assert environment.search_path({"PATH": "/bin"}, tmp_path, "services/shop") == f"{nearer}:/bin"
    assert environment.search_path({"PATH": "/bin"}, tmp_path) == f"{own}:/bin"
    found = environment.test_command("A=1 python -m pytest -q", {"PATH": "/bin"}, tmp_path)
    assert found == ["A=1", str(own / "python"), "-m", "pytest", "-q"]


@pytest.mark.parametrize(
    ("command", "words", "folder"),
    [
        ("cd site && python manage.py test", ["manage.py", "test"], "site"),
        ("uv run pytest -q", ["-m", "pytest", "-q"], ""),
        ("python site/manage.py test", ["site/manage.py", "test"], ""),
        ("cd site && uv run python -m pytest", ["-m", "pytest"], "site"),
    ],
)
def test_a_test_command_is_read_for_sessions_as_for_evidence(tmp_path, command, words, folder):
    assert environment.test_command(command, {}, tmp_path) == [sys.executable, *words]
    assert environment.tests_folder(command, tmp_path) == folder


def test_a_runner_that_evidence_does_not_know_runs_in_a_session_all_the_same(tmp_path):
    assert environment.test_command("true -x", {"PATH": "/bin:/usr/bin"}, tmp_path)[1:] == ["-x"]
    assert environment.tests_folder("true -x", tmp_path) == ""


@pytest.mark.parametrize("command", ["A=1", "no-such-program-at-all -x", "python 'open"])
def test_a_test_command_that_cannot_run_is_a_configuration_error(tmp_path, command):
    with pytest.raises(ConfigurationError, match=r"tests\.command"):
        environment.test_command(command, {}, tmp_path)


def start(code: str, tmp_path: Path) -> Detached:
    return Detached([sys.executable, "-c", code], environ={"PATH": "/bin"}, log=tmp_path / "log")


def gone(identity: Identity) -> bool:
    deadline = time.monotonic() + 10
    while identity.is_alive and time.monotonic() < deadline:
        time.sleep(0.02)
    return not identity.is_alive


def test_a_detached_process_has_a_session_of_its_own_and_begins_on_its_word(tmp_path):
    code = "import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read(), os.environ.get('HOME'), flush=True)"
    with start(code, tmp_path) as runner:
        assert runner.identity.is_alive
        assert os.getsid(runner.identity.pid) == runner.identity.pid
        runner.begin(b"begin")
    assert gone(runner.identity)
    assert (tmp_path / "log").read_text() == "True begin None\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_process_that_is_left_without_a_word_goes_away(tmp_path):
    with start("import sys; print(repr(sys.stdin.read()), flush=True)", tmp_path) as runner:
        pass
    assert gone(runner.identity)
    assert (tmp_path / "log").read_text() == "''\n"


def test_a_process_that_ends_as_it_begins_is_reported(tmp_path):
    with pytest.raises(OutsideError, match="ended as it began"):
        Detached([str(tmp_path / "none")], environ={}, log=tmp_path / "log")
    with start("raise SystemExit", tmp_path) as runner:
        assert gone(runner.identity)
        with pytest.raises(OutsideError, match="ended as it began"):
            runner.begin(b"x" * 2**20)


def test_a_machine_that_starts_nothing_is_reported(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("too many processes")

    monkeypatch.setattr("workbench.sessions.process.subprocess.Popen", refuse)
    with pytest.raises(OutsideError, match="too many processes"):
        start("", tmp_path)


def test_a_reused_pid_is_not_the_same_process():
    me = psutil.Process()
    assert Identity(me.pid, me.create_time()).is_alive
    assert not Identity(me.pid, me.create_time() - 100).is_alive


def test_a_clock_that_was_set_a_little_ends_no_session():
    me = psutil.Process()
    assert Identity(me.pid, me.create_time() - 1).is_alive


def test_a_dead_process_that_nobody_collected_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    identity = Identity(child.pid, psutil.Process(child.pid).create_time())
    child.stdin.close()
    assert gone(identity)
    assert process.end_leftovers(identity, mark="RUNNER") == 0
    child.wait()


STUBBORN = """
import signal, subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("up", flush=True)
time.sleep(60)
"""


def test_what_a_dead_runner_left_running_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    with start(STUBBORN, tmp_path) as runner:
        while "up" not in (tmp_path / "log").read_text():
            time.sleep(0.02)
        below = psutil.Process(runner.identity.pid).children()
        assert process.end_leftovers(runner.identity, mark="RUNNER") == 0
        os.kill(runner.identity.pid, signal.SIGKILL)
        assert gone(runner.identity)
        assert process.end_leftovers(runner.identity, mark="RUNNER") == 2
    assert still_running(below, 5) == []


def test_what_a_dead_runner_left_in_a_session_of_its_own_is_known_by_its_mark(tmp_path):
    with start("", tmp_path) as runner:
        pass
    assert gone(runner.identity)
    runner = runner.identity
    marks = [f"{runner.pid} {runner.started}", f"{runner.pid} {runner.started - 99}", f"1 {runner.started}", "x", ""]
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with ExitStack() as stack:
        marked = [
            stack.enter_context(subprocess.Popen(sleep, env={"RUNNER": mark}, start_new_session=True)) for mark in marks
        ]
        try:
            assert process.end_leftovers(runner, mark="RUNNER") == 1
            assert [each.poll() is None for each in marked] == [False, True, True, True, True]
        finally:
            for each in marked:
                each.kill()


LEAVES = """
import os, subprocess, sys, time
from workbench.sessions import process
marked = process.marked("RUNNER")
code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
subprocess.run([sys.executable, "-c", code])
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True, env=marked)
print(process.end_ours(mark="RUNNER"), "ended", flush=True)
"""


def test_what_a_killed_client_left_to_nobody_is_ended_by_its_runner(tmp_path, until):
    with start(LEAVES, tmp_path) as runner:
        assert until(lambda: "2 ended" in (tmp_path / "log").read_text())
    assert gone(runner.identity)


def test_only_a_process_that_was_detached_ends_what_is_beside_it():
    assert process.end_ours(mark="RUNNER") == 0


def test_children_are_ended_even_when_they_refuse(monkeypatch):
    """Of a process of the test's own: those of pytest are servers that other tests need."""
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    refuses = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; sys.exit(-subprocess.call([sys.executable, '-c', {refuses!r}]))"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as started:
        started.stdout.readline()
        process.end_children(started.pid)
        assert started.wait() == signal.SIGKILL


def program(tmp_path: Path, body: str) -> str:
    path = tmp_path / "claude"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_bundled_client_is_found_without_a_setting():
    assert claude.find("").name == "claude"
    assert "claude_agent_sdk" in str(claude.find(""))


def test_a_client_that_is_named_is_tried(tmp_path):
    named = program(tmp_path, 'echo "2.1.330 (Claude Code)"')
    assert claude.find(named) == Path(named)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("echo 2.1.100 '(Claude Code)'", "we need 2.1.248"),
        ("echo hello", "is not a working Claude Code. It said: 'hello'"),
        ("echo broken >&2; exit 3", "is not a working Claude Code. It said: 'broken'"),
    ],
)
def test_a_client_that_cannot_work_is_told_with_a_cure(tmp_path, body, told):
    with pytest.raises(OutsideError, match=told.replace("(", r"\(").replace(")", r"\)")) as caught:
        claude.find(program(tmp_path, body))
    assert caught.value.cure


def test_a_client_that_is_missing_or_no_program_is_told(tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match="there is no such program"):
        claude.find(str(tmp_path / "none"))
    bad = tmp_path / "claude"
    bad.write_bytes(b"\x7fELF nonsense")
    bad.chmod(0o755)
    with pytest.raises(OutsideError, match="does not start"):
        claude.find(str(bad))
    monkeypatch.setattr(claude, "_bundled", lambda: None)
    with pytest.raises(OutsideError, match="no Claude Code here"):
        claude.find("", {"PATH": str(tmp_path / "empty")})
    named = program(tmp_path, 'echo "2.1.330 (Claude Code)"')
    assert claude.find("", {"PATH": f"{tmp_path}:/bin"}) == Path(named)


def test_an_sdk_without_a_client_is_noticed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert claude._bundled() is None


@pytest.mark.parametrize(
    ("body", "has"),
    [
        ("echo '{\"loggedIn\": true}'", True),
        ("echo '{\"loggedIn\": false}'; exit 1", False),
        ("echo unknown command >&2; exit 1", False),
        ("echo '[]'", False),
    ],
)
def test_the_client_itself_says_whether_it_has_a_login(tmp_path, body, has):
    named = Path(program(tmp_path, body))
    for environ in ({"ANTHROPIC_API_KEY": "k"}, {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path)}):
        assert claude.has_login(named, environ | {"PATH": "/bin"}) is has


@pytest.mark.agent
def test_the_real_client_knows_a_key_and_an_empty_home(tmp_path):
    real = claude.find("")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    assert not claude.has_login(real, environ)
    assert list(tmp_path.iterdir()) == []  # it was not even asked, and so wrote nothing
    (tmp_path / ".claude").mkdir()
    assert not claude.has_login(real, environ)
    assert claude.has_login(real, environ | {"ANTHROPIC_API_KEY": "made up"})


@pytest.fixture
def repository(clinic: Path) -> Repository:
    return Repository.open(clinic)


def test_two_sessions_at_once_get_a_place_each(repository, tmp_path):
    def create():
        return worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")

    with ThreadPoolExecutor(2) as pool:
        with FileLock(repository.common_dir / "workbench.lock"):
            both = [pool.submit(create) for _ in range(2)]
            time.sleep(0.3)  # until both wait for the lock
        places = [each.result() for each in both]
    assert sorted(place.branch for place in places) == ["workbench/B-012-1", "workbench/B-012-2"]
    assert all((place.path / ".git").exists() for place in places)
    assert all(repository.exists(f"refs/heads/{place.branch}") for place in places)


def test_each_session_gets_the_next_free_place(repository, tmp_path):
    first = worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")
    assert first.branch == "workbench/B-012-1"
    assert first.path.is_relative_to(tmp_path / "state" / "worktrees")
    worktrees.undo(repository, first)
    assert not first.path.exists()
    assert not repository.exists("refs/heads/workbench/B-012-1")
    again = worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")
    shutil.rmtree(again.path)
    second = worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")
    assert second.branch == "workbench/B-012-2"


def test_what_somebody_put_into_a_place_is_not_taken_back(repository, tmp_path):
    place = worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")
    (place.path / "mine.txt").write_text("mine")
    with pytest.raises(Refused):
        worktrees.undo(repository, place)
    assert (place.path / "mine.txt").exists()


def test_a_place_that_is_gone_is_made_again_with_what_was_kept(repository, tmp_path):
    place = worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")
    (place.path / "pricing.py").write_text("kept\n")
    assert worktrees.keep(repository, place, "refs/workbench/s/work", "m")
    assert not worktrees.ensure(repository, place, kept="refs/workbench/s/work", reason="r")
    shutil.rmtree(place.path)
    assert worktrees.keep(repository, place, "refs/workbench/s/work", "m") is None
    assert worktrees.ensure(repository, place, kept="refs/workbench/s/work", reason="r")
    assert (place.path / "pricing.py").read_text() == "kept\n"


def test_a_place_whose_branch_is_gone_too_starts_from_its_base(repository, tmp_path):
    place = worktrees.create(repository, tmp_path / "state", 12, base="HEAD", reason="r")
    for found in (True, False):
        shutil.rmtree(place.path)
        if not found:
            repository.remove_worktree(place.path)
        repository.delete_branch(place.branch, at=place.base)
        assert worktrees.ensure(repository, place, kept="refs/workbench/none", reason="r")
        assert repository.resolve(f"refs/heads/{place.branch}") == place.base


def test_files_that_we_write_do_not_make_a_checkout_dirty(repository, clinic):
    (clinic / "bugs").mkdir()
    (clinic / "bugs" / "B-001.md").write_text("x")
    (clinic / "new.py").write_text("x")
    assert worktrees.uncommitted(repository, (clinic / "bugs",)) == ["new.py"]


def test_a_runner_imports_the_sdk_without_what_it_does_not_use():
    code = (
        "import sys; from workbench.sessions import lean; lean.load_agent(); "
        "print('workbench.sessions.agent' in sys.modules, sorted({'mcp', 'jsonschema'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "True []"


def test_children_that_were_there_before_are_left_alone():
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleep) as before, ExitStack() as stack:
        stack.callback(before.kill)
        there = process.children()
        assert before.pid in there
        with subprocess.Popen(sleep) as after:
            process.end_children(os.getpid(), but=there)
            after.wait(timeout=10)
        assert before.poll() is None
