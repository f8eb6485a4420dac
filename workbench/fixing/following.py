"""Follow a session while it works: what it says, does and asks, in turn, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from workbench.bugs import queries
from workbench.bugs.rows import ApprovalRow, TranscriptRow
from workbench.errors import OutsideError
from workbench.fixing.steering import sweep

LOOK_SECONDS = 0.25
SWEEP_SECONDS = 2.0


def follow(
    engine: Engine,
    session_id: str,
    *,
    patience: float | None,
    opening: str,
    tend: Callable[[], object] | None = None,
) -> Iterator[TranscriptRow | ApprovalRow]:
    """Yield each entry of a session's transcript and each question that it asks, until it has ended.

    A session whose runner is gone ends meanwhile, and with `tend` one that waits for a place begins. Where nobody may
    be there to answer, `patience` is how many seconds a question may wait before this raises `OutsideError`, naming
    the command `opening`; the session goes on.
    """
    last, swept = 0, time.monotonic()
    asked: dict[int, float] = {}
    while True:
        is_live = queries.session(engine, session_id).is_live  # before the entries, so that none is missed
        for entry in transcript(engine, session_id, after=last):
            last = entry.id
            yield entry
        questions, clock = queries.approvals(engine, session_id), time.monotonic()
        yield from (question for question in questions if question.id not in asked)
        asked = {question.id: asked.get(question.id, clock) for question in questions}
        if not is_live:
            return
        if patience is not None and any(clock - since >= patience for since in asked.values()):
            raise OutsideError(
                f"The agent waits for an answer, and nobody gave one within {patience:g} seconds. The session goes on.",
                cure=f"Open the workbench and answer there: {opening}",
            )
        time.sleep(LOOK_SECONDS)
        if time.monotonic() - swept > SWEEP_SECONDS:
            swept = time.monotonic()
            tend() if tend else sweep(engine, now=datetime.now(UTC))


def transcript(engine: Engine, session_id: str, *, after: int = 0) -> Iterator[TranscriptRow]:
    """Yield all entries of a transcript with ids greater than `after`."""
    while entries := queries.transcript(engine, session_id, after=after):
        yield from entries
        after = entries[-1].id
