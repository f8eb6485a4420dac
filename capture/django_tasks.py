"""Failures of Django's own tasks (Django 6, and the package django-tasks, which speaks the same signals)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import django

from capture import tasks
from capture.conf import CaptureSettings

_wanted = False


def connect(settings: CaptureSettings) -> None:
    """Capture failed tasks from now on, as the settings say, where there is such a framework."""
    global _wanted
    _wanted = settings.tasks and settings.enabled
    if not _wanted:
        return
    if django.VERSION >= (6, 0):
        _connect("django.tasks.signals")
    if "django_tasks" in sys.modules:
        _connect("django_tasks.signals")


def _connect(module: str) -> None:
    signals = import_module(module)
    signals.task_started.connect(_begins, dispatch_uid="capture")
    signals.task_finished.connect(_ends, dispatch_uid="capture")


def _begins(task_result: Any = None, **_: Any) -> None:
    try:
        if _wanted:
            tasks.begin(task_result.task.module_path)
    except Exception:  # noqa: BLE001  (a backend of the site's own making)
        return


def _ends(task_result: Any = None, **_: Any) -> None:
    try:
        name = task_result.task.module_path
        if _wanted and str(task_result.status).upper().endswith("FAILED"):
            _failed(task_result, name)
        tasks.end(name)
    except Exception:  # noqa: BLE001  (a backend of the site's own making)
        return


def _failed(result: Any, name: str) -> None:
    # The signal is sent while the exception is being handled; a backend that does not keeps its name alone.
    error = sys.exc_info()[1]
    message = "" if error is not None else f"Task {name} failed: {_last_error(result)}"
    facts = {
        "id": str(result.id)[:100],
        "queue": str(getattr(result.task, "queue_name", "") or "")[:200],
        "backend": str(result.backend)[:200],
        "attempts": str(getattr(result, "attempts", "")),
        "arguments": tasks.shown_arguments(result.task.func, result.args, result.kwargs),
    }
    tasks.failed(name, error, facts, message=message)


def _last_error(result: Any) -> str:
    errors = result.errors
    return str(getattr(errors[-1], "exception_class_path", "")) if errors else "no exception is known"
