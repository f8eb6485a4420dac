"""The site's background work as tasks of Django's own framework (Django 6, or the package django-tasks).

Enqueue them now and then from whatever keeps the time: `drain.enqueue()`, `prune.enqueue()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import django

from capture import background
from capture.conf import load

task: Any = import_module("django.tasks" if django.VERSION >= (6, 0) else "django_tasks").task


@task  # type: ignore[untyped-decorator]
def drain() -> dict[str, int] | None:
    """Carry this host's journals over into the database; None where another process of the host is at it."""
    done = background.drain(load())
    return None if done is None else {"stored": done.stored, "counted": done.counted, "dropped": done.dropped}


@task  # type: ignore[untyped-decorator]
def prune() -> dict[str, int] | None:
    """Delete the events that are not kept, for some seconds; None where another process of the host is at it."""
    done = background.prune(load())
    return None if done is None else {"occurrences": done.occurrences, "fingerprints": done.fingerprints}
