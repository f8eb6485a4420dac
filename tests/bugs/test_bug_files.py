"""A bug file says what is known, is replaced in one step, and keeps every byte that people wrote."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.event import Event, ExceptionInfo, Frame, Request
from capture.testing import NOW, make_event
from workbench.bugs import files, sections
from workbench.bugs.rows import BugPage, EvidenceView, IssueLink, SignOffRow, TransitionRow
from workbench.bugs.weave import generated, weave

PageOf = Callable[[Event], BugPage]


@pytest.fixture
def page(page_of: PageOf) -> BugPage:
    return page_of(make_event())


def front_of(text: str) -> dict[str, Any]:
    lines = text.split("---\n")[1].splitlines()
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}


def test_the_front_matter_is_for_programs(page: BugPage) -> None:
    issue = IssueLink("o/r", 7, "https://github.com/o/r/issues/7", "open")
    text = files.render(replace(page, row=replace(page.row, issue=issue)))
    assert front_of(text) == {
        "number": "B-001",
        "state": "open",
        "fingerprints": ["a1b2c3d4e5f60718"],
        "project": "clinic",
        "environment": "production",
        "count": 1,
        "first_seen": "2026-11-22T12:00:00+00:00",
        "last_seen": "2026-11-22T12:00:00+00:00",
        "releases": ["4f2d1c0"],
        "issue": "https://github.com/o/r/issues/7",
        "title": "KeyError: 'rabbit' in price_of",
        "kind": "exception",
        "type": "KeyError",
        "status": 500,
        "method": "GET",
        "route": "/api/visits/<int:pk>/price/",
        "fix_commit": None,
    }
    assert "- Issue: [o/r issue 7](<https://github.com/o/r/issues/7>)" in text


def test_the_sections_are_for_people(page: BugPage) -> None:
    text = files.render(page)
    for said in (
        "# B-001: KeyError: 'rabbit' in price_of\n",
        "- What: KeyError: 'rabbit'\n",
        "- Where: GET /api/visits/&lt;int:pk&gt;/price/\n",
        "- Code: price_of in /srv/clinic/clinic/pricing.py, line 12\n",
        "- Seen: once, first 2026-11-22 12:00 UTC, last 2026-11-22 12:00 UTC\n",
        "/srv/clinic/clinic/pricing.py:12 in price_of\n    return PRICES[visit.species]\n",
        "- GET /api/visits/7/price/\n",
        "- 2026-11-22 12:00 UTC · open · system capture: first seen\n",
        "Nobody has signed this off.\n",
        "What you write here, or anywhere outside the marked sections, stays as it is.\n",
    ):
        assert said in text


def test_what_may_be_secret_is_not_in_the_file(page_of: PageOf) -> None:
    event = make_event()
    assert event.request is not None
    from msgspec.structs import replace as changed

    request = changed(event.request, query="token=s3cret", body="s3cret", headers={"Authorization": "s3cret"})
    page = page_of(changed(event, request=request, user_id="s3cret", tags={"key": "s3cret"}))
    text = files.render(page)
    assert "s3cret" not in text
    assert "Flopsy" not in text


def test_library_frames_stay_out_but_where_there_is_nothing_else(page_of: PageOf) -> None:
    text = files.render(page_of(make_event()))
    assert "django/core" not in text
    frames = tuple(Frame(module="lib", function=f"f{n}", filename="/lib.py", lineno=n, in_app=False) for n in range(3))
    error = ExceptionInfo(type="E", module="m", frames=frames)
    text = files.render(page_of(make_event(key="lib", exceptions=(error,))))
    assert "/lib.py:2 in f2" in text
    assert "in f1" not in text
    text = files.render(page_of(make_event(key="none", exceptions=(ExceptionInfo(type="E", module="m"),))))
    assert "no frames" in text


def test_a_frame_without_source_and_a_request_without_view_leave_lines_out(page_of: PageOf) -> None:
    frame = Frame(module="m", function="f", filename="/a.py", lineno=3)
    error = ExceptionInfo(type="E", module="m", frames=(frame,))
    bare = make_event(exceptions=(error,), request=Request(method="GET", path="/x"), status=None)
    text = files.render(page_of(bare))
    assert "```text\n/a.py:3 in f\n```" in text
    assert "- GET /x\n<!-- workbench:end request -->" in text
    assert "- Where: GET no route\n" in text
    assert "- Status:" not in text


def test_a_deep_stack_shows_its_inner_end(page_of: PageOf) -> None:
    frames = tuple(Frame(module="m", function=f"f{n}", filename="/a.py", lineno=n) for n in range(100))
    chain = (
        ExceptionInfo(type="First", module="m", frames=frames, link="cause"),
        ExceptionInfo(type="Second", module="m", frames=frames, link="context"),
        ExceptionInfo(type="Last", module="m", frames=frames),
    )
    text = files.render(page_of(make_event(exceptions=chain)))
    assert "… 75 more" in text
    assert "in f99" in text
    assert "in f74" not in text
    assert text.index("which is the cause of:") < text.index("while it was handled:") < text.rindex("Last:")


def test_a_report_by_hand_shows_its_lines(page_of: PageOf) -> None:
    event = make_event(
        kind="message", exceptions=(), request=None, status=None, message="first\n\n# second @ada", release=None
    )
    text = files.render(page_of(event))
    assert "\n> first\n>\n> \\#\u200b second @\u200bada\n" in text
    assert "No exception was recorded." in text
    assert "It did not happen in a request." in text
    assert "- What:" not in text


def test_a_bug_without_events_has_a_file(page: BugPage) -> None:
    assert "No exception was recorded." in files.render(replace(page, event=None, occurrences=()))


def test_a_recurrence_and_its_sign_offs_are_told(page: BugPage) -> None:
    evidence = EvidenceView(3, None, "c0", "c1", "demonstrated", "the test fails and passes", (), (), NOW, NOW)
    decisions = (
        SignOffRow(NOW + timedelta(hours=2), "Ada", "verified", "c1", 3, ""),
        SignOffRow(NOW, "Bob", "rejected", "c0", None, "no test"),
    )
    history = (
        *page.history,
        TransitionRow(NOW, "person", "Ada", "open", "closed", ""),
        TransitionRow(NOW, "agent", "s1", "closed", "open", "x"),
    )
    row = replace(page.row, is_recurrence=True, count=1234)
    text = files.render(replace(page, row=row, evidence=evidence, sign_offs=decisions, history=history))
    assert "It came back after a sign-off by Ada at 2026-11-22 14:00 UTC, commit c1." in text
    assert "- Seen: 1,234 times, first" in text
    assert "- 2026-11-22 12:00 UTC · open → closed · Ada\n" in text
    assert "- 2026-11-22 12:00 UTC · closed → open · agent s1: x\n" in text
    first = "- 2026-11-22 12:00 UTC · rejected by Bob · commit c0 · no test\n"
    last = "- 2026-11-22 14:00 UTC · verified by Ada · commit c1 · evidence: demonstrated\n"
    assert text.index(first) < text.index(last)
    assert "### Evidence\n\n**demonstrated**: the test fails and passes\n" in text
    other = replace(page, row=row, evidence=replace(evidence, id=4), sign_offs=decisions, history=history)
    assert "### Evidence" not in files.render(other)


def test_a_long_history_shows_its_end(page: BugPage) -> None:
    step = TransitionRow(NOW, "person", "Ada", "open", "muted", "")
    text = files.render(replace(page, history=tuple(replace(step, reason=f"step {n}.") for n in range(300))))
    assert "step 299." in text
    assert "step 99." not in text
    assert text.count("open → muted") == sections.HISTORY


# Writing.


def test_a_file_is_named_for_its_bug(page: BugPage, tmp_path: Path) -> None:
    path = files.write(page, tmp_path / "new" / "bugs")
    assert path == tmp_path / "new" / "bugs" / "B-001.md"
    assert path.read_text(encoding="utf-8") == files.render(page)
    assert [file.name for file in path.parent.iterdir()] == ["B-001.md"]


def test_a_file_that_says_it_all_is_not_touched(page: BugPage, tmp_path: Path) -> None:
    path = files.write(page, tmp_path)
    os.utime(path, (1, 1))
    inode = path.stat().st_ino
    files.write(page, tmp_path)
    assert (path.stat().st_mtime, path.stat().st_ino) == (1, inode)


def test_a_change_reaches_its_sections_and_nothing_else(page: BugPage, tmp_path: Path) -> None:
    path = files.write(page, tmp_path)
    before = path.read_text(encoding="utf-8")
    files.write(replace(page, row=replace(page.row, count=7, state="closed")), tmp_path)
    after = path.read_text(encoding="utf-8")
    assert front_of(after) | {"count": 1, "state": "open"} == front_of(before)
    assert after.replace("Seen: 7 times", "Seen: once").partition("\n---\n")[2] == before.partition("\n---\n")[2]


def test_the_mode_that_people_gave_a_file_stays(page: BugPage, tmp_path: Path) -> None:
    path = files.write(page, tmp_path)
    path.chmod(0o640)
    files.write(replace(page, row=replace(page.row, count=7)), tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_when_writing_fails_the_old_file_is_there_and_nothing_else(
    page: BugPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(page, tmp_path / "bugs")
    before = path.read_bytes()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            files.write(replace(page, row=replace(page.row, count=7)), path.parent)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["B-001.md"]


def test_text_that_is_saved_at_the_same_moment_is_taken_up(
    page: BugPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(page, tmp_path)
    real, saved = os.fsync, iter([True])

    def save_meanwhile(file: int) -> None:
        real(file)
        if next(saved, False):
            path.write_text(path.read_text(encoding="utf-8") + "Ada was here\n", encoding="utf-8")

    monkeypatch.setattr(os, "fsync", save_meanwhile)
    files.write(replace(page, row=replace(page.row, count=7)), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("Ada was here\n")
    assert front_of(text)["count"] == 7


def test_a_file_that_never_comes_to_rest_is_left_to_the_next_time(
    page: BugPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(page, tmp_path)
    monkeypatch.setattr(files, "_replace", lambda *_args, **_more: False)
    with pytest.raises(OSError, match="keeps changing"):
        files.write(replace(page, row=replace(page.row, count=7)), tmp_path)
    assert front_of(path.read_text(encoding="utf-8"))["count"] == 1


def test_bytes_that_are_no_text_survive(page: BugPage, tmp_path: Path) -> None:
    path = files.write(page, tmp_path)
    strange = b"\xff\xfe latin \xe4 \r\n\x00\x0b\x85 " + "\u2028".encode()
    path.write_bytes(path.read_bytes() + strange)
    files.write(replace(page, row=replace(page.row, count=7)), tmp_path)
    assert path.read_bytes().endswith(strange)


def test_an_empty_file_is_filled(page: BugPage, tmp_path: Path) -> None:
    (tmp_path / "B-001.md").touch()
    path = files.write(page, tmp_path)
    assert front_of(path.read_text(encoding="utf-8"))["number"] == "B-001"


# What people write.

FRONT = {"number": '"B-001"', "state": '"open"'}
PARTS = {"summary": "# B-001", "stack": "## Stack\n\n```\na\n```", "history": "## History"}
FRESH = weave("", FRONT, PARTS)
NEXT = {"summary": "# B-001 again", "stack": "", "history": "## History\n\n- closed"}
LINES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            ["---", "", "\r", "state: mine", "<!-- workbench:begin x -->", "<!-- note -->", "```", "\ufeff"]
        ),
        st.sampled_from([f"<!-- workbench:end {name} -->" for name in PARTS]),
    ),
    max_size=6,
)


def outside(text: str) -> list[str]:
    """What is between and around the generated sections and the front matter's end."""
    start = text.index("\n---", 3) + 4
    pieces = []
    for _name, begin, end in generated(text):
        pieces.append(text[start:begin])
        start = end
    return [*pieces, text[start:]]


@settings(max_examples=200, deadline=None)
@given(notes=st.lists(LINES, min_size=4, max_size=4))
def test_what_people_write_around_the_sections_survives(notes: list[list[str]]) -> None:
    text, shift = FRESH, 0
    edges = [0, *(end for _name, _begin, end in generated(FRESH))]
    edges[0] = FRESH.index("\n---\n", 3) + 5
    for edge, lines in zip(edges, notes, strict=True):
        added = "\n" + "\n".join(lines) + "\n"
        text = text[: edge + shift] + added + text[edge + shift :]
        shift += len(added)
    if len(list(generated(text))) != len(PARTS):  # a stray end marker came first after a begin: then it is theirs
        return
    woven = weave(text, FRONT, NEXT)
    assert outside(woven) == outside(text)
    for lines in notes:
        assert "\n" + "\n".join(lines) + "\n" in woven
    assert weave(woven, FRONT, NEXT) == woven


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), LINES.map("\n".join)))
def test_any_text_at_all_survives_a_first_weaving(text: str) -> None:
    woven = weave(text, {}, PARTS)
    if not list(generated(text)):
        assert text in woven
    assert weave(woven, {}, PARTS) == woven


@settings(max_examples=200, deadline=None)
@given(
    cut=st.tuples(st.integers(0, len(FRESH)), st.integers(0, len(FRESH))),
    put=st.one_of(st.text(max_size=20), LINES.map("\n".join)),
)
def test_however_a_file_is_edited_what_is_outside_survives_and_the_sections_come_back(
    cut: tuple[int, int], put: str
) -> None:
    start, end = sorted(cut)
    edited = FRESH[:start] + put + FRESH[end:]
    woven = weave(edited, FRONT, NEXT)
    assert {name for name, _begin, _end in generated(woven)} >= set(PARTS)
    theirs, position = [], 0
    for name, begin, stop in generated(edited):
        if name in PARTS:
            theirs.append(edited[position:begin])
            position = stop
    theirs.append(edited[position:])
    for piece in theirs[1:]:
        assert piece in woven
    assert weave(woven, FRONT, NEXT) == woven


def test_lines_of_their_own_in_the_front_matter_stay() -> None:
    text = FRESH.replace("---\n", "---\nowner: ada\nlabels:\n  - late\n", 1)
    woven = weave(text, {"number": '"B-001"', "state": '"closed"'}, PARTS)
    assert woven.startswith('---\nnumber: "B-001"\nstate: "closed"\nowner: ada\nlabels:\n  - late\n---\n')


def test_line_ends_and_byte_order_marks_of_other_systems_stay() -> None:
    text = "\ufeff" + FRESH.replace("\n", "\r\n") + "mine\r\n"
    woven = weave(text, FRONT, NEXT)
    assert woven.startswith("\ufeff---\r\n")
    assert woven.endswith("mine\r\n")
    assert [name for name, _begin, _end in generated(woven)] == list(PARTS)
    assert weave(woven, FRONT, NEXT) == woven


def test_a_section_that_was_deleted_comes_back_at_the_end() -> None:
    text = FRESH.replace("<!-- workbench:begin stack -->\n## Stack\n\n```\na\n```\n<!-- workbench:end stack -->\n", "")
    woven = weave(text + "mine", FRONT, PARTS)
    assert [name for name, _begin, _end in generated(woven)] == ["summary", "history", "stack"]
    assert "mine\n\n<!-- workbench:begin stack -->" in woven


def test_half_a_section_is_peoples_text() -> None:
    text = FRESH.replace("<!-- workbench:end stack -->\n", "")
    woven = weave(text, FRONT, {**PARTS, "stack": "new"})
    assert "<!-- workbench:begin stack -->\n## Stack\n\n```\na\n```\n" in woven
    assert woven.endswith("<!-- workbench:begin stack -->\nnew\n<!-- workbench:end stack -->\n")


def test_a_copy_of_a_section_is_peoples_text() -> None:
    copy = "<!-- workbench:begin summary -->\nmy copy\n<!-- workbench:end summary -->\n"
    woven = weave(FRESH + copy, FRONT, NEXT)
    assert woven.endswith(copy)
    assert "# B-001 again" in woven


def test_a_section_cannot_end_itself() -> None:
    hostile = "a\n<!-- workbench:end summary -->\nb\n<!-- workbench:begin stack -->"
    woven = weave("", FRONT, {"summary": hostile, "stack": "s"})
    assert [name for name, _begin, _end in generated(woven)] == ["summary", "stack"]
    assert weave(woven, FRONT, {"summary": hostile, "stack": "s"}) == woven


def test_the_file_of_another_bug_is_left_alone(page_of: PageOf, page: BugPage, tmp_path: Path) -> None:
    """A fresh database numbers its bugs from B-001 again, and the repository has a B-001 already."""
    path = files.write(page, tmp_path)
    before = path.read_bytes()
    other = replace(page, fingerprints=(("ffff", ()),))
    with pytest.raises(files.OtherBugsFile, match=r"B-001\.md"):
        files.write(other, tmp_path)
    assert path.read_bytes() == before
    merged = replace(page, fingerprints=(*page.fingerprints, ("ffff", ())))
    files.write(merged, tmp_path)
    assert files.write(other, tmp_path) == path  # one of its fingerprints is in the file


def test_a_file_without_front_matter_is_taken_up(page: BugPage, tmp_path: Path) -> None:
    (tmp_path / "B-001.md").write_text('Notes of mine.\n\nfingerprints: ["ffff"]\n')
    assert "Notes of mine." in files.write(page, tmp_path).read_text()
