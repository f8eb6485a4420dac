"""Connects everything that is not a response: logs, queries, threads, management commands and tasks."""

from __future__ import annotations

from capture import celery, commands, django_tasks, logs, queries, threads
from capture.conf import CaptureSettings


def connect(settings: CaptureSettings) -> None:
    """Connect what the settings ask for. Doing it again changes what they say."""
    logs.connect(settings)
    queries.connect(settings)
    threads.connect(settings)
    commands.connect(settings)
    celery.connect(settings)
    django_tasks.connect(settings)
