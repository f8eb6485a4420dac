"""A worktree is made ready before an agent works in it: files by an allow-list, a command with a time limit."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest

from capture.store.tables import FixSession
from workbench import fixing
from workbench.bugs import queries
from workbench.config import Config, Value
from workbench.ended import still_running
from workbench.errors import ConfigurationError
from workbench.fixing import preparing
from workbench.git import Repository
from workbench.runner.agent_part import AgentPart
from workbench.runner.session import Session
from workbench.sessions import chores, copying, worktrees
from workbench.sessions import record as records
from workbench.sessions.record import Record

REHEARSED = fixing.LaunchOptions(rehearse=str(Path(__file__).parent / "scenarios" / "price.toml"))


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


@pytest.fixture
def launched(idle, config, engine, bug, clinic, now, opening):
    """Launch a session whose runner never begins, under some settings, and return it as its runner would see it."""
    (clinic / ".gitignore").write_text("__pycache__/\n.env\nlocal/\n*.log\n.venv\n")
    worktree = Repository.open(clinic)
    worktree._git("add", "--all", cwd=clinic)
    worktree._git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "ignored", cwd=clinic)

    def launched(folder: str = "", **settings: object) -> tuple[Session, Config]:
        values = {f"worktree.{name}": Value(value, "test") for name, value in settings.items()}
        chosen = Config(config.repo, config.state_dir, {**config.values, **values}, folder=folder)
        row = fixing.launch(chosen, engine, bug, by="Ada", options=REHEARSED, now=now)
        return Session(chosen, Record(engine, row.id), opening), chosen

    return launched


def told(session: Session) -> str:
    return "\n".join(
        str(entry.body.get("text")) for entry in queries.transcript(session.known.record.engine, session.known.fix.id)
    )


# --- files by an allow-list ----------------------------------------------------------------------------------------


def test_only_what_is_named_is_copied_and_secrets_only_to_the_letter(tmp_path):
    checkout, worktree = tmp_path / "c", tmp_path / "w"
    for folder in (checkout / "local" / "deep", checkout / ".git", worktree):
        folder.mkdir(parents=True)
    for name in (".env", "local/.env.test", "local/deep/a.json", "local/b.json", "other", ".git/config", "have"):
        (checkout / name).write_text(name)
    (worktree / "have").write_text("mine")
    (checkout / "local" / "link").symlink_to("/etc/passwd")
    (checkout / "out").symlink_to(tmp_path)

    copied = copying.copy_files(checkout, worktree, "local .e* have .git/config gone out/w/have")
    assert copied.files == ("local/b.json", "local/deep/a.json")
    assert {name: why.partition(";")[0] for name, why in copied.refused} == {
        "local/.env.test": "it may hold secrets",
        ".env": "it may hold secrets",
        "local/link": "it is no plain file",
        "have": "the worktree has it already",
        ".git/config": "it belongs to git or to Claude Code",
        "gone": "there is no such file",
        "out/w/have": "it leads out of the checkout",
    }
    assert not (worktree / ".env").exists()
    assert not (worktree / "other").exists()
    assert (worktree / "have").read_text() == "mine"
    assert copying.copy_files(checkout, worktree, ".e* .env").files == (".env",)


def test_nothing_is_copied_through_a_link_of_the_worktree(tmp_path):
    checkout, worktree, outside = tmp_path / "c", tmp_path / "w", tmp_path / "o"
    for folder in (checkout / "local", worktree, outside):
        folder.mkdir(parents=True)
    (checkout / "local" / "a").write_text("x")
    (worktree / "local").symlink_to(outside)
    assert copying.copy_files(checkout, worktree, "local/a").refused == (
        ("local/a", "it would lead out of the worktree"),
    )
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("wanted", ["/etc/passwd", "../x", "a/../../x", "~/x", "'"])
def test_a_name_that_leads_out_of_the_checkout_is_a_wrong_setting(tmp_path, wanted):
    with pytest.raises(ConfigurationError, match=r"worktree\.copy"):
        copying.copy_files(tmp_path, tmp_path, wanted)


# --- commands ------------------------------------------------------------------------------------------------------


def run(command: str, tmp_path: Path, seconds: float = 20) -> Path:
    log = tmp_path / "log"
    chores.run("worktree.setup", command, folder=tmp_path, environ={"PATH": "/usr/bin:/bin"}, log=log, seconds=seconds)
    return log


def test_a_command_is_no_shell_and_its_output_is_kept(tmp_path):
    assert run("echo $HOME; ls", tmp_path).read_text() == "$ echo '$HOME;' ls\n$HOME; ls\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("false", r"worktree\.setup failed \(exit code 1\)"),
        ("no-such-program x", r"cannot be started: no-such-program: No such file"),
        (python("import os; os.kill(os.getpid(), 9)"), r"failed \(signal SIGKILL\)"),
    ],
)
def test_a_command_that_fails_says_how_and_what_to_do(tmp_path, command, why):
    with pytest.raises(chores.ChoreFailed, match=why) as failed:
        run(command, tmp_path)
    assert failed.value.cure


def test_a_command_without_an_end_is_ended_with_all_that_it_started(tmp_path):
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(chores.ChoreFailed, match="ended after 1 seconds"):
        run(python(code), tmp_path, seconds=1)
    assert time.monotonic() - begun < 10
    pid = int((tmp_path / "log").read_text().splitlines()[-1])
    with contextlib.suppress(psutil.NoSuchProcess):
        assert still_running([psutil.Process(pid)], 10) == []  # a busy machine takes a moment for it


def test_the_end_of_a_log_is_shown_inert(tmp_path):
    (tmp_path / "log").write_text("x\n" * 1000 + "\x1b[2Jend\n")
    shown = chores.tail(tmp_path / "log")
    assert shown.endswith("⟦U+001B⟧[2Jend")
    assert len(shown.splitlines()) == 40
    assert chores.tail(tmp_path / "none") == ""


# --- in a session --------------------------------------------------------------------------------------------------


def test_a_worktree_is_made_ready_once_with_what_was_allowed_and_no_secret(launched, clinic, monkeypatch):
    for name in ("GITHUB_TOKEN", "ANTHROPIC_API_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "secret-of-the-parent")
    (clinic / "local").mkdir()
    (clinic / "local" / "settings.toml").write_text("x = 1")
    (clinic / ".env").write_text("SECRET=1")
    code = "import os; print(*sorted(os.environ.items()), sep='\\n'); open('once.log', 'a').write('x')"
    session, _ = launched(setup=python(code), copy="local .e*")
    assert session._prepared() is None
    worktree = session.known.place.path
    assert (worktree / "local" / "settings.toml").read_text() == "x = 1"
    assert not (worktree / ".env").exists()
    said = told(session)
    assert "1 files (local/settings.toml)" in said
    assert "Not copied: .env: it may hold secrets" in said
    assert "secret-of-the-parent" not in said
    assert f"('WORKBENCH_WORKTREE', '{worktree}')" in said
    assert "('WORKBENCH_BUG', 'B-001')" in said
    assert session._prepared() is None
    assert (worktree / "once.log").read_text() == "x"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"setup": python("print('no compiler'); raise SystemExit(3)")}, r"failed \(exit code 3\)"),
        ({"setup": python("import time; time.sleep(60)"), "timeout": 1}, "ended after 1 seconds"),
        ({"setup": python("open('left.txt', 'w').close()")}, "changed files that git does not ignore (left.txt)"),
        ({"copy": "stray.txt"}, "changed files that git does not ignore (stray.txt)"),
    ],
)
def test_no_agent_begins_in_half_a_worktree(launched, engine, bug, now, clinic, settings, why, monkeypatch, opening):
    (clinic / "stray.txt").write_text("x")
    session, chosen = launched(**settings)
    monkeypatch.setattr(AgentPart, "play", lambda _: pytest.fail("an agent began"))
    assert session.run() == 1
    row = queries.session(engine, session.known.fix.id)
    assert row.state == "failed"
    assert why.replace("\\", "") in row.activity
    assert "resume the session" in row.activity
    assert queries.bug_page(engine, bug, now=now).row.state == "open"
    assert ("no compiler" in told(session)) == ("compiler" in str(settings))
    mended = Config(chosen.repo, chosen.state_dir, {**chosen.values, "worktree.setup": Value("true", "test")})
    (session.known.place.path / "left.txt").unlink(missing_ok=True)
    (session.known.place.path / "stray.txt").unlink(missing_ok=True)
    if "copy" not in settings:
        fixing.resume(mended, engine, row.id, by="Ada", now=now)
        assert Session(mended, Record(engine, row.id), opening)._prepared() is None


def test_settings_that_cannot_be_obeyed_are_told_before_anything_is_made(launched, engine):
    with pytest.raises(ConfigurationError, match=r"worktree\.setup"):
        launched(setup="make 'venv")
    assert queries.sessions(engine) == []


def test_a_setup_never_runs_what_an_agent_has_written(launched, engine, now, clinic, opening):
    """A worktree that was made again is set up on the base; what was kept of it is laid out afterwards."""
    (clinic / "pricing.py").write_text((clinic / "pricing.py").read_text() + "print('of the base')\n")
    Repository.open(clinic)._git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "m", cwd=clinic)
    session, chosen = launched(setup=f"{sys.executable} pricing.py")
    assert session._prepared() is None
    (session.known.place.path / "pricing.py").write_text("print('of the agent')\n")
    worktrees.keep(session.known.repository, session.known.place, f"refs/workbench/{session.known.fix.id}/work", "m")
    session.known.record.end("interrupted", "x")
    shutil.rmtree(session.known.place.path)
    fixing.resume(chosen, engine, session.known.fix.id, by="Ada", now=now)
    assert "agent" not in (session.known.place.path / "pricing.py").read_text()
    again = Session(chosen, Record(engine, session.known.fix.id), opening)
    assert again._prepared() is None
    assert (session.known.place.path / "pricing.py").read_text() == "print('of the agent')\n"
    assert told(again).count("of the base") == 2
    assert "of the agent" not in told(again)


def test_a_failed_setup_does_not_take_the_place_of_what_was_kept(launched, engine, now, opening):
    session, chosen = launched(setup="true")
    assert session._prepared() is None
    (session.known.place.path / "pricing.py").write_text("work\n")
    work = f"refs/workbench/{session.known.fix.id}/work"
    worktrees.keep(session.known.repository, session.known.place, work, "m")
    session.known.record.end("interrupted", "x")
    shutil.rmtree(session.known.place.path)
    broken = Config(chosen.repo, chosen.state_dir, {**chosen.values, "worktree.setup": Value("false", "test")})
    fixing.resume(broken, engine, session.known.fix.id, by="Ada", now=now)
    assert Session(broken, Record(engine, session.known.fix.id), opening).run() == 1
    assert session.known.repository.read(work, "pricing.py") == b"work\n"
    fixing.resume(chosen, engine, session.known.fix.id, by="Ada", now=now)
    assert Session(chosen, Record(engine, session.known.fix.id), opening)._prepared() is None
    assert (session.known.place.path / "pricing.py").read_text() == "work\n"


def test_a_branch_with_commits_of_its_own_is_not_set_up(launched, engine, now):
    session, _ = launched(setup=python("open('ran.log', 'w').close()"))
    session.known.repository._git(
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
        cwd=session.known.place.path,
    )
    assert session._prepared() is None
    assert "do it by hand" in told(session)
    assert not (session.known.place.path / "ran.log").exists()


@pytest.mark.parametrize(("folder", "made"), [("", ".venv"), ("tests", "tests/.venv"), ("tests", ".venv")])
def test_an_environment_of_its_own_is_what_the_tests_run_with(launched, opening, folder, made):
    """Of the project's folder, or of the whole repository."""
    code = f"import os, sys; os.makedirs('{made}/bin'); os.symlink(sys.executable, '{made}/bin/python')"
    session, _ = launched(folder, setup=python(code))
    assert AgentPart(session.known, opening)._own_python() == ""
    assert session._prepared() is None
    assert AgentPart(session.known, opening)._own_python() == str(session.known.place.path / made / "bin" / "python")


def test_an_environment_that_no_setup_has_made_is_not_used(launched, opening):
    session, _ = launched()
    assert session._prepared() is None
    (session.known.place.path / ".venv" / "bin").mkdir(parents=True)
    (session.known.place.path / ".venv" / "bin" / "python").write_text("#!/bin/sh\n")
    assert AgentPart(session.known, opening)._own_python() == ""


def test_a_setup_can_be_interrupted_and_begins_again(launched, engine, now):
    session, _ = launched(setup=python("import time; time.sleep(60)"))
    records_before = session.known.fix.id
    with records.transaction(engine) as rows:
        rows.get_one(FixSession, records_before).state = "starting"
    fixing.interrupt(engine, session.known.fix.id, by="Bob", now=now)
    assert session.run() == 0
    row = queries.session(engine, session.known.fix.id)
    assert (row.state, row.activity) == ("interrupted", "interrupted while the worktree was made ready: by Bob")


def test_a_teardown_runs_in_the_checkout_and_hears_which_worktree(tmp_path, config):
    code = "import os; print(os.getcwd(), os.environ['WORKBENCH_WORKTREE'], os.environ['WORKBENCH_BUG'])"
    values = {**config.values, "worktree.teardown": Value(python(code), "test")}
    chosen, log = Config(config.repo, config.state_dir, values), tmp_path / "t" / "log"
    assert preparing.tear_down(chosen, tmp_path / "w", bug="B-001", log=log)
    assert log.read_text().splitlines()[-1] == f"{config.repo} {tmp_path / 'w'} B-001"
    assert not preparing.tear_down(config, tmp_path / "w", bug="B-001", log=log)
