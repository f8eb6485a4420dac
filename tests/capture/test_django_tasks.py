"""Tasks of Django's own framework: one event for each that failed.

Django 5 has no such framework. What speaks its signals there is the package django-tasks, played here by two real
signals and a backend of a few lines; on Django 6 the same cases run with Django's own backend as well.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import django
import pytest
from django.dispatch import Signal

from capture import django_tasks, scope
from capture.builder import Draft, Failure
from capture.event import Job

PRICES = {"cat": 10}


def price(species, token=""):
    return PRICES[species]


def logs_and_fails(species):
    import logging

    logging.getLogger("clinic").warning("looking for %s", species)
    return PRICES[species]


class StandIn:
    """A backend that sends what django-tasks sends."""

    def __init__(self, monkeypatch):
        package, signals = ModuleType("django_tasks"), ModuleType("django_tasks.signals")
        signals.task_started, signals.task_finished = Signal(), Signal()
        monkeypatch.setitem(sys.modules, "django_tasks", package)
        monkeypatch.setitem(sys.modules, "django_tasks.signals", signals)
        self.signals = signals

    def run(self, function, *args, late=False, **kwargs):
        task = SimpleNamespace(module_path=f"{function.__module__}.{function.__qualname__}", func=function)
        task.queue_name = "mail"
        result = SimpleNamespace(task=task, id="1a2b", args=args, kwargs=kwargs, status="RUNNING", errors=[])
        result.backend, result.attempts = "default", 1
        self.signals.task_started.send(type(self), task_result=result)
        try:
            function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001
            result.status = "FAILED"
            result.errors.append(SimpleNamespace(exception_class_path=f"builtins.{type(error).__name__}"))
            if not late:
                self.signals.task_finished.send(type(self), task_result=result)
                return
        else:
            result.status = "SUCCESSFUL"
        self.signals.task_finished.send(type(self), task_result=result)


class Immediate:
    """Django's own framework with its immediate backend."""

    def run(self, function, *args, **kwargs):
        from django.tasks import task

        task(queue_name="default")(function).enqueue(*args, **kwargs)


@pytest.fixture(params=["stand-in", *(["django"] if django.VERSION >= (6, 0) else [])])
def backend(request, captured, capture_settings, monkeypatch):
    found = StandIn(monkeypatch) if request.param == "stand-in" else Immediate()
    django_tasks.connect(capture_settings)
    token = scope.current.set(None)
    yield found
    assert scope.current.get() is None, "each task ended what it began"
    scope.current.reset(token)


def test_a_task_that_failed_is_one_event(backend, captured):
    backend.run(price, "rabbit", token="hunter2")
    backend.run(price, "cat")
    [event] = captured()
    assert (event.job.kind, event.job.name, event.surfaced.type) == ("task", f"{__name__}.price", "KeyError")
    assert event.contexts["task"]["arguments"] == "species='rabbit', token=[redacted]"
    assert event.surfaced.frames[-1].function == "price"


def test_what_it_logged_goes_with_it(backend, captured):
    backend.run(logs_and_fails, "rabbit")
    [event] = captured()
    assert [crumb.message for crumb in event.breadcrumbs] == ["looking for rabbit"]


def test_one_setting_switches_it_off(backend, captured, capture_settings):
    django_tasks.connect(replace(capture_settings, tasks=False))
    backend.run(price, "rabbit")
    assert captured() == []


def test_a_backend_that_tells_too_late_gives_what_it_knows(captured, capture_settings, monkeypatch):
    stand_in = StandIn(monkeypatch)
    django_tasks.connect(capture_settings)
    token = scope.current.set(None)
    stand_in.run(price, "rabbit", late=True)
    scope.current.reset(token)
    [event] = captured()
    assert event.title == f"Task {__name__}.price failed: builtins.KeyError"


def test_tasks_whose_process_was_killed_are_a_bug_each(captured, capture_settings):
    """No line of the site is in the traceback: only the name of the task tells them apart."""
    code = compile("raise SystemError('lost')", "/v/lib/site-packages/library.py", "exec")
    try:
        exec(code, {"__name__": "library"})  # noqa: S102
    except SystemError as error:
        lost = error.with_traceback(error.__traceback__.tb_next)
    keys = [
        Draft(Failure(error=lost, job=Job(kind=kind, name=name)), capture_settings).fingerprint.key
        for kind, name in (("task", "a"), ("task", "b"), ("task", "a"), ("thread", "t-1"), ("thread", "t-2"))
    ]
    assert keys[0] == keys[2] != keys[1]
    assert keys[3] == keys[4], "threads are numbered"
