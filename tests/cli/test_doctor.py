"""`workbench doctor`: each finding with what to do about it; exit 1 if something is wrong."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from capture import spool
from capture.journal import Count, Journal
from capture.store.tables import Bug, JournalRow, OutboxRow
from capture.testing import NOW
from workbench import doctor, doctor_looks
from workbench.errors import Exit
from workbench.sessions import claude

pytestmark = pytest.mark.usefixtures("no_login")


@pytest.fixture
def no_login(monkeypatch):
    """Nobody asks the real Claude Code whether it has a login."""
    monkeypatch.setattr(claude, "has_login", lambda program, environ=None: False)


def findings(workbench, code=Exit.DONE):
    ran = workbench("doctor", "--json")
    assert ran.code == code, ran.out
    return {found["subject"]: found for found in ran.json}


def test_all_is_well(workbench, store):
    found = findings(workbench)
    assert set(found) == {
        "configuration", "state directory", "database", "clock", "journal", "ledger", "outbox", "bug files",
        "worktrees", "git", "claude", "agent login", "GitHub", "sandbox",
    }  # fmt: skip
    assert {one["status"] for one in found.values()} <= {"ok", "note"}
    assert all(one["cure"] for one in found.values() if one["status"] != "ok")
    assert found["agent login"]["status"] == "note"


def test_people_get_a_line_and_a_cure_for_each(workbench, repo):
    ran = workbench("doctor")
    assert ran.code == Exit.NO
    assert "✗ database" in ran.out
    assert "→ Run `workbench db upgrade`" in ran.out


def test_a_login_is_found(workbench, store, monkeypatch):
    monkeypatch.setattr(claude, "has_login", lambda program, environ=None: True)
    assert findings(workbench)["agent login"]["status"] == "ok"


def test_a_setting_that_cannot_work_is_a_finding(workbench, repo):
    (repo / "workbench.toml").write_text('tests.timeout = "soon"')
    found = findings(workbench, Exit.NO)
    assert list(found) == ["configuration"]
    assert "tests.timeout" in found["configuration"]["message"]


def test_no_git_repository(workbench, store, repo):
    shutil.rmtree(repo / ".git")
    assert findings(workbench, Exit.NO)["git"]["status"] == "wrong"


def test_a_claude_that_is_missing_or_broken(workbench, store, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_AGENT_CLI_PATH", str(tmp_path / "claude"))
    assert "no such program" in findings(workbench, Exit.NO)["claude"]["message"]
    (tmp_path / "claude").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (tmp_path / "claude").chmod(0o755)
    found = findings(workbench, Exit.NO)
    assert "broken" in found["claude"]["message"]
    assert found["claude"]["cure"]
    assert "agent login" not in found


@pytest.mark.parametrize(("token", "status"), [("", "wrong"), ("ghp_x", "ok")])
def test_github(workbench, store, monkeypatch, token, status):
    monkeypatch.setenv("WORKBENCH_GITHUB_REPOSITORY", "acme/clinic")
    monkeypatch.setenv("GITHUB_TOKEN", token)
    assert findings(workbench, Exit.NO if status == "wrong" else Exit.DONE)["GitHub"]["status"] == status


def test_what_is_owed(workbench, bug, changed, monkeypatch):
    assert findings(workbench)["outbox"]["message"] == "1 due"
    monkeypatch.setenv("WORKBENCH_GITHUB_REPOSITORY", "acme/clinic")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_x")
    assert findings(workbench)["outbox"]["message"] == "2 due"
    changed(OutboxRow, state="parked")
    assert findings(workbench, Exit.NO)["outbox"]["status"] == "wrong"
    changed(OutboxRow, state="done")
    assert findings(workbench)["outbox"]["status"] == "ok"


def test_a_ledger_that_does_not_balance(workbench, bug, changed):
    changed(JournalRow, seen=3)
    found = findings(workbench)["ledger"]
    assert found["status"] == "note"
    assert found["message"].startswith("3 seen ≠ 1 stored")
    assert "capture_drain" in found["cure"]


@pytest.mark.parametrize("folder", [".capture", "elsewhere"])
def test_a_journal_that_nobody_carries_over(workbench, bug, changed, repo, folder):
    """Found where a site keeps it by default, and where one of this host that was carried over keeps its own."""
    journal = Journal(repo / folder, max_bytes=1 << 20)
    journal.append_count(Count("clinic", "a1b2c3d4e5f60718", NOW.timestamp() - 3600, None, "production"))
    journal.close()
    changed(JournalRow, folder=spool.place_of(repo / folder))
    found = findings(workbench)["journal"]
    assert (found["status"], str(repo / folder) in found["message"]) == ("note", True)
    assert "capture_drain" in found["cure"]


def test_what_sites_had_to_drop_is_named(workbench, bug, changed):
    assert findings(workbench)["journal"]["status"] == "ok"
    changed(JournalRow, dropped={"journal_full": 4, "duplicate": 2})
    found = findings(workbench)["journal"]
    assert (found["status"], found["message"]) == ("note", "dropped by the sites: 4 journal_full")


def test_a_clock_that_is_ahead(workbench, bug, changed):
    assert findings(workbench)["clock"]["status"] == "ok"
    changed(JournalRow, updated_at=datetime.now(UTC) + timedelta(hours=1))
    found = findings(workbench, Exit.NO)["clock"]
    assert "a site's is 3" in found["message"]
    assert "NTP" in found["cure"]


@pytest.mark.postgres
def test_a_clock_that_differs_from_the_servers(postgres_engine):
    late = doctor_looks.clock(postgres_engine, datetime.now(UTC) - timedelta(minutes=5))
    assert (late.status, late.message[:10]) == ("wrong", "ours is -3")
    assert doctor_looks.clock(postgres_engine, datetime.now(UTC)).status == "ok"


def test_bug_files_are_compared_with_the_database(workbench, bug, repo, changed):
    workbench("worker", "--once")
    assert findings(workbench)["bug files"]["status"] == "ok"
    (file,) = (repo / "bugs").glob("B-*.md")
    text = file.read_text()

    def said():
        found = findings(workbench)["bug files"]
        assert (found["status"], bool(found["cure"])) == ("note", True)
        return found["message"]

    file.write_text(text.replace('state: "open"', 'state: "closed"'))
    assert said() == "B-001.md says closed, and the database says open"
    (repo / "bugs" / "B-007.md").write_text(text.replace("B-001", "B-007"))
    assert "B-007.md is of a bug that the database has not" in said()
    (repo / "bugs" / "B-007.md").write_text("nothing")
    assert "B-007.md is no bug file" in said()
    (repo / "bugs" / "B-007.md").unlink()
    file.unlink()
    assert said() == "B-001 has no file any more"
    changed(OutboxRow, state="due")
    assert findings(workbench)["bug files"]["status"] == "ok"


def test_a_branch_for_bug_files_that_nobody_else_may_have_checked_out(workbench, store, repo, monkeypatch):
    monkeypatch.setenv("WORKBENCH_BUGS_BRANCH", "bug-files")
    assert findings(workbench)["bug branch"] == {
        "subject": "bug branch",
        "status": "ok",
        "message": "bug files are committed to bug-files",
        "cure": "",
    }
    subprocess.run(["git", "checkout", "-q", "-b", "bug-files"], cwd=repo, check=True)
    found = findings(workbench, Exit.NO)["bug branch"]
    assert (found["status"], f"checked out at {repo}" in found["message"]) == ("wrong", True)


def test_worktrees_of_closed_bugs_and_those_that_are_gone(workbench, fixed, changed):
    assert findings(workbench)["worktrees"]["status"] == "ok"
    changed(Bug, state="closed")
    found = findings(workbench)["worktrees"]
    assert (found["status"], "1 of closed bugs" in found["message"]) == ("note", True)
    changed(Bug, state="review")
    shutil.rmtree(fixed.worktree)
    assert "gone, though a bug waits on it" in findings(workbench, Exit.NO)["worktrees"]["message"]


@pytest.mark.parametrize(
    ("value", "said", "status"),
    [("github_pat_x", "fine-grained", "ok"), ("ghp_x", "scope repo", "ok"), ("0123abcd", "we do not know", "note")],
)
def test_a_token_is_told_by_its_kind_and_never_shown(value, said, status):
    found = doctor_looks.token(value, "GITHUB_TOKEN")
    assert (said in found.message, found.status, value in found.message) == (True, status, False)


def test_a_later_schema_is_a_finding(workbench, bug, store):
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    found = findings(workbench, Exit.NO)["database"]
    assert "made by a later version" in found["message"]
    assert "Upgrade this program" in found["cure"]


def test_a_state_directory_that_cannot_be_written(workbench, store, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(tmp_path / "file" / "below"))
    found = findings(workbench, Exit.NO)["state directory"]
    assert found["status"] == "wrong"
    assert "WORKBENCH_STATE_DIR" in found["cure"]


@pytest.mark.parametrize("tools", [(), ("bwrap",), ("socat",)])
def test_a_machine_without_a_sandbox_is_told_what_to_install(tmp_path, tools):
    for name in (*tools, "apt-get"):
        (tmp_path / name).symlink_to("/bin/true")
    found = doctor._sandbox({"PATH": str(tmp_path)})
    assert found.status == "note"
    missing = [package for name, package in (("bwrap", "bubblewrap"), ("socat", "socat")) if name not in tools]
    assert all(package in found.message for package in missing)
    assert f"sudo apt-get install {' '.join(missing)}" in found.cure


def test_a_sandbox_that_is_installed_and_does_not_work_is_found_out_by_trying(tmp_path):
    (tmp_path / "socat").symlink_to("/bin/true")
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    found = doctor._sandbox({"PATH": str(tmp_path)})
    assert found.status == "note"
    assert "No permissions to create new namespace" in found.message
    assert "user namespaces" in found.cure


def test_a_sandbox_that_works_is_told(tmp_path):
    for name in ("bwrap", "socat"):
        (tmp_path / name).symlink_to("/bin/true")
    assert doctor._sandbox({"PATH": str(tmp_path)}).status == "ok"


def test_it_looks_and_changes_nothing(workbench, repo, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    workbench("doctor")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_answer_of_the_function_itself_is_a_row(repo):
    from workbench import config

    first = next(doctor.examine(config.load(), now=NOW))
    assert (first.subject, first.status) == ("configuration", "ok")
