"""Whatever the site was made to say, every screen shows it as dead text."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.segment import Segment
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from tui.hostile import FORBIDDEN, HOSTILE
from tui.seeded_store import FINISHED, WORKING, entry

from capture.event import Breadcrumb, ExceptionInfo, Fingerprint, Frame, Job, Part, Request, TemplateFrame
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.store.tables import Bug, EvidenceRow, FixSession, Issue, OutboxRow, SessionRequest, SignOff, Transition
from capture.testing import NOW, make_event
from workbench.fixing import Terms
from workbench.tui.app import WorkbenchApp
from workbench.tui.documents.diff import diff_lines
from workbench.tui.pane import Pane
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.screens.compare import CompareScreen
from workbench.tui.screens.dashboard import DashboardScreen
from workbench.tui.screens.evidence import EvidenceScreen
from workbench.tui.screens.launch import LaunchScreen
from workbench.tui.screens.session import SessionScreen
from workbench.tui.screens.sessions import SessionsScreen
from workbench.tui.screens.signoff import SignOffScreen

pytestmark = pytest.mark.anyio
# A database keeps no lone surrogates and PostgreSQL no NULs: the store itself takes those out before us.
STORED = tuple(text.replace("\udc80", "") for text in HOSTILE)
ALL = " ".join(text[:200] for text in STORED)


@pytest.fixture(scope="session")
def poisoned_template(seeded_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story again, with hostile text wherever text from outside can be, to be copied and not opened."""
    path = tmp_path_factory.mktemp("poisoned") / "workbench.db"
    shutil.copyfile(seeded_template, path)
    engine = open_engine(f"sqlite:///{path}")
    _poison(engine)
    engine.dispose()
    return path


@pytest.fixture
def seeded(store: Engine, clinic: Path, poisoned_template: Path) -> Engine:
    """The store of this module's tests."""
    store.dispose()  # no connection may be open on the file that goes
    shutil.copyfile(poisoned_template, clinic / "workbench.db")
    return store


@pytest.fixture
def poisoned(seeded: Engine, checkout: tuple[str, str]) -> Engine:
    """The poisoned store, and the commits that its evidence names."""
    return seeded


def _poison(seeded: Engine) -> None:
    events = [
        make_event(
            title=text,
            message=text,
            fingerprint=Fingerprint(
                key=f"{number:016x}", version="1", parts=(Part(name=text[:80], value=text, why=text),)
            ),
            release=text,
            environment=text,
            user_id=text,
            tags={text[:50]: text},
            contexts={text[:50]: {text[:50]: text}},
            job=Job(kind="task", name=text),
            breadcrumbs=(Breadcrumb(before=1.0, level=text, logger=text, message=text),),
            server=text,
            exceptions=(
                ExceptionInfo(
                    type=text,
                    module=text,
                    message=text,
                    frames=(
                        Frame(module=text, function=text, filename=text, lineno=1, in_app=False),
                        Frame(
                            module=text,
                            function=text,
                            filename=text,
                            lineno=7,
                            pre_context=(text,),
                            context_line=text,
                            post_context=(text,),
                            locals={text: text},
                        ),
                    ),
                ),
            ),
            template=TemplateFrame(name=text, lineno=2, context_line=text),
            request=Request(
                method=text, path=text, route=text, host=text, query=text, headers={text: text}, body=text, referer=text
            ),
        )
        for number, text in enumerate(STORED)
    ]
    take_in(seeded, Batch("hostile", 0, 10, len(events), events), now=NOW)
    with Session(seeded) as session:
        for fix in session.exec(select(FixSession)):
            fix.activity = fix.model = ALL
        for text in STORED:
            _say_everywhere(session, text)
        evidence = session.exec(select(EvidenceRow)).one()
        evidence.reason, evidence.flags = ALL, [{"kind": ALL, "path": ALL, "lines": [ALL], "message": ALL}]
        evidence.runs = [
            {"name": ALL, "commit": ALL, "command": [ALL], "outcome": ALL, "note": ALL, "tests": [dict.fromkeys(
                ("id", "outcome", "exception", "message", "file", "function"), ALL)]}
        ]  # fmt: skip
        bug = session.exec(select(Bug).where(Bug.number == 3)).one()
        assert bug.id is not None
        bug.title = bug.project = ALL
        session.add(Issue(bug_id=bug.id, repository=ALL, number=9, url=ALL, state=ALL, synced_at=NOW))
        session.add(SignOff(bug_id=bug.id, decision=ALL, at=NOW, by=ALL, commit=ALL, note=ALL))
        session.add(Transition(bug_id=bug.id, at=NOW, actor_kind=ALL, actor=ALL, to_state=ALL, reason=ALL))
        for state in ("due", "done", "parked"):
            session.add(
                OutboxRow(bug_id=bug.id, kind=ALL, key=state, state=state, outcome=ALL, due_at=NOW, created_at=NOW)
            )
        session.commit()


def _say_everywhere(session: Session, text: str) -> None:
    for kind in ("text", "thinking", "prompt", "notice", "tool_result", "result", "odd"):
        entry(session, WORKING, kind, NOW, text=text, by=text, error=text, subtype=text)
    entry(session, WORKING, "tool_use", NOW, tool=text, input={"command": text, "content": text, text[:50]: text})
    entry(session, WORKING, "evidence", NOW, verdict=text, reason=text)
    for session_id in (WORKING, FINISHED):
        session.add(
            SessionRequest(
                session_id=session_id, kind="approval", asked_at=NOW, asked_by="agent",
                body={"tool": text, "title": text, "reason": text, "input": {text: text}},
            )
        )  # fmt: skip


def segments(app: WorkbenchApp) -> Iterator[Segment]:
    for strip in app.screen._compositor.render_strips():
        yield from strip


def assert_dead(app: WorkbenchApp) -> None:
    """No character that a terminal or the eye is led by, no link, no action of the text's own."""
    for segment in segments(app):
        assert_inert(segment)


def assert_inert(segment: Segment) -> None:
    assert FORBIDDEN.isdisjoint(segment.text), repr(segment.text)
    assert segment.control is None
    assert segment.style is None or segment.style.link is None
    assert "@click" not in (segment.style.meta if segment.style else {})


async def walk(app: WorkbenchApp, pilot: Any, settle: Any) -> None:
    """Look at the whole screen, at every line of the main pane as it is drawn, and at the screen moved sideways."""
    await settle(pilot)
    assert_dead(app)
    pane = app.screen.query_one("#main", Pane)
    top = pane.scroll_offset.y
    for place in range(pane.line_count):  # what lies outside of the screen is drawn by the same function
        for segment in pane.render_line(place - top):
            assert_inert(segment)
    await pilot.press("l", "l", "g")
    assert_dead(app)


async def test_the_list_and_every_page_show_it_dead(
    poisoned: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await walk(app, pilot, settle)
        await app.push_screen(page := BugScreen(3))  # one screen for all bugs: to open it costs more than to draw it
        await settle(pilot)
        await pilot.press("z")
        for number in range(3, 6 + len(STORED)):
            page._number, page._figures = number, None
            page.reload()
            await walk(app, pilot, settle)
            assert page.bug is not None
            assert page.bug.number == number


@pytest.mark.parametrize(
    "make", [lambda: SessionScreen(WORKING), SessionsScreen, lambda: EvidenceScreen(3), lambda: SignOffScreen(3)]
)
async def test_session_evidence_and_sign_off_show_it_dead(
    poisoned: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, make: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await app.push_screen(make())
        await walk(app, pilot, settle)


async def test_figures_and_comparisons_show_it_dead(
    poisoned: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await app.push_screen(DashboardScreen())
        await walk(app, pilot, settle)
        app.pop_screen()
        event = make_event()
        assert event.request is not None
        await app.push_screen(compared := CompareScreen(app.desk.page(3).row, event, event))
        for text in STORED:
            request = Request(method=text, path=text, query=text, headers={text: text}, body=text)
            other = msgspec.structs.replace(event, request=request, release=text, user_id=text, server=text, title=text)
            compared._events = [event, other]
            compared.draw()
            await walk(app, pilot, settle)


async def test_every_question_of_an_agent_is_shown_dead(
    poisoned: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await app.push_screen(SessionScreen(WORKING))
        for _ in STORED:
            await settle(pilot)
            await pilot.press("d")
            await settle(pilot)
            assert_dead(app)


async def test_form_filter_status_line_and_clipboard_take_it_dead(
    poisoned: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40), notifications=True, tooltips=True) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, BugsScreen)
        rows = screen.bugs.rows
        await app.push_screen(form := LaunchScreen(rows[0], app.config, Terms(rehearse="")))
        for row in rows:
            form._bug, form._terms = row, Terms(rehearse="happy", notice=row.title)
            form.on_mount()
            await pilot.pause(0)
            assert_dead(app)
        app.pop_screen()
        for text in HOSTILE:
            screen.say(text, cure=text)
            await pilot.pause(0)
            assert_dead(app)
            screen.fail(RuntimeError(text))
            await pilot.pause(0)
            assert_dead(app)
            screen.copy(text)
            assert not FORBIDDEN & set(app.clipboard)


async def test_a_planted_click_does_nothing(
    poisoned: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    """A title that names an action of ours is clicked all over, and nobody signs anything."""
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, BugsScreen)
        planted = next(index for index, row in enumerate(screen.bugs.rows) if "@click" in row.title and row.number > 5)
        screen.bugs.move_to(planted)
        for column in range(20, 60, 4):
            await pilot.click("#main", offset=(column, planted + 1))
        assert_dead(app)
        assert app.screen is screen or isinstance(app.screen, BugScreen)
    with Session(poisoned) as session:
        assert session.exec(select(SignOff).where(SignOff.decision == "verified", SignOff.bug_id == 3)).all() == []


def test_a_hostile_diff_is_dead() -> None:
    for made in diff_lines("\n".join(HOSTILE), 100):
        assert not FORBIDDEN & set(made.text)
