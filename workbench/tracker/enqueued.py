"""Delivery and reading as tasks of Django's own framework (Django 6, or the package django-tasks).

Enqueue them now and then from whatever keeps the time: `deliver.enqueue()`, `sync.enqueue()`.
"""

from __future__ import annotations

from capture.enqueued import task
from workbench.tracker import background


@task  # type: ignore[untyped-decorator]
def deliver() -> int:
    """Do what is due of what is owed to the outside; return how many actions were begun."""
    return len(background.deliver())


@task  # type: ignore[untyped-decorator]
def sync() -> str:
    """Read what happened on GitHub; return what kept us from it, or nothing."""
    return background.sync()
