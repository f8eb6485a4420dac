"""What waits for a person: sessions that ask or have ended, evidence that arrived in review, and false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import schema
from capture.store.labels import label
from workbench.bugs.false_alarms import false_alarms
from workbench.bugs.store import reading

ASKS = "needs_input"
ENDED = frozenset({"done", "failed", "interrupted"})
LATEST = 200  # sessions that are looked at, from the latest back: an older one ended long ago
_BUG, _SESSION = schema.BUG, schema.FIX_SESSION


@dataclass(frozen=True)
class Needs:
    """How the latest sessions and the bugs in review stand. `sessions` maps ids to a bug's number and the state.

    `false_alarms` are bugs that came back, of which git says that nothing was wrong with their fix.
    """

    sessions: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    review: frozenset[int] = frozenset()
    false_alarms: frozenset[int] = frozenset()


def needs(engine: Engine) -> Needs:
    """Return how they stand now, in three statements, and some more for each bug that may be a false alarm."""
    latest = (
        sa.select(_SESSION.c.id, _BUG.c.number, _SESSION.c.state)
        .join(_BUG, _BUG.c.id == _SESSION.c.bug_id)
        .order_by(_SESSION.c.started_at.desc())
        .limit(LATEST)
    )
    with reading(engine) as connection:
        sessions = {row.id: (row.number, row.state) for row in connection.execute(latest)}
        review = frozenset(connection.scalars(sa.select(_BUG.c.number).where(_BUG.c.state == "review")))
        return Needs(sessions, review, false_alarms(connection))


def news(before: Needs, now: Needs) -> Sequence[str]:
    """Return what has come to need a person since, a sentence for each bug; of our own words only."""
    said: dict[int, str] = {}
    for id_, (number, state) in now.sessions.items():
        was = before.sessions.get(id_, (number, ""))[1]
        if state == ASKS != was:
            said[number] = f"{label(number)}: the agent asks you; s shows it."
        elif state in ENDED and was not in ENDED:
            said.setdefault(number, f"{label(number)}: the fix session is {state}; s shows it.")
    for number in now.review - before.review:
        said[number] = f"{label(number)}: a fix waits for your decision; v shows it."
    for number in now.false_alarms - before.false_alarms:
        said.setdefault(number, f"{label(number)}: git says that it came back by a false alarm; x closes it again.")
    return [said[number] for number in sorted(said)]
