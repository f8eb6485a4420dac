"""The page of a bug as a person reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import Engine

from capture.event import Breadcrumb, ExceptionInfo, Frame, Job, Request
from capture.testing import NOW, make_event
from workbench.bugs import queries
from workbench.bugs.rows import BugPage, OwedRow
from workbench.tui.app import WorkbenchApp
from workbench.tui.document import Document
from workbench.tui.documents import bug as pages
from workbench.tui.documents.outside import owed_lines
from workbench.tui.documents.stack import FRAMES_SHOWN, LOCALS_SHOWN, stack_lines
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.evidence import EvidenceScreen
from workbench.tui.screens.session import SessionScreen

pytestmark = pytest.mark.anyio


@pytest.fixture
def page_of(seeded: Engine) -> Callable[[int], BugPage]:
    """Return pages of the story."""
    return lambda number: queries.bug_page(seeded, number, now=NOW)


def text(page: BugPage, width: int = 100, **changes: Any) -> str:
    view = pages.View(width=width, now=NOW, event=page.event)
    return "\n".join(made.text for made in pages.page_lines(page, replace(view, **changes)))


def test_the_page_says_why_its_events_are_one_bug(page_of: Callable[[int], BugPage]) -> None:
    shown = text(page_of(2))
    assert "route   /api/pets/<int:pk>/  the pattern, not the path" in shown
    assert "fingerprint b2c3d4e5f6071829" in shown


def test_the_page_says_what_did_not_make_them_one_bug(page_of: Callable[[int], BugPage]) -> None:
    shown = text(page_of(1))
    assert "left out: line numbers, message, library frames" in shown
    assert "would be another bug: another type, another line of the application" in shown
    assert "left out" not in text(page_of(1), event=None)


def test_our_frames_are_open_with_source_and_locals_and_library_frames_folded(
    page_of: Callable[[int], BugPage],
) -> None:
    shown = text(page_of(1))
    assert "▸ 2 library frames" in shown
    assert "12 ❱     return PRICES[visit.species] * visit.minutes // 15" in shown
    assert "visit  = <Visit: Flopsy, 2026-11-20>" in shown
    assert "response = wrapped_callback" not in shown


def test_the_template_s_place_is_part_of_the_stack(page_of: Callable[[int], BugPage]) -> None:
    shown = text(page_of(3))
    assert "▾ template clinic/pet_detail.html:8" in shown
    assert "8 ❱   <dd>{{ pet.owner.name|title }}</dd>" in shown


def test_chained_exceptions_say_how_they_are_linked() -> None:
    event = make_event(
        exceptions=(
            ExceptionInfo(type="OSError", module="builtins", message="first\nsecond", link="cause"),
            ExceptionInfo(type="PriceError", module="clinic.errors", link="context"),
            ExceptionInfo(type="RuntimeError", module="builtins", message="last"),
        )
    )
    shown = "\n".join(made.text for made in stack_lines(event, 100, frozenset()))
    assert shown.index("OSError: first") < shown.index("direct cause") < shown.index("clinic.errors.PriceError")
    assert shown.index("While the exception above was handled") < shown.index("RuntimeError: last")
    assert "    second" in shown


def test_a_response_without_exception_says_so(page_of: Callable[[int], BugPage]) -> None:
    assert "No stack: this was a response" in text(page_of(2))
    event = make_event(kind="message", exceptions=())
    assert "No stack: this was a message" in stack_lines(event, 80, frozenset())[0].text


def test_endless_recursion_and_crowds_of_locals_are_bounded() -> None:
    frame = Frame(module="m", function="f", filename="f.py", lineno=1, locals={f"v{i}": "x" for i in range(40)})
    event = make_event(exceptions=(ExceptionInfo(type="E", module="builtins", frames=(frame,) * 100_000),))
    lines = stack_lines(event, 80, frozenset())
    assert len(lines) < FRAMES_SHOWN * (LOCALS_SHOWN + 4)
    assert "… 15 more locals" in lines[-1].text


def test_paths_of_libraries_are_shortened() -> None:
    frame = Frame(module="rest.x", function="f", filename="/v/lib/site-packages/rest/x.py", lineno=3, in_app=False)
    event = make_event(exceptions=(ExceptionInfo(type="E", module="builtins", frames=(frame,)),))
    shown = "\n".join(made.text for made in stack_lines(event, 80, frozenset({"fold:all"})))
    assert "▸ f  rest/x.py:3" in shown


def test_the_request_is_a_table(page_of: Callable[[int], BugPage]) -> None:
    page = page_of(1)
    request = Request(
        method="POST", path="/x/", query="a=1", content_type="text/plain", body="one\ntwo", body_note="cut at 4 kB",
        headers={"X-Long": "word " * 60}, referer="/from/",
    )  # fmt: skip
    assert page.event is not None
    event = msgspec.structs.replace(page.event, request=request, user_id="42", tags={"queue": "mail"})
    shown = text(page, event=event)
    assert "POST /x/  → 500" in shown
    assert "query           a=1" in shown
    assert "body text/plain  cut at 4 kB" in shown
    assert "    two" in shown
    assert "user            42" in shown
    assert "tag queue       mail" in shown


def test_an_event_outside_a_request_says_so(page_of: Callable[[int], BugPage]) -> None:
    page = page_of(1)
    assert page.event is not None
    assert "Not from a request." in text(page, event=msgspec.structs.replace(page.event, request=None))


def test_what_ran_instead_of_a_request_and_what_was_added_to_it(page_of: Callable[[int], BugPage]) -> None:
    page = page_of(1)
    assert page.event is not None
    job = Job(kind="task", name="clinic.tasks.remind")
    event = msgspec.structs.replace(page.event, request=None, job=job, contexts={"task": {"queue": "mail"}})
    shown = text(page, event=event)
    assert "Not from a request, but from the task clinic.tasks.remind." in shown
    assert "task queue      mail" in shown


def test_breadcrumbs_are_a_section_of_their_own_where_there_are_any(page_of: Callable[[int], BugPage]) -> None:
    page = page_of(1)
    assert page.event is not None
    assert "Breadcrumbs" not in text(page, event=page.event)
    crumbs = (
        Breadcrumb(before=75.0, level="info", logger="clinic.visits", message="visit 7 begins"),
        Breadcrumb(before=0.25, kind="query", level="info", logger="default", message="SELECT 1", duration_ms=12.0),
        Breadcrumb(before=0.001, level="error", logger="clinic.prices", message="word " * 60),
    )
    shown = text(page, event=msgspec.structs.replace(page.event, breadcrumbs=crumbs))
    assert "Breadcrumbs  3 records before it" in shown
    assert re.search(r"-1 min +info +(clinic.visits +)?visit 7 begins", shown)
    assert re.search(r"-0.250 s +query +(default +)?SELECT 1 12.0 ms", shown)
    assert shown.index("visit 7 begins") < shown.index("SELECT 1") < shown.index("-0.001 s")
    many = msgspec.structs.replace(page.event, breadcrumbs=crumbs * 50)
    assert "the last 60 of 150" in text(page, event=many)


@pytest.mark.parametrize("release", ["v1.5.0-rc1", "2026.11.1-rc2"])
def test_the_name_of_a_release_is_whole_where_the_paths_leave_room(
    page_of: Callable[[int], BugPage], release: str
) -> None:
    page = page_of(1)
    known = replace(page, occurrences=tuple(replace(seen, release=release) for seen in page.occurrences))
    wide = text(known, width=118).partition("Occurrences")[2]
    assert wide.count(f"  {release} production") == len(page.occurrences)
    long = tuple(replace(seen, release=release * 9) for seen in page.occurrences)
    assert f"{(release * 9)[:23]}… production" in text(replace(page, occurrences=long), width=118)
    full = tuple(replace(seen, path="/" + "a" * 99) for seen in known.occurrences)
    assert f"a…  {release[:8]}… production" in text(replace(page, occurrences=full), width=118), "paths come first"


def test_pruned_occurrences_leave_the_counts(page_of: Callable[[int], BugPage]) -> None:
    shown = text(replace(page_of(1), occurrences=(), event=None), event=None)
    assert "No occurrence is stored any more" in shown
    assert "9 more events counted without being stored" in shown


def test_sign_offs_owed_and_parked_actions_and_history_are_told(page_of: Callable[[int], BugPage]) -> None:
    shown = text(page_of(5))
    assert "✓ verified by Ada Tester <ada@example.com>" in shown
    assert "Tried it by hand as well." in shown
    assert "✗ close the issue: parked after 5 attempts" in shown
    assert "GitHub answers 403" in shown
    assert "✓ closed  by person Ada Tester" in shown


def test_what_is_still_owed_is_told(page_of: Callable[[int], BugPage]) -> None:
    page = page_of(5)
    due = replace(page.owed[0], state="due", attempts=2, outcome="timeout", kind="open_issue")
    fresh = replace(due, attempts=0, outcome="", kind="odd")
    shown = text(replace(page, owed=(due, fresh)))
    assert "○ owed: open the issue · 2 attempts\n      timeout" in shown
    assert "○ owed: odd" in shown


def test_the_head_tells_state_count_since_releases_and_environment(page_of: Callable[[int], BugPage]) -> None:
    page = page_of(1)
    row = replace(page.row, is_recurrence=True, release="new-one")
    shown = "\n".join(made.text for made in pages.head_lines(replace(page, row=row), 120, NOW))
    assert "B-001  ◆ fixing  ↻ recurrence  KeyError" in shown
    assert "9 events · since 20h ago · last 16m ago · clinic · production · release new-one, 4f2d1c0" in shown
    assert "no issue · fix session ? asks you $0.04  REHEARSAL" in shown


def test_evidence_is_told_without_calling_anything_fixed(page_of: Callable[[int], BugPage]) -> None:
    shown = text(page_of(3))
    assert "evidence ✓ demonstrated" in shown
    assert "✗ failed  new tests on base  1 failed  at 4f2d1c0a4f" in shown
    assert "⚑ An existing test was changed" in shown
    assert "fixed" not in shown


async def open_bug(app: WorkbenchApp, pilot: Any, settle: Any, number: int) -> Document:
    await settle(pilot)
    await app.push_screen(BugScreen(number))
    await settle(pilot)
    return app.screen.query_one("#main", Document)


async def test_sections_are_reached_by_number_and_tab(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_bug(app, pilot, settle, 1)
        seen = []
        for key in ("3", "tab", "shift+tab", "shift+tab", "shift+tab", "shift+tab", "tab", "9"):
            await pilot.press(key)
            seen.append(document.section)
        assert seen == ["request", "over time", "request", "stack", "why", "history", "why", "history"]


async def test_enter_unfolds_the_frames_of_libraries_and_folds_ours(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 50)) as pilot:
        document = await open_bug(app, pilot, settle, 1)
        document.go_to_key("fold:0:0")
        await pilot.press("enter")
        assert "get_response  django/core/handlers/base.py:197" in text_of(app.screen)
        document.go_to_key("frame:0:2")
        await pilot.press("enter")
        assert "▸ visit_price" in text_of(app.screen)
        await pilot.press("z", "z")
        assert "▸ visit_price" in text_of(app.screen)


async def test_enter_on_an_occurrence_shows_that_one_and_brackets_walk(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 50)) as pilot:
        document = await open_bug(app, pilot, settle, 1)
        document.go_to_section("occurrences")
        await pilot.press("j", "j", "enter")
        await settle(pilot)
        assert "occurrence 2 of 9" in text_of(app.screen)
        await pilot.press("right_square_bracket")
        await settle(pilot)
        assert "occurrence 3 of 9" in text_of(app.screen)
        await pilot.press("left_square_bracket")
        await settle(pilot)
        await pilot.press("left_square_bracket")
        await settle(pilot)
        await pilot.press("left_square_bracket")
        assert "This is the newest occurrence." in text_of(app.screen)


async def test_enter_opens_sessions_and_evidence_from_their_lines(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 50)) as pilot:
        document = await open_bug(app, pilot, settle, 3)
        document.go_to_section("fix")
        await pilot.press("j", "enter")
        await settle(pilot)
        assert isinstance(app.screen, SessionScreen)
        await pilot.press("escape")
        await settle(pilot)
        document.go_to_key("evidence")
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, EvidenceScreen)


async def test_long_lines_are_reached_sideways(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_bug(app, pilot, settle, 1)
        await pilot.press("l")
        assert document.scroll_offset.x == 8
        await pilot.press("h", "h")
        assert document.scroll_offset.x == 0


async def test_a_reader_keeps_their_place_when_the_page_changes(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_bug(app, pilot, settle, 1)
        document.go_to_section("request")
        before = document.chosen
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert document.chosen == before


async def test_a_bug_that_is_gone_is_told_in_the_status_line(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await app.push_screen(BugScreen(99))
        await settle(pilot)
        assert "✗ There is no bug B-099." in text_of(app.screen)
        assert "See the list." in text_of(app.screen)
        assert "workbench bugs" not in text_of(app.screen)
        await pilot.press("right_square_bracket", "enter")
        await settle(pilot)


async def test_what_went_wrong_leaves_the_status_line_when_it_works_again(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: Any, eventually: Any
) -> None:
    monkeypatch.setattr("workbench.tui.place.RETRY_SECONDS", 0.1)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        real = app.desk.listed
        monkeypatch.setattr(app.desk, "listed", lambda *_a, **_k: (_ for _ in ()).throw(RuntimeError("gone [/b] away")))
        app.screen.reload()  # type: ignore[attr-defined]
        await eventually(lambda: "✗ RuntimeError: gone [/b] away" in text_of(app.screen))
        monkeypatch.setattr(app.desk, "listed", real)
        await eventually(lambda: "✗" not in text_of(app.screen))


def test_the_outside_shows_the_latest_writing_of_the_file_and_what_waits_for_github() -> None:
    """A file is written after every change: that history would hide what is still owed."""
    rows = [
        OwedRow(4, "close_issue", "due", 0, "", NOW),
        OwedRow(3, "write_file", "done", 1, "wrote B-007.md", NOW),
        OwedRow(2, "write_file", "done", 1, "wrote it before", NOW),
        OwedRow(1, "open_issue", "due", 2, "no answer", NOW),
    ]
    assert [made.text.strip() for made in owed_lines(rows, 120)] == [
        "○ owed: close the issue",
        "✓ write the bug file  wrote B-007.md",
        "○ owed: open the issue · 2 attempts",
        "no answer",
        "What is owed to GitHub waits for a worker that knows the repository: the setting github.repository.",
    ]
    assert len(list(owed_lines(rows[1:], 120))) == 3
