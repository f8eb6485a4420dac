"""Taking an act back with all that followed from it: of a decision on a fix, also what was done in the repository.

What the outside has already is not undone: a merge or a tag that a remote has, a pull request. It is said instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, func, select

from capture.store.tables import ActRow, SignOff
from workbench import landing
from workbench.bugs import acts
from workbench.bugs.acts import Done, decisions
from workbench.bugs.persons import refuse_agents
from workbench.bugs.store import database_errors
from workbench.errors import Refused
from workbench.landing import Step

STOPS_WITHIN = 20.0  # seconds for an agent to end its turn, before a rejection is said to stand


def undo(engine: Engine, rows: Iterable[int], *, by: str, now: datetime) -> Done:
    """Take acts back as `acts.undo` does, and of a decision on a fix what followed from it; say what stays.

    A rejection is taken back by interrupting the agent that went on with it. Raises what `acts.undo` raises, and
    `Refused` where the agent does not stop.
    """
    ids = sorted(set(rows))
    decided = _decisions(engine, ids)
    for act, decision in decided:
        if act.kind == decisions.REJECTION and decision.session_id is not None and _is_latest(engine, decision):
            _stop(engine, decision.session_id, act, by=by, now=now)
    done = acts.undo(engine, ids, by=by, now=now)
    said = [done.text]
    for act, decision in decided:
        if act.kind == decisions.SIGN_OFF:
            said += [_sentence(step) for step in landing.take_back(engine, act.number, decision.commit, now=now)]
        else:
            said.append("What the agent changed meanwhile is in its worktree.")
    return replace(done, text=" ".join(said))


def _decisions(engine: Engine, ids: list[int]) -> list[tuple[ActRow, SignOff]]:
    with database_errors(), Session(engine, expire_on_commit=False) as session:
        kinds = select(ActRow).where(col(ActRow.id).in_(ids), col(ActRow.kind).in_(decisions.KINDS))
        return [(act, session.get_one(SignOff, act.after["sign_off"])) for act in session.exec(kinds)]


def _is_latest(engine: Engine, decision: SignOff) -> bool:
    with database_errors(), Session(engine) as session:
        return session.exec(select(func.max(SignOff.id)).where(SignOff.bug_id == decision.bug_id)).one() == decision.id


def _stop(engine: Engine, session_id: str, act: ActRow, *, by: str, now: datetime) -> None:
    from workbench import fixing  # here, since it brings the agent along, which few undos need
    from workbench.bugs import queries

    refuse_agents(os.environ, "changes bugs")
    if queries.session(engine, session_id).is_live:
        fixing.interrupt(engine, session_id, by=by, now=now)
        if fixing.wait(engine, session_id, timeout=STOPS_WITHIN).is_live:
            raise Refused(
                f"The agent is still at work on the {act.kind}; it was asked to stop.",
                cure="Undo again once its session has ended.",
            )


def _sentence(step: Step) -> str:
    said = f"{step.text[:1].upper()}{step.text[1:].rstrip('.')}."
    return f"{said} {step.cure}" if step.cure else said
