"""The sandbox: what it lets in and out, by trying each way from inside, through the real client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from workbench import fixing
from workbench.bugs import queries
from workbench.git import Repository
from workbench.sessions import sandbox

SCENARIOS = Path(__file__).parent / "scenarios"

PROBE = """\
import json, os, pathlib, socket, subprocess, sys

def attempt(work):
    try:
        return str(work())[:200] or "done"
    except Exception as error:
        return f"refused: {type(error).__name__}"

def connect(place):
    with socket.socket(socket.AF_INET if isinstance(place, tuple) else socket.AF_UNIX) as to:
        to.settimeout(2)
        to.connect(place)

here, given = pathlib.Path.cwd(), json.loads(pathlib.Path("targets.json").read_text())
print(json.dumps({
    "inside": attempt(lambda: (here / "made.txt").write_text("x")),
    "temporary": attempt(lambda: __import__("tempfile").mkdtemp()),
    "beside": attempt(lambda: (here.parent / "out.txt").write_text("x")),
    "git file": attempt(lambda: (here / ".git").write_text("x")),
    "agent settings": attempt(lambda: (here / ".mcp.json").write_text("x")),
    "ref": attempt(lambda: subprocess.run(["git", "update-ref", "refs/heads/evil", "HEAD"], check=True)),
    "config": attempt(lambda: subprocess.run(["git", "config", "a.b", "c"], check=True)),
    "status": attempt(lambda: subprocess.run(["git", "status", "--short"], check=True).returncode),
    "home": attempt(lambda: pathlib.Path(given["home"], "secret").read_text()),
    "checkout": attempt(lambda: pathlib.Path(given["checkout"], "pricing.py").read_text()),
    "database": attempt(lambda: pathlib.Path(given["database"]).read_bytes()),
    "event": attempt(lambda: pathlib.Path(given["event"]).read_text()[:9]),
    "other session": attempt(lambda: pathlib.Path(given["state"], "sessions", "other", "event.json").read_text()),
    "tcp": attempt(lambda: connect(("127.0.0.1", given["port"]))),
    "agent socket": attempt(lambda: connect(given["socket"])),
    "keys": [name for name in os.environ if name in ("ANTHROPIC_API_KEY", "SSH_AUTH_SOCK")],
}))
"""


@pytest.mark.sandbox
@pytest.mark.agent
@pytest.mark.usefixtures("no_runner_left")
def test_a_command_that_a_person_allowed_still_cannot_leave_the_worktree(
    config, engine, bug, now, until, clinic, clean_environment, tmp_path
):
    """Every way out fails from inside, and what the work needs goes on."""
    (clean_environment / "secret").write_text("of the home")
    other = config.state_dir / "sessions" / "other"
    other.mkdir(parents=True)
    (other / "event.json").write_text("of another")
    options = fixing.LaunchOptions(rehearse=str(SCENARIOS / "walls.toml"))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent.sock"))
        agent.listen()
        targets = {
            "home": str(clean_environment),
            "checkout": str(clinic),
            "database": engine.url.database,
            "state": str(config.state_dir),
            "port": server.getsockname()[1],
            "socket": str(tmp_path / "agent.sock"),
        }
        row = fixing.launch(config, engine, bug, by="Ada", options=options, now=now)
        targets["event"] = str(config.state_dir / "sessions" / row.id / "event.json")
        Path(row.worktree, "probe.py").write_text(PROBE)
        Path(row.worktree, "targets.json").write_text(json.dumps(targets))
        (asked,) = until(lambda: queries.approvals(engine, row.id))
        fixing.answer(engine, asked.id, allow=True, by="Ada", now=now)
        results = until(lambda: [e for e in queries.transcript(engine, row.id) if e.kind == "tool_result"])
        fixing.interrupt(engine, row.id, by="Ada", now=now)
        row = fixing.wait(engine, row.id, timeout=60)
    assert row.is_sandboxed
    said = results[0].body["text"]
    found = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    through = {name for name, what in found.items() if name != "keys" and not what.startswith("refused")}
    # What it writes beside the worktree lands in a file system of its own, and nowhere else.
    assert through == {"inside", "temporary", "beside", "status", "event"}, found
    assert found["keys"] == []
    repository = Repository.open(clinic)
    assert not repository.exists("refs/heads/evil")
    assert not (Path(row.worktree).parent / "out.txt").exists()


def test_what_a_killed_client_leaves_is_taken_out_and_nothing_of_the_repository(tmp_path):
    for name in (".bashrc", ".gitmodules", ".profile"):
        (tmp_path / name).touch()
    (tmp_path / ".zshrc").write_text("somebody's own")
    sandbox.clear_placeholders(tmp_path, kept=[".profile"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".profile", ".zshrc"]


def test_only_sockets_that_a_killed_client_left_are_taken_away(tmp_path, monkeypatch):
    """Named after a process that is gone, and without anybody who listens, be it in another namespace of processes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left, file = tmp_path / f"srt-mux-{ended.pid}-0.sock", tmp_path / f"srt-mux-{ended.pid}-1.sock"
    ours, heard = tmp_path / f"srt-mux-{os.getpid()}-0.sock", tmp_path / f"srt-mux-{ended.pid}-2.sock"
    file.touch()
    listening = []
    for path in (left, ours, heard):
        listening.append(socket.socket(socket.AF_UNIX))
        listening[-1].bind(str(path))
    listening[-1].listen()
    try:
        sandbox.clear_sockets()
        assert sorted(tmp_path.iterdir()) == sorted([file, ours, heard])
    finally:
        for each in listening:
            each.close()


def test_links_are_resolved_so_that_nothing_stays_open_under_another_name(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (tmp_path / "w").mkdir()
    box = sandbox.box(
        tmp_path / "w", event_file=tmp_path / "none", homes=[],
        checkout=link, git_dir=tmp_path / "w", state_dir=tmp_path / "s",
        database_url=f"sqlite:///{tmp_path}/b.db", tests=["python"],
    )  # fmt: skip
    assert real in box.hidden
    settings = box.as_settings()
    assert settings["failIfUnavailable"]
    assert not settings["allowUnsandboxedCommands"]
    assert settings["network"] == {"allowedDomains": [], "strictAllowlist": True}


def test_the_homes_are_the_one_that_is_set_and_the_one_that_the_system_knows():
    found = sandbox.homes_of({"HOME": "/somewhere"})
    assert found[0] == Path("/somewhere")
    assert Path(os.path.expanduser(f"~{subprocess.check_output(['id', '-un'], text=True).strip()}")) in found  # noqa: PTH111


def test_an_unknown_system_has_no_sandbox():
    assert "no sandbox on win32" in str(sandbox.trouble({}, platform="win32"))
    assert "sandbox-exec is missing" in str(sandbox.trouble({"PATH": "/none"}, platform="darwin"))
