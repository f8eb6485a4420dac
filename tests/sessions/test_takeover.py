"""A person in the place of an agent: taken over, handed back, ended, and what is remembered of their yes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from capture.store.tables import FixSession
from capture.testing import NOW
from workbench import fixing
from workbench.bugs import queries
from workbench.errors import NotFound, OutsideError, Refused
from workbench.fixing.taking_over import TAKEN_OVER
from workbench.git import Repository
from workbench.sessions import interactive, terminal
from workbench.sessions import record as records
from workbench.sessions.agent import Agent
from workbench.sessions.options import AgentOptions
from workbench.sessions.process import Identity
from workbench.sessions.record import Record
from workbench.sessions.worktrees import create

# A Claude Code that writes down how it was started, and keeps a word of a person and a reply of the model.
CLIENT = """#!{python}
import datetime, json, os, pathlib, sys
folder = pathlib.Path({folder!r})
session = next(word.partition("=")[2] for word in sys.argv if word.startswith("--resume="))
folder.joinpath("started").write_text(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))
file = pathlib.Path(os.environ["CLAUDE_CONFIG_DIR"], "projects", "-w", session + ".jsonl")
at = {{"timestamp": datetime.datetime.now(datetime.UTC).isoformat()}}
usage = {{"input_tokens": 100, "output_tokens": 20}}
lines = [
    {{"type": "user", "uuid": "p0", "isMeta": True, "message": {{"role": "user", "content": "a caveat"}}}},
    {{"type": "user", "uuid": "p1", "message": {{"role": "user", "content": "Try the other way."}}}},
    {{"type": "assistant", "uuid": "p2", "message": {{"id": "m9", "model": "opus", "usage": usage, "content": [
        {{"type": "text", "text": "I try it."}}]}}}},
    {{"type": "user", "uuid": "p3", "message": {{"role": "user", "content": "<command-name>/exit</command-name>"}}}},
]
with file.open("a") as opened:
    opened.writelines(json.dumps(line | at) + "\\n" for line in lines)
"""


@pytest.fixture
def make_session(engine, bug, clinic, config, tmp_path, monkeypatch):
    """Write the row of an interrupted session with a worktree, and its client's own file of the conversation."""
    home = tmp_path / "client"
    (home / "projects" / "-w").mkdir(parents=True)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home))
    program = tmp_path / "claude"
    program.write_text(CLIENT.format(python=sys.executable, folder=str(tmp_path)))
    program.chmod(0o755)

    def make(state: str = "interrupted", *, options: dict[str, object] | None = None, **changes) -> FixSession:
        place = create(Repository.open(clinic), config.state_dir, bug, base="HEAD", reason="r")
        heard = {"program": str(program), "conversation": True, "phase": "agent", "brief": "b", "prompt": "b"}
        fields = {
            "id": str(uuid.uuid4()), "bug_id": bug, "state": state, "launched_by": "Ada", "repository": str(clinic),
            "branch": place.branch, "worktree": str(place.path), "base_commit": place.base, "phase": "test",
            "host": socket.gethostname(), "started_at": NOW, "options": heard | (options or {}),
        }  # fmt: skip
        with records.transaction(engine) as session:
            fix = FixSession(**(fields | changes))
            session.add(fix)
        # What we had sent it before is a row already, and no word of the person's.
        sent = {"type": "user", "uuid": "p", "timestamp": "2020-01-01T00:00:00.000Z", "message": {"content": "b"}}
        (home / "projects" / "-w" / f"{fix.id}.jsonl").write_text(f"{json.dumps(sent)}\n")
        return fix

    return make


def test_what_a_person_says_in_claude_code_comes_back_with_its_cost(
    config, engine, bug, now, make_session, tmp_path, monkeypatch
):
    for name in ("DATABASE_URL", "GITHUB_TOKEN", "DJANGO_SECRET_KEY", "SSH_AUTH_SOCK", "GIT_DIR"):
        monkeypatch.setenv(name, "secret")
    fix = make_session()
    taken = fixing.take_over(config, engine, fix.id, by="Ada", now=now)
    row = queries.session(engine, fix.id)
    assert (row.state, row.phase, row.activity) == ("working", TAKEN_OVER, "taken over by Ada")
    assert queries.bug_page(engine, bug, now=now).row.state == "fixing"
    with pytest.raises(Refused, match="taken over by Ada"):
        fixing.take_over(config, engine, fix.id, by="Bob", now=now)
    with pytest.raises(Refused, match="no agent of ours now"):
        fixing.say(engine, fix.id, "hello", by="Bob", now=now)

    assert taken.play() == 0
    assert queries.session(engine, fix.id).pid not in (None, os.getpid())
    row = taken.hand_back()
    words, environ, folder = json.loads((tmp_path / "started").read_text())
    assert f"--resume={fix.id}" in words
    assert folder == fix.worktree
    assert "secret" not in environ.values()
    assert (row.state, row.phase, row.activity) == ("interrupted", "test", "handed back by Ada")
    assert (row.turns, row.tokens, row.is_cost_estimated) == (1, 120, True)
    assert row.cost_usd > 0
    told = [(entry.kind, entry.body["text"], entry.body.get("by")) for entry in queries.transcript(engine, fix.id)]
    assert told == [
        ("notice", "Ada has taken the session over.", None),
        ("prompt", "Try the other way.", "Ada"),
        ("text", "I try it.", None),
        ("notice", "Ada has handed the session back. Resume it to let the agent go on.", None),
    ]


def test_a_session_whose_claude_code_is_gone_with_the_workbench_is_handed_back(config, engine, now, make_session):
    fix = make_session()
    taken = fixing.take_over(config, engine, fix.id, by="Ada", now=now)
    assert fixing.sweep(engine, now=now) == []
    taken.play()  # and the workbench is killed before it hands anything back
    assert fixing.sweep(engine, now=datetime.now(UTC)) == [fix.id]
    row = queries.session(engine, fix.id)
    assert (row.state, row.phase, row.activity) == ("interrupted", "test", "its Claude Code is gone")
    assert "Try the other way." in [entry.body["text"] for entry in queries.transcript(engine, fix.id)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"host": "elsewhere"}, "ran on elsewhere"),
        ({"worktree": ""}, "no worktree of ours"),
        ({"worktree": "/nowhere/at/all"}, "is gone"),
        ({"options": {"conversation": False}}, "no conversation yet"),
        ({"options": {"program": "/nowhere/claude"}}, "/nowhere/claude is gone"),
    ],
)
def test_where_nobody_can_go_on_it_says_why_and_nothing_changes(config, engine, now, make_session, changes, told):
    fix = make_session(**changes)
    with pytest.raises((Refused, OutsideError), match=told) as caught:
        fixing.take_over(config, engine, fix.id, by="Ada", now=now)
    assert caught.value.cure
    assert queries.session(engine, fix.id).state == "interrupted"
    assert queries.transcript(engine, fix.id) == []


def test_an_agent_at_work_is_interrupted_first_and_waited_for(config, engine, now, make_session):
    me = psutil.Process()
    fix = make_session("working", pid=me.pid, pid_started=me.create_time())
    with pytest.raises(Refused, match="is at work"):
        fixing.take_over(config, engine, fix.id, by="Ada", now=now)
    with pytest.raises(Refused, match="has not ended its turn") as caught:
        fixing.stop(engine, fix.id, by="Ada", now=now, timeout=0)
    assert "sessions end" in caught.value.cure
    assert [asked.kind for asked in Record(engine, fix.id).asked()] == ["interrupt"]


def test_the_client_of_a_person_is_within_the_bounds_of_the_agent(tmp_path):
    options = AgentOptions(
        program=tmp_path / "claude", worktree=tmp_path, session_id="s", rules="r", permission_mode="dontAsk",
        model="opus", own_settings=True, max_turns=3,
    )  # fmt: skip
    words = interactive.argv(options)
    same = Agent(options)._sdk_options(options, None)
    assert words[words.index("--settings") + 1] == same.settings
    assert words[words.index("--tools") + 1].split(",") == same.tools
    assert words[words.index("--permission-mode") + 1] == "default"  # somebody is there to be asked
    assert {"--setting-sources=user", "--strict-mcp-config"} <= set(words)
    assert not any("dangerously" in word.lower() or "print" in word for word in words)


def test_ending_a_session_ends_all_below_its_runner(engine, now, make_session):
    script = "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as runner:
        assert runner.stdout is not None
        below = int(runner.stdout.readline())
        child = Identity(below, psutil.Process(below).create_time())
        fix = make_session("working", pid=runner.pid, pid_started=psutil.Process(runner.pid).create_time())
        row = fixing.end(engine, fix.id, by="Ada", now=now)
    assert not child.is_alive
    assert (row.state, row.activity) == ("interrupted", "ended by Ada")
    assert queries.transcript(engine, fix.id)[-1].body["text"].startswith("Ada has ended the session")
    with pytest.raises(Refused, match="is not running"):
        fixing.end(engine, fix.id, by="Ada", now=now)


def test_a_session_that_waits_leaves_the_queue_and_one_elsewhere_is_not_ours_to_end(engine, now, make_session):
    assert fixing.end(engine, make_session("queued").id, by="Ada", now=now).activity == "Ada took it out of the queue"
    with pytest.raises(Refused, match="runs on elsewhere"):
        fixing.end(engine, make_session("working", host="elsewhere").id, by="Ada", now=now)


def test_always_is_remembered_for_exactly_that_command_of_that_session(engine, now, make_session):
    fix, other = make_session(), make_session()
    record = Record(engine, fix.id)
    given = {"command": "make docs", "description": "Build the docs"}
    asked = record.ask({"tool": "Bash", "input": given, "shared": None})
    assert not record.is_always_allowed("Bash", given)
    fixing.answer(engine, asked, allow=True, always=True, by="Ada", now=now)
    assert record.answer(asked) == ("always", "")
    assert record.is_always_allowed("Bash", given | {"description": "Make them again"})
    assert not record.is_always_allowed("Bash", {"command": "make docs install"})
    assert not record.is_always_allowed("Bash", given | {"dangerouslyDisableSandbox": True})
    assert not record.is_always_allowed("Read", given)
    assert not Record(engine, other.id).is_always_allowed("Bash", given)


@pytest.mark.parametrize(
    ("body", "why"), [({"tool": "Bash", "shared": "evil.example"}, "asked each time"), ({"tool": "Phase one"}, "once")]
)
def test_always_is_refused_where_it_has_to_be_asked_again(engine, now, make_session, body, why):
    asked = Record(engine, make_session().id).ask(body)
    with pytest.raises(Refused, match=why):
        fixing.answer(engine, asked, allow=True, always=True, by="Ada", now=now)


def test_the_files_to_edit_are_those_that_changed_or_the_one_that_is_meant(engine, make_session, tmp_path):
    row = queries.session(engine, make_session().id)
    worktree = Path(row.worktree)
    with pytest.raises(NotFound, match="not changed any file"):
        fixing.changed_files(row)
    (worktree / "pricing.py").write_text("PRICES = {}\n")
    (worktree / "new").mkdir()
    (worktree / "new" / "a.py").write_text("")
    (worktree / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("")
    assert fixing.changed_files(row) == ["pricing.py", "new/a.py"]
    assert fixing.changed_files(row, str(worktree / "tests" / "test_pricing.py")) == ["tests/test_pricing.py"]
    for outside in ("../../../secret", "/etc/passwd", str(worktree / "out"), "gone.py"):
        assert fixing.changed_files(row, outside) == ["pricing.py", "new/a.py"]


def test_a_shell_in_the_worktree_is_the_persons_and_git_finds_the_worktree_there(tmp_path, capfd):
    shell = tmp_path / "my-shell"
    shell.write_text('#!/bin/sh\necho "in $PWD, git ${GIT_DIR:-here}, $ALSO"\nexit 3\n')
    shell.chmod(0o755)
    environ = {"SHELL": str(shell), "GIT_DIR": "/other", "ALSO": "kept", "PATH": os.defpath}
    assert terminal.open_shell(tmp_path, environ) == 3
    assert f"in {tmp_path}, git here, kept" in capfd.readouterr().out
