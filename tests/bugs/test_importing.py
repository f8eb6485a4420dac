"""A database from bug files: what was written is read back, and what does not fit is refused and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.engine import writing
from capture.store.lifecycle import Actor, move
from capture.store.tables import Bug, EvidenceRow, Issue, SignOff
from capture.testing import NOW, make_event
from workbench.bugs import acts, files, queries
from workbench.bugs.importing import import_files
from workbench.bugs.markdown import inert
from workbench.bugs.reading_files import NotABugFile, read, spoken
from workbench.errors import Refused

Carry = Callable[..., Any]
LATER = NOW + timedelta(days=1)
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def filed(engine: Engine, carry_into: Carry, tmp_path: Path) -> list[Path]:
    """The files of three bugs: one with an issue, one closed with a sign-off and its evidence, one in review."""
    carry_into(engine, make_event(), make_event(key="b" * 16, title="Second: a_b <i> @x #1"), make_event(key="c" * 16))
    with Session(writing(engine)) as session:
        first, second, third = session.exec(select(Bug).order_by(Bug.number))
        session.add(
            Issue(
                bug_id=first.id,
                repository="o/r",
                number=7,
                url="https://github.com/o/r/issues/7",
                state="open",
                synced_at=NOW,
            )
        )
        evidence = EvidenceRow(
            bug_id=second.id,
            base_commit="c0",
            result_commit="c1",
            verdict="demonstrated",
            reason="red to green",
            started_at=NOW,
            ended_at=NOW,
        )
        session.add(evidence)
        session.flush()
        session.add(
            SignOff(
                bug_id=second.id,
                decision="verified",
                at=NOW,
                by="Ada <ada@example.com>",
                commit="c1",
                note="seen on staging",
                evidence_id=evidence.id,
            )
        )
        for state in ("fixing", "review"):
            move(session, third, state, by=Actor("agent", "5e55"), reason="at work: a_b", now=NOW)
        move(session, second, "closed", by=Actor("person", "Ada"), reason="verified c1", now=NOW)
        session.commit()
    return [files.write(queries.bug_page(engine, number, now=NOW), tmp_path / "bugs") for number in (1, 2, 3)]


@pytest.fixture
def empty(postgres_engine: Engine) -> Engine:
    """Another database, of the other kind."""
    return postgres_engine


@pytest.mark.postgres
def test_what_was_written_is_read_back(engine: Engine, empty: Engine, filed: list[Path], carry_into: Carry) -> None:
    done = import_files(empty, filed, by="Bo", now=LATER)
    assert [(one.outcome, one.number) for one in done] == [("imported", 1), ("imported", 2), ("imported", 3)]
    before, after = ([queries.bug_page(each, number, now=NOW) for number in (1, 2, 3)] for each in (engine, empty))
    kept = ("title", "kind", "count", "first_seen", "last_seen", "exception_type", "status_code", "method", "route")
    kept += ("fingerprint", "project", "environment", "release", "issue", "number")
    for was, is_ in zip(before, after, strict=True):
        assert {name: getattr(was.row, name) for name in kept} == {name: getattr(is_.row, name) for name in kept}
        assert [step.to_state for step in is_.history[:-1]] == [step.to_state for step in was.history]
        assert [step.reason for step in is_.history[:-1]] == [step.reason for step in was.history]
    assert [page.row.state for page in after] == ["open", "closed", "open"]
    assert [(one.decision, one.by, one.commit, one.note) for one in after[1].sign_offs] == [
        ("verified", "Ada <ada@example.com>", "c1", "seen on staging")
    ]
    assert after[2].history[-1].reason == "imported from B-003.md, where it was review"
    outcome = carry_into(empty, make_event(at=LATER), now=LATER)
    assert (outcome.new_bugs, outcome.stored) == ((), 1)
    page = queries.bug_page(empty, 1, now=LATER)
    assert page.row.count == 2
    assert page.fingerprints[0][1], "what made the key comes with the event"


def test_a_file_that_exists_keeps_its_stack_until_there_is_an_event(
    engine: Engine, filed: list[Path], tmp_path: Path, sqlite_template: Path
) -> None:
    from capture.store.engine import open_engine

    shutil.copy(sqlite_template, tmp_path / "other.db")
    other = open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    import_files(other, filed, by="Bo", now=LATER)
    before = filed[0].read_text()
    files.write(queries.bug_page(other, 1, now=LATER), filed[0].parent)
    after = filed[0].read_text()
    assert "price_of" in after
    for name in ("stack", "request"):
        begun, ended = f"<!-- workbench:begin {name} -->", f"<!-- workbench:end {name} -->"
        assert after.split(begun)[1].split(ended)[0] == before.split(begun)[1].split(ended)[0]
    assert "imported from B-001.md" in after
    other.dispose()


def test_a_second_import_changes_nothing(engine: Engine, filed: list[Path]) -> None:
    assert {one.outcome for one in import_files(engine, filed, by="Bo", now=LATER)} == {"there already"}
    assert len(queries.bug_page(engine, 1, now=LATER).history) == 1


def test_a_number_or_a_fault_of_another_bug_is_refused(
    engine: Engine, filed: list[Path], carry_into: Carry, tmp_path: Path
) -> None:
    text = filed[0].read_text()
    other, same = filed[0].with_name("B-002.md"), filed[0].with_name("B-009.md")
    other.write_text(text.replace("B-001", "B-002"))
    same.write_text(text.replace("B-001", "B-009"))
    done = import_files(engine, [other, same], by="Bo", now=LATER)
    assert [one.text for one in done] == [
        "B-002 is another bug in the database",
        "the fault of B-009 is B-001 in the database",
    ]
    assert {one.outcome for one in done} == {"refused"}


def test_a_rehearsal_writes_nothing(engine: Engine, filed: list[Path], tmp_path: Path) -> None:
    acts_free = filed[0].with_name("B-005.md")
    acts_free.write_text(filed[0].read_text().replace("B-001", "B-005").replace("a1b2c3d4e5f60718", "d" * 16))
    (done,) = import_files(engine, [acts_free], by="Bo", now=LATER, is_rehearsal=True)
    assert done.outcome == "imported"
    assert [row.number for row in queries.list_bugs(engine, now=NOW)] == [3, 2, 1]


def test_an_issue_that_another_bug_has_is_left_to_it(engine: Engine, filed: list[Path]) -> None:
    free = filed[0].with_name("B-005.md")
    free.write_text(filed[0].read_text().replace("B-001", "B-005").replace("a1b2c3d4e5f60718", "d" * 16))
    (done,) = import_files(engine, [free], by="Bo", now=LATER)
    assert done.text.endswith("without its issue, which is B-001's")


def test_not_from_inside_an_agent(engine: Engine, filed: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    with pytest.raises(Refused):
        import_files(engine, filed, by="Bo", now=LATER)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("number: ", "numbre: "), "no front matter with a number"),
        (('"B-001"', '"B-zero"'), "its number is 'B-zero'"),
        (('state: "open"', 'state: "done"'), "its state is 'done'"),
        (("count: 1", "count: -1"), "its count is not a number"),
        (('["a1b2c3d4e5f60718"]', "[]"), "names no fingerprint"),
        (('["a1b2c3d4e5f60718"]', '["../../x"]'), "names no fingerprint"),
        (('first_seen: "2026-', 'first_seen: "then-'), "its first_seen is no time"),
        (('project: "clinic"', "project: 7"), "its project is not a text"),
        (("releases: [", "releases: [1, "), "its releases are not a list of texts"),
    ],
)
def test_a_file_that_is_wrong_says_where(filed: list[Path], wrong: tuple[str, str], says: str) -> None:
    text = filed[0].read_text()
    assert wrong[0] in text
    filed[0].write_text(text.replace(*wrong))
    with pytest.raises(NotABugFile, match=says):
        read(filed[0])


def test_files_of_any_bytes_are_refused_and_the_others_read(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "B-001.md").write_bytes(b"\xff\x00---\n")
    (tmp_path / "B-002.md").mkdir()
    done = import_files(engine, [tmp_path / "B-001.md", tmp_path / "B-002.md", tmp_path / "B-003.md"], by="Bo", now=NOW)
    assert [one.outcome for one in done] == ["refused"] * 3


def test_the_files_of_this_project_are_read() -> None:
    found = [read(path) for path in sorted((PROJECT / "bugs").glob("B-*.md"))]
    assert [bug.number for bug in found] == list(range(1, len(found) + 1))
    assert all(bug.history and bug.title != "without a title" for bug in found)


@given(st.text(max_size=80))
def test_what_markdown_says_is_what_was_put_into_it(text: str) -> None:
    from workbench.text import plain

    said = plain(text, 300).strip().replace("\u200b", "")
    if "&" not in said and "\\" not in said:
        assert spoken(inert(text)) == said


def test_acts_after_an_import_work(engine: Engine, filed: list[Path]) -> None:
    free = filed[0].with_name("B-007.md")
    free.write_text(filed[0].read_text().replace("B-001", "B-007").replace("a1b2c3d4e5f60718", "e" * 16))
    import_files(engine, [free], by="Bo", now=LATER)
    acts.merge(engine, [7], into=1, by="Bo", now=LATER)
    assert queries.bug_page(engine, 1, now=LATER).row.count == 2
