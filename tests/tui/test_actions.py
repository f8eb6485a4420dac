"""The one table of actions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy.engine import Engine

from capture.testing import NOW
from workbench.bugs import queries
from workbench.bugs.rows import BugRow
from workbench.tui import actions
from workbench.tui.actions import ACTIONS, FOOTER_MOST, PLACES, Here
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.screens.compare import CompareScreen
from workbench.tui.screens.dashboard import DashboardScreen
from workbench.tui.screens.evidence import EvidenceScreen
from workbench.tui.screens.help import help_lines
from workbench.tui.screens.session import SessionScreen
from workbench.tui.screens.sessions import SessionsScreen
from workbench.tui.screens.signoff import SignOffScreen

SCREENS = {
    "list": BugsScreen,
    "bug": BugScreen,
    "compare": CompareScreen,
    "dashboard": DashboardScreen,
    "session": SessionScreen,
    "sessions": SessionsScreen,
    "evidence": EvidenceScreen,
    "signoff": SignOffScreen,
}


@pytest.fixture
def row(seeded: Engine) -> BugRow:
    """B-001, with a session at work."""
    return queries.bug_page(seeded, 1, now=NOW).row


def why_not(action_id: str, place: str, here: Here) -> str:
    return next(a for a in ACTIONS if a.id == action_id and place in a.places).why_not(here)


@pytest.mark.parametrize("place", SCREENS)
def test_every_action_of_a_place_is_a_method_of_its_screen(place: str) -> None:
    missing = [action.id for action in actions.at(place) if not hasattr(SCREENS[place], f"do_{action.id}")]  # type: ignore[arg-type]
    assert missing == []


@pytest.mark.parametrize("place", SCREENS)
def test_no_key_of_a_place_does_two_things(place: str) -> None:
    here = [action for action in actions.at(place) if not action.gives_way]  # type: ignore[arg-type]
    keys = [key for action in here for key in action.keys.split(",")]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("place", SCREENS)
def test_a_footer_has_at_most_eight_actions(place: str) -> None:
    assert len(actions.footer(place, Here())) <= FOOTER_MOST  # type: ignore[arg-type]


def test_what_cannot_be_done_gives_way_in_a_full_footer(row: BugRow) -> None:
    here = Here(bug=replace(row, session_state="interrupted", state="fixing"))
    assert "sign-off" not in [action.label for action, _ in actions.footer("list", here)]
    assert "resume" in [action.label for action, _ in actions.footer("list", here)]


def test_a_full_footer_keeps_the_way_to_the_rest(row: BugRow) -> None:
    offered = [action.id for action, _ in actions.footer("list", Here(bug=replace(row, state="review")))]
    assert len(offered) == FOOTER_MOST
    assert {"signoff", "mark", "help"} <= set(offered)
    assert "quit" not in offered


def test_every_key_of_a_place_is_on_its_help_sheet(row: BugRow) -> None:
    shown = "\n".join(made.text for made in help_lines("list", Here(bug=row)))
    assert all(action.label in shown for action in (*actions.at("list"), *actions.MOVES))
    assert "B-001 has no issue on GitHub." in shown
    assert PLACES["list"] in shown


@pytest.mark.parametrize("action", ["open", "fix", "session", "signoff", "issue", "copy"])
def test_nothing_can_be_done_without_a_bug(action: str) -> None:
    assert why_not(action, "list", Here()) == "No bug is selected."


def test_one_bug_gets_one_session_at_a_time(row: BugRow) -> None:
    assert why_not("fix", "list", Here(bug=row)) == "A fix session is at work on B-001 already: s shows it."
    assert why_not("fix", "list", Here(bug=replace(row, session_state="failed"))) == ""
    assert why_not("fix", "list", Here(bug=replace(row, session_state=None, state="closed"))) == (
        "B-001 is closed: X reopens it."
    )


def test_only_a_bug_in_review_is_signed_off(row: BugRow) -> None:
    assert "only a bug in review" in why_not("signoff", "list", Here(bug=row))
    assert why_not("signoff", "list", Here(bug=replace(row, state="review"))) == ""


def test_only_an_interrupted_session_is_resumed(row: BugRow) -> None:
    assert why_not("resume", "list", Here(bug=row)).startswith("Only an interrupted")
    assert why_not("resume", "list", Here(bug=replace(row, session_state="interrupted"))) == ""
    assert why_not("resume", "session", Here()).startswith("Only an interrupted")


def test_a_bug_without_session_says_which_key_launches_one(row: BugRow) -> None:
    assert why_not("session", "list", Here(bug=replace(row, session_state=None))).endswith("f launches one.")
    assert "no evidence" in why_not("evidence", "list", Here(bug=replace(row, session_state=None)))


def test_answers_need_a_question_and_messages_a_live_session() -> None:
    assert why_not("allow", "session", Here()) == "The agent asks for nothing now."
    assert why_not("allow", "session", Here(asks=True)) == ""
    assert why_not("message", "session", Here()) == "The session is not at work."


def test_a_finished_session_says_where_a_word_to_the_agent_goes_now(row: BugRow) -> None:
    here = Here(bug=replace(row, state="review", number=12))
    assert why_not("message", "session", here) == (
        "The session is not at work: v shows its fix, and x there sends it back with a reason."
    )


def test_a_decision_is_made_once() -> None:
    assert why_not("sign", "signoff", Here(decided=True)) == "The decision is made."
    assert why_not("sign", "signoff", Here()) == ""
    assert why_not("sign", "signoff", Here(proposed=False)) == "No proposed fix has been read (yet)."


def test_after_the_decision_the_footer_offers_to_take_the_fix_over_and_no_decision(row: BugRow) -> None:
    offered = [action.id for action, _ in actions.footer("signoff", Here(bug=row, decided=True))]
    assert "merge" in offered
    assert not {"sign", "note", "reject"} & set(offered)


def test_escape_never_leaves_the_list() -> None:
    assert why_not("clear", "list", Here()) == "Nothing is filtered or marked: / filters, space marks, q quits."
    assert why_not("clear", "list", Here(filtered=True)) == ""


KEY_NAMED = re.compile(r"(?:^|[ :])([a-zA-Z]|[/?=<>\[\]]|esc|space|enter|tab) [a-z]+s\b")


def heres(row: BugRow) -> Iterator[Here]:
    """Yield places to be in, so that every reason is given by one of them."""
    sessions = (None, "working", "interrupted", "done")
    states = ("open", "fixing", "review", "closed", "muted")
    for state, session, merged in product(states, sessions, (None, 7)):
        bug = replace(row, state=state, session_state=session, merged_into=merged, issue=None, count=1)
        for marked, decided, proposed in product(((), (bug, bug)), (False, True), (False, True)):
            yield Here(bug=bug, marked=marked, decided=decided, proposed=proposed, key="⟨{}⟩".format)
    yield Here(key="⟨{}⟩".format)


def test_a_reason_names_the_key_that_is_in_use(row: BugRow) -> None:
    told = {action.why_not(here) for here in heres(row) for action in ACTIONS}
    assert [why for why in told if KEY_NAMED.search(re.sub("⟨.*?⟩", "", why))] == []
    named = {name for why in told for name in re.findall("⟨(.*?)⟩", why)}
    assert named > {"session", "reopen", "fix", "signoff", "signoff.reject", "bug.unmerge", "list.quit", "search"}
    assert {name: actions.key_of(name) for name in named}["signoff.reject"] == "x"


def test_a_key_is_that_of_the_place_and_else_of_a_place_that_has_it() -> None:
    own = {"bug.note": "W", "signoff.note": "N", "list.unmerge": "U"}
    assert actions.key_of("note", own, "bug") == "W"
    assert actions.key_of("note", own, "signoff") == "N"
    assert actions.key_of("signoff.note", own, "bug") == "N"
    assert actions.key_of("unmerge", own, "compare") == "U"
    assert actions.key_of("sort_reverse", {}, "list") == "="


@pytest.mark.parametrize("action", ["mute", "close"])
@pytest.mark.parametrize(("state", "said"), [("fixing", "is being fixed: s shows"), ("closed", "is closed already: X")])
def test_a_marked_bug_that_is_in_the_way_is_named_with_what_can_be_done(
    row: BugRow, action: str, state: str, said: str
) -> None:
    other, wrong = replace(row, number=2, state="open"), replace(row, state=state)
    why = why_not(action, "list", Here(bug=other, marked=(other, wrong)))
    assert why.startswith(f"B-001 {said}")
    assert why.endswith("Or unmark it: space on B-001.")
    assert "unmark" not in why_not(action, "list", Here(bug=wrong)), "nothing is marked"
