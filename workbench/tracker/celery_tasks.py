"""Delivery and reading as Celery tasks, and their beat schedule.

In the site's own app:

    app.autodiscover_tasks(["workbench.tracker"], related_name="celery_tasks")
    app.conf.beat_schedule = {**beat_schedule(), **your_own}

A message only says that it is time to look: see `capture.celery_tasks`. `workbench worker` does the same without.
Only a worker that does these tasks needs the extra `terminal`: a site imports this module for its schedule.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from celery import shared_task  # type: ignore[import-untyped]

from capture.celery_tasks import OPTIONS, entry, telling
from capture.errors import CaptureError
from workbench.errors import WorkbenchError

DELIVER_SECONDS = 10.0
SYNC_SECONDS = 30.0
_OPTIONS: dict[str, Any] = {**OPTIONS, "throws": (CaptureError, WorkbenchError)}


# One action takes as long as a lease (300 s) at most, and the last one begins before the minute is over.
@shared_task(name="workbench.deliver", time_limit=420, **_OPTIONS)  # type: ignore[untyped-decorator]
def deliver() -> str:
    """Do what is due of what is owed to GitHub and to the bug files."""
    from workbench.tracker import background

    with telling("workbench.deliver"):
        states = Counter(done.state for done in background.deliver())
    return ", ".join(f"{state} {number}" for state, number in sorted(states.items())) or "nothing is due"


@shared_task(name="workbench.sync", time_limit=600, **_OPTIONS)  # type: ignore[untyped-decorator]
def sync() -> str:
    """Read what happened on GitHub, as often as github.poll_seconds says."""
    from workbench.tracker import background

    with telling("workbench.sync"):
        return background.sync() or "read"


def beat_schedule(*, queue: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the entries for `app.conf.beat_schedule`; all go to `queue`, or to the app's default."""
    return {
        "workbench-deliver": entry("workbench.deliver", DELIVER_SECONDS, queue),
        "workbench-sync": entry("workbench.sync", SYNC_SECONDS, queue),
    }
