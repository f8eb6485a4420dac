"""The states of a bug: only legal steps, only a person closes, and the history says exactly what happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import get_args

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.lifecycle import LEGAL, STATES, Actor, ActorKind, IllegalTransition, State, begin, label, move
from capture.store.tables import Bug, Transition
from capture.testing import NOW

ADA = Actor("person", "Ada")
ACTORS = st.sampled_from([Actor(kind, f"a {kind}") for kind in get_args(ActorKind)])


def a_bug(state: State = "open") -> Bug:
    return Bug(number=12, title="x", kind="exception", state=state, first_seen=NOW, last_seen=NOW, changed_at=NOW)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(writing(engine)) as session:
        yield session


def stored(session: Session, bug: Bug) -> Bug:
    session.add(bug)
    session.flush()
    return bug


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("start", STATES)
def test_exactly_the_steps_of_the_table_are_taken(session: Session, start: State, to: State) -> None:
    bug = stored(session, a_bug(start))
    if to in LEGAL[start]:
        step = move(session, bug, to, by=ADA, reason="because", now=NOW + timedelta(hours=1))
        assert (bug.state, bug.changed_at) == (to, NOW + timedelta(hours=1))
        assert (step.from_state, step.to_state, step.actor_kind, step.actor) == (start, to, "person", "Ada")
        assert (step.reason, step.at) == ("because", NOW + timedelta(hours=1))
    else:
        with pytest.raises(IllegalTransition, match=f"B-012 cannot go from {start} to {to}"):
            move(session, bug, to, by=ADA, reason="", now=NOW)
        assert bug.state == start


@pytest.mark.parametrize("kind", ["agent", "system"])
@pytest.mark.parametrize("start", [state for state in STATES if "closed" in LEGAL[state]])
def test_only_a_person_closes_a_bug(session: Session, start: State, kind: ActorKind) -> None:
    bug = stored(session, a_bug(start))
    with pytest.raises(IllegalTransition, match="only a person closes a bug"):
        move(session, bug, "closed", by=Actor(kind, "x"), reason="done!", now=NOW)
    assert bug.state == start
    assert session.scalars(sa.select(Transition)).all() == []


def test_a_state_that_does_not_exist_is_refused(session: Session) -> None:
    with pytest.raises(IllegalTransition):
        move(session, stored(session, a_bug()), "done", by=ADA, reason="", now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(("actor", "is_recurrence"), [(Actor("system", "capture"), True), (ADA, False)])
def test_a_bug_that_the_system_reopens_is_a_recurrence(session: Session, actor: Actor, is_recurrence: bool) -> None:
    bug = stored(session, a_bug("closed"))
    move(session, bug, "open", by=actor, reason="", now=NOW)
    assert bug.is_recurrence == is_recurrence
    move(session, bug, "fixing", by=ADA, reason="", now=NOW)
    assert bug.is_recurrence == is_recurrence
    move(session, bug, "closed", by=ADA, reason="", now=NOW)
    assert not bug.is_recurrence


def test_a_history_begins_with_the_creation(session: Session) -> None:
    bug = stored(session, a_bug())
    begin(session, [bug.id], by=ADA, reason="by hand", now=NOW)
    first = session.scalars(sa.select(Transition)).one()
    assert (first.from_state, first.to_state, first.actor, first.reason) == (None, "open", "Ada", "by hand")


@pytest.mark.parametrize(("number", "shown"), [(1, "B-001"), (12, "B-012"), (1234, "B-1234")])
def test_a_number_is_shown_with_at_least_three_digits(number: int, shown: str) -> None:
    assert label(number) == shown


class Life(RuleBasedStateMachine):
    """Anybody tries anything on one bug, in any order."""

    engine: Engine

    @initialize()
    def begin(self) -> None:
        self.state: State = "open"
        self.steps: list[tuple[str | None, str, str]] = [(None, "open", "system")]
        with Session(writing(self.engine)) as session:
            for model in (Transition, Bug):
                session.execute(sa.delete(model))
            bug = stored(session, a_bug())
            self.id = bug.id
            session.add(Transition(bug_id=bug.id, at=NOW, actor_kind="system", actor="capture", to_state="open"))
            session.commit()

    @rule(to=st.sampled_from(STATES), by=ACTORS)
    def try_to_move(self, to: State, by: Actor) -> None:
        allowed = to in LEGAL[self.state] and (to != "closed" or by.kind == "person")
        with Session(writing(self.engine)) as session:
            bug = session.get_one(Bug, self.id)
            try:
                move(session, bug, to, by=by, reason="tried", now=NOW)
            except IllegalTransition:
                assert not allowed
            else:
                assert allowed
                self.steps.append((self.state, to, by.kind))
                self.state = to
            session.commit()

    @invariant()
    def the_history_is_the_life(self) -> None:
        with Session(self.engine) as session:
            assert session.get_one(Bug, self.id).state == self.state
            rows = session.scalars(sa.select(Transition).order_by(sa.text("id"))).all()
        assert [(row.from_state, row.to_state, row.actor_kind) for row in rows] == self.steps
        assert all(kind == "person" for _from, to, kind in self.steps if to == "closed")


def test_no_order_of_attempts_breaks_the_rules(engine: Engine) -> None:
    class OnThisDatabase(Life):
        pass

    OnThisDatabase.engine = engine
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        OnThisDatabase,
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
