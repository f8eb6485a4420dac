"""The site's background work as Celery tasks, and their beat schedule.

In the site's own app:

    app.autodiscover_tasks(["capture"], related_name="celery_tasks")
    app.conf.beat_schedule = {**beat_schedule(), **your_own}

A message only says that it is time to look: what there is to do stands in the journals and the database. One that is
lost, doubled, late or expired costs a delay and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from celery import shared_task  # type: ignore[import-untyped]

from capture import background
from capture.conf import load
from capture.errors import CaptureError

logger = logging.getLogger("capture")

DRAIN_SECONDS = 5.0
PRUNE_SECONDS = 60.0
# A message that nobody took goes, so that a worker that was away does not find a heap. Not sooner: the time is set
# by the clock of beat and read by that of the worker.
EXPIRES_SECONDS = 120.0
# No soft limits: their exception may strike anywhere, also where the carrier asks whether an event can be stored,
# and being killed is what all of this is made for.
OPTIONS: dict[str, Any] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "ignore_result": True,
    "throws": (CaptureError,),  # no bug of the site; beat brings it again
}
_told: dict[str, str] = {}


@contextlib.contextmanager
def telling(task: str) -> Iterator[None]:
    """Say in the log what keeps a task from its work and what to do about it: once, and not with every message."""
    try:
        yield
    except Exception as error:
        said = f"{error} {getattr(error, 'cure', '')}".strip()
        if hasattr(error, "cure") and _told.get(task) != said:
            _told[task] = said
            logger.warning("%s: %s", task, said)
        raise
    _told.pop(task, None)


@shared_task(name="capture.drain", time_limit=600, **OPTIONS)  # type: ignore[untyped-decorator]
def drain() -> str:
    """Carry this host's journals over into the database."""
    with telling("capture.drain"):
        done = background.drain(load())
    if done is None:
        return "another process of this host carries"
    return f"stored {done.stored}, counted only {done.counted}, dropped {done.dropped}, new bugs {len(done.new_bugs)}"


@shared_task(name="capture.prune", time_limit=120, **OPTIONS)  # type: ignore[untyped-decorator]
def prune() -> str:
    """Delete the events that are not kept, pack the others and fold the ledger, for some seconds."""
    with telling("capture.prune"):
        done = background.prune(load())
    if done is None:
        return "another process of this host prunes"
    return f"deleted {done.occurrences} of {done.fingerprints} faults" + ("" if done.done else ", more to do")


def beat_schedule(*, queue: str | None = None, hosts: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Return the entries for `app.conf.beat_schedule`; all go to `queue`, or to the app's default.

    Journals lie on the disk of their host. With several web hosts, `hosts` names them, each gets messages of its own
    in the queue `capture.HOST`, and a worker on it takes them: `celery … worker -Q celery,capture.web-1`.
    """
    entries = {"capture-prune": entry("capture.prune", PRUNE_SECONDS, queue)}
    if not hosts:
        return {"capture-drain": entry("capture.drain", DRAIN_SECONDS, queue), **entries}
    return entries | {
        f"capture-drain-{host}": entry("capture.drain", DRAIN_SECONDS, f"capture.{host}") for host in hosts
    }


def entry(task: str, seconds: float, queue: str | None = None) -> dict[str, Any]:
    """Return one entry of a beat schedule: `task` every so many `seconds`."""
    options: dict[str, Any] = {"expires": max(EXPIRES_SECONDS, 2 * seconds)}
    if queue:
        options["queue"] = queue
    return {"task": task, "schedule": seconds, "options": options}
