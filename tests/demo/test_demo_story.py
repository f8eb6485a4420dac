"""The demo's story: told to the evidence without a screen, handed to a screen where there is one, never told twice."""

from __future__ import annotations

import http.client
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.engine import writing
from capture.store.lifecycle import Actor, move
from capture.store.tables import Bug, EvidenceRow, FixSession, Occurrence, SessionRequest, SignOff, TranscriptEntry
from workbench import fixing
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.config import Config
from workbench.demo import story as demo_story
from workbench.demo.reset import remains, reset
from workbench.demo.site import Site, folder_of
from workbench.demo.story import how_to_open, story
from workbench.errors import Exit, OutsideError, Refused

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UserConfig = Callable[..., Config]

BIN = Path(sys.executable).parent
ON_PATH = {"PATH": str(BIN)}


class Listener(list[str]):
    """Somebody who is told a story."""

    def __call__(self, line: str) -> None:
        self.append(line)

    @property
    def text(self) -> str:
        return "\n".join(self)


@pytest.fixture
def told() -> Listener:
    return Listener()


def the_bug(session: Session) -> Bug:
    return session.exec(select(Bug).where(Bug.exception_type == "KeyError")).one()


def add_session(engine: Engine, **changes: Any) -> str:
    """Put a fix session of the KeyError into the store, as another run would have left it."""
    with Session(writing(engine)) as session:
        bug = the_bug(session)
        assert bug.id is not None
        row = FixSession(
            **{
                "id": "11111111-2222-4333-8444-555555555555",
                "bug_id": bug.id,
                "state": "done",
                "activity": "",
                "launched_by": "Ada",
                "repository": "/repo",
                "branch": "workbench/B-005-1",
                "worktree": "/trees/B-005-1",
                "base_commit": "a" * 40,
                "host": "another.example",
                "started_at": NOW,
            }
            | changes
        )
        if bug.state == "open":
            move(session, bug, "fixing", by=Actor("person", "Ada"), reason="launched", now=NOW)
        session.add(row)
        session.commit()
        return row.id


def add_evidence(engine: Engine, session_id: str, **changes: Any) -> None:
    with Session(writing(engine)) as session:
        bug = the_bug(session)
        assert bug.id is not None
        failed = {
            "id": "tests/test_x.py::test_y",
            "outcome": "failed",
            "exception": "KeyError",
            "function": "handling_fee",
        }
        runs = [
            {"name": "new tests on base", "outcome": "failed", "failed": 1, "tests": [failed]},
            {"name": "suite on fix", "outcome": "not run", "note": "no time", "tests": []},
        ]
        row = {
            "bug_id": bug.id,
            "session_id": session_id,
            "base_commit": "a" * 40,
            "result_commit": "b" * 40,
            "verdict": "partial",
            "reason": "the suite was not run",
            "flags": [{"kind": "tests", "path": "tests/test_x.py", "lines": [1], "message": "a test was changed"}],
            "runs": runs,
            "started_at": NOW,
            "ended_at": NOW,
        }
        session.add(EvidenceRow(**row | changes))
        move(session, bug, "review", by=Actor("agent", session_id), reason="done", now=NOW)
        session.commit()


@pytest.mark.agent
@pytest.mark.timeout(400)
def test_the_whole_story_and_starting_over(site: Site, user_config: UserConfig, told: Listener) -> None:
    assert story(user_config(), out=told, rehearse=True, environ={}) == Exit.DONE

    steps = [line.strip()[0] for line in told if re.match(r"\n?\d  ", line)]
    assert steps == list("1234567")
    assert "GET   /api/pets/999/               404" in told.text
    assert "B-005  open          2  –      KeyError: 'rabbit' in handling_fee" in told.text
    assert "ledger: 9 seen = 9 stored + 0 counted + 0 dropped" in told.text
    assert "REHEARSAL “happy”" in told.text
    assert "> Edit pets/billing.py" in told.text
    assert "KeyError in handling_fee" in told.text
    assert "verdict: DEMONSTRATED" in told.text
    assert f"workbench --repo {site.folder}" in told[-1]
    assert 'state: "review"' in (site.config.bugs_directory / "B-005.md").read_text()

    again = Listener()
    assert story(user_config(), out=again, rehearse=True, environ={}) == Exit.DONE

    assert "sent by an earlier run" in again.text
    assert "an earlier run did this: B-005 is in state review" in again.text
    assert "verdict: DEMONSTRATED" in again.text

    _assert_that_it_starts_over(site, user_config())


def _assert_that_it_starts_over(site: Site, users: Config) -> None:
    """A reset names and keeps what a person did in a worktree, and takes away the rest."""
    found = remains(users)
    assert found is not None
    assert found.yours == ()
    (worktree,) = found.worktrees
    (worktree / "notes.txt").write_text("mine")

    with pytest.raises(Refused, match=r"changes in the worktree .* \(notes\.txt\)"):
        reset(users)
    assert (worktree / "notes.txt").exists()

    assert reset(users, discard=True) is not None
    assert not site.folder.exists()
    assert not worktree.exists()
    assert list((users.state_dir / "sessions").iterdir()) == []


def test_a_screen_opens_on_it_while_the_site_is_up(landed_site: Site, user_config: UserConfig, told: Listener) -> None:
    opened = []

    def open_screen(config: Config) -> int:
        url = re.search(r"http://\S+", told[-1])
        assert url is not None
        connection = http.client.HTTPConnection(urlsplit(url[0]).netloc, timeout=30)
        connection.request("GET", "/")
        opened.append((config.repo, connection.getresponse().status))
        connection.close()
        return 7

    assert story(user_config(), out=told, open_screen=open_screen, environ={}) == 7
    assert opened == [(landed_site.folder, 200)]
    assert "5  A fix session" not in told.text


def test_a_port_in_use_is_told_on_a_later_run_too(landed_site: Site, user_config: UserConfig, told: Listener) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OutsideError, match="in use"),
    ):
        story(user_config(), out=told, port=other.getsockname()[1], environ={})

    assert landed_site.folder.exists()


def test_how_to_open_the_workbench_on_it(site: Site) -> None:
    assert how_to_open(site, "", ON_PATH) == f"workbench --repo {site.folder}"
    assert how_to_open(site, "acme/clinic", {**ON_PATH, "WORKBENCH_DATABASE_URL": "postgresql://production"}) == (
        f"WORKBENCH_GITHUB_REPOSITORY=acme/clinic workbench --repo {site.folder}"
        f" --db sqlite:///{site.folder}/workbench.db"
    )


def test_a_program_that_the_shell_would_not_find_is_named_by_its_path(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert how_to_open(site, "", {}) == f"{BIN}/workbench --repo {site.folder}"
    monkeypatch.chdir(BIN.parent)
    assert how_to_open(site, "", {}) == f"{BIN.name}/workbench --repo {site.folder}"


def test_evidence_of_an_earlier_run_is_told_with_all_that_is_open(
    landed_site: Site, store: Engine, user_config: UserConfig, told: Listener
) -> None:
    add_evidence(store, add_session(store, result_commit="b" * 40))

    assert story(user_config(), out=told, environ={}) == Exit.DONE

    assert "tests/test_x.py::test_y: KeyError in handling_fee" in told.text
    assert "not run  no tests – no time" in told.text
    assert "flag: tests/test_x.py a test was changed" in told.text
    assert "verdict: PARTIAL – the suite was not run" in told.text
    assert "7  The sign-off: yours" in told.text


def test_a_sign_off_is_told(landed_site: Site, store: Engine, user_config: UserConfig, told: Listener) -> None:
    session_id = add_session(store, result_commit="b" * 40)
    add_evidence(store, session_id)
    with Session(writing(store)) as session:
        bug = the_bug(session)
        assert bug.id is not None
        move(session, bug, "closed", by=Actor("person", "Ada"), reason="verified", now=NOW)
        session.add(SignOff(bug_id=bug.id, decision="verified", at=NOW, by="Ada", commit="b" * 40))
        session.commit()

    assert story(user_config(), out=told, environ={}) == Exit.DONE

    assert "an earlier run did this: B-005 is in state closed" in told.text
    assert "7  The sign-off: B-005 was verified by Ada on 2026-11-22 12:00 UTC" in told.text


def test_a_session_of_an_earlier_run_is_taken_up_where_it_is(
    landed_site: Site, store: Engine, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.fixing.following.SWEEP_SECONDS", 0)
    session_id = add_session(store, state="needs_input", model="opus")
    with Session(writing(store)) as session:
        body = {"tool": "Bash", "title": "Run the suite", "reason": "it leads out"}
        session.add(SessionRequest(session_id=session_id, kind="approval", body=body, asked_at=NOW, asked_by="agent"))
        for kind, text in (
            ("text", "I look."),
            ("notice", "Slow today."),
            ("thinking", "Hmm."),
            ("tool_result", ["x"]),
        ):
            session.add(TranscriptEntry(session_id=session_id, at=NOW, kind=kind, body={"text": text}))
        session.commit()

    def fail_later() -> None:
        time.sleep(1)
        with Session(writing(store)) as session:
            row = session.get_one(FixSession, session_id)
            row.state, row.activity, row.ended_at = "failed", "out of money", NOW
            session.commit()

    agent = threading.Thread(target=fail_later)
    agent.start()
    with pytest.raises(OutsideError, match="ended without a result") as raised:
        story(user_config(), out=told, environ={})
    agent.join()

    assert "taken up where it is" in told.text
    assert "  model     opus" in told.text
    assert told.text.count("? it asks: Run the suite (it leads out) – answer it in the screen") == 1
    assert "  · Slow today." in told.text
    assert '    | ["x"]' in told.text
    assert "Hmm." not in told.text
    assert "failed in 0 s: 0 turns, 0 tokens, $0.00 – out of money" in told.text
    assert f"workbench --repo {landed_site.folder}" in raised.value.cure


def test_a_question_that_nobody_answers_ends_the_story_and_not_the_session(
    landed_site: Site, store: Engine, user_config: UserConfig, told: Listener
) -> None:
    session_id = add_session(store, state="needs_input")
    with Session(writing(store)) as session:
        body = {"tool": "Bash", "title": "Run the suite", "reason": "it leads out"}
        session.add(SessionRequest(session_id=session_id, kind="approval", body=body, asked_at=NOW, asked_by="agent"))
        session.commit()

    with pytest.raises(OutsideError, match=r"waits for an answer, and nobody gave one within 0\.1 sec") as raised:
        story(user_config(), out=told, patience=0.1, environ=ON_PATH)

    assert "? it asks: Run the suite" in told.text
    assert raised.value.cure == f"Open the workbench and answer there: workbench --repo {landed_site.folder}"
    assert queries.session(store, session_id).is_live


def test_an_interrupted_session_is_resumed(
    landed_site: Site, store: Engine, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = add_session(store, state="interrupted")
    resumed = []

    def resume(config: Config, engine: Engine, session_id: str, *, by: str, now: datetime) -> SessionRow:
        resumed.append((session_id, by))
        add_evidence(engine, session_id, runs=[])
        return queries.session(engine, session_id)

    monkeypatch.setattr(fixing, "resume", resume)

    # What is told of the session below is what the runner left: it never ended.
    with Session(writing(store)) as session:
        session.get_one(FixSession, session_id).activity = "its runner is gone"
        session.commit()
    assert story(user_config(), out=told, environ={}) == Exit.DONE

    assert [session for session, _ in resumed] == [session_id]
    assert "resumed: it was interrupted" in told.text
    assert "interrupted in 0 s: 0 turns, 0 tokens, $0.00 – its runner is gone" in told.text


def test_a_login_is_used_unless_a_rehearsal_is_asked_for(
    landed_site: Site, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def launch(config: Config, *_: Any, options: fixing.LaunchOptions, **__: Any) -> SessionRow:
        asked.append(fixing.rehearsal_for(config, options.rehearse))
        raise OutsideError("no agent today")

    monkeypatch.setattr(fixing, "launch", launch)
    for login, rehearse in ((True, False), (True, True), (False, False)):
        monkeypatch.setattr("workbench.sessions.claude.has_login", lambda *_, login=login: login)
        with pytest.raises(OutsideError, match="no agent today"):
            story(user_config(), out=told, rehearse=rehearse, environ={})

    assert asked == [None, "happy", "happy"]


def test_the_screen_rehearses_as_the_story_does(
    landed_site: Site, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.sessions.claude.has_login", lambda *_: True)
    opened = []
    for rehearse in (True, False):
        story(user_config(), out=told, open_screen=lambda c: opened.append(c) or 0, rehearse=rehearse, environ={})

    assert [fixing.rehearsal_for(config) for config in opened] == ["happy", None]
    rehearsed = Site(landed_site.folder, opened[0], resumed=True)
    assert (
        how_to_open(rehearsed, "", ON_PATH) == f"WORKBENCH_AGENT_REHEARSE=happy workbench --repo {landed_site.folder}"
    )


def test_a_store_without_the_demos_fault_is_told(
    landed_site: Site, store: Engine, user_config: UserConfig, told: Listener
) -> None:
    with Session(writing(store)) as session:
        the_bug(session).exception_type = "LookupError"
        session.commit()

    with pytest.raises(OutsideError, match="KeyError is not among the bugs"):
        story(user_config(), out=told, environ={})


def test_a_bug_that_was_taken_up_again_is_told_as_such(
    landed_site: Site, store: Engine, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = add_session(store, state="done")
    add_evidence(store, session_id)

    def launch(config: Config, engine: Engine, number: int, **_: Any) -> SessionRow:
        return queries.session(engine, session_id)

    with Session(writing(store)) as session:
        move(session, the_bug(session), "open", by=Actor("person", "Ada"), reason="not good enough", now=NOW)
        session.commit()
    monkeypatch.setattr(fixing, "launch", launch)

    assert story(user_config(), out=told, environ={}) == Exit.DONE

    assert "7  The sign-off: B-005 is in state open" in told.text


def test_an_answer_that_nobody_counted_on_is_told(
    site: Site, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = site.folder / "pets" / "forms.py"
    forms.write_text(forms.read_text().replace('"on", "treatment", "notes"', '"on", "treatment", "remarks"'))
    monkeypatch.setattr(demo_story, "_fix", lambda *_: Exit.DONE)

    assert story(user_config(), out=told, environ={}) == Exit.DONE

    assert "(expected 200)" in told.text


def test_actions_that_wait_for_github_are_told(
    landed_site: Site, user_config: UserConfig, told: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    users = user_config(WORKBENCH_GITHUB_BASE_URL=f"http://127.0.0.1:{port}")
    monkeypatch.setattr(demo_story, "_fix", lambda *_: Exit.DONE)

    story(users, out=told, github="acme/clinic", environ={"GITHUB_TOKEN": "t0ken"})

    assert re.search(r"open_issue for B-00\d: \S+", told.text), told.text


def test_nothing_there_is_nothing_to_take_away(user_config: UserConfig) -> None:
    assert reset(user_config()) is None


def test_a_reset_takes_no_folder_that_the_demo_did_not_make(user_config: UserConfig) -> None:
    folder_of(user_config()).mkdir(parents=True)

    with pytest.raises(Refused, match="did not make it"):
        reset(user_config())


def test_a_reset_names_a_session_at_work_and_leaves_it_alone(
    landed_site: Site, store: Engine, user_config: UserConfig
) -> None:
    session_id = add_session(store, state="working")

    with pytest.raises(Refused, match=f"{session_id} on B-005 in /trees/B-005-1") as raised:
        reset(user_config())

    assert "sessions interrupt 11111111" in raised.value.cure
    assert landed_site.folder.exists()


def test_a_reset_names_what_a_person_did_in_the_checkout(landed_site: Site, user_config: UserConfig) -> None:
    from workbench.git import Repository

    repository = Repository.open(landed_site.folder)
    repository.add_worktree(landed_site.folder.parent / "mine", base="HEAD", reason="mine")
    (landed_site.folder / "README.md").write_text("mine\n")
    commit = repository.freeze(landed_site.folder, "refs/workbench/mine", "Mine")
    (landed_site.folder / ".git" / "refs" / "heads" / "main").write_text(commit + "\n")
    (landed_site.folder / "todo.txt").write_text("mine\n")

    with pytest.raises(Refused) as raised:
        reset(user_config())

    said = str(raised.value)
    assert "todo.txt" in said
    assert f"commits (HEAD is at {commit[:12]})" in said
    assert f"the worktree {landed_site.folder.parent / 'mine'}" in said
    assert "bugs/" not in said


def test_a_database_that_cannot_be_used_does_not_keep_a_reset_from_working(
    landed_site: Site, user_config: UserConfig
) -> None:
    for path in landed_site.folder.glob("workbench.db*"):
        path.unlink()
    (landed_site.folder / "workbench.db").write_text("no database")

    assert reset(user_config()) is not None
    assert not landed_site.folder.exists()


def test_a_worktree_whose_folder_is_gone_is_no_obstacle(
    landed_site: Site, store: Engine, user_config: UserConfig, tmp_path: Path
) -> None:
    import shutil

    from workbench.git import Repository

    tree = tmp_path / "tree"
    Repository.open(landed_site.folder).add_worktree(tree, base="HEAD", reason="a session")
    add_session(store, worktree=str(tree), result_commit="b" * 40)
    shutil.rmtree(tree)
    store.dispose()

    assert reset(user_config()) is not None


def test_occurrences_are_kept_with_their_events(landed_site: Site, store: Engine) -> None:
    with Session(store) as session:
        ids = session.exec(select(col(Occurrence.id))).all()
    assert all(queries.event(store, one).release for one in ids)
    assert landed_site.resumed
