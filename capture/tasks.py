"""What Celery's tasks and Django's own have in common: a scope while one runs, and an event when it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capture import scope
from capture.builder import Failure
from capture.event import Job
from capture.local_variables import Budget, describe_locals
from capture.pipeline import capture
from capture.scope import Scope, current
from capture.scrub import clean, scrub_text

MAX_NAME = 200
# What the arguments of one task may take, in characters.
ARGUMENTS_BUDGET = 2_000


def begin(name: str) -> Scope:
    """Begin the scope of a task in the current context."""
    return scope.begin(job_of(name))


def end(name: str) -> None:
    """End the scope of the task that ran last in the current context, if it is this one's."""
    noted = current.get()
    if noted is not None and noted.job == job_of(name):
        scope.end(noted)


def failed(name: str, error: BaseException | None, facts: Mapping[str, str], *, message: str = "") -> None:
    """Capture the failure of a task, unless its exception has its event already.

    `message` stands in where the exception itself is not there any more.
    """
    noted, job = current.get(), job_of(name)
    if noted is not None and noted.job != job:
        noted = None  # the task ran in another process
    if error is not None:
        if noted.was_told(error) if noted is not None else scope.is_marked(error):
            return
        _tell(noted, error)
    shown = {key: clean(value) for key, value in facts.items() if value}
    capture(Failure(error=error, message=message, noted=noted, job=job, contexts={"task": shown}))


def _tell(noted: Scope | None, error: BaseException) -> None:
    """Remember the exception, also for the request in which an eager task ran: it may raise it again."""
    if noted is None:
        scope.mark(error)
    while noted is not None:
        noted.tell(error)
        noted = noted.outer


def job_of(name: str) -> Job:
    """Return what stands in an event for the request that a task has not."""
    return Job(kind="task", name=scrub_text(name, limit=MAX_NAME))


def shown_arguments(function: Any, args: Any, kwargs: Any) -> str:
    """Return the arguments of a task under the names of its parameters: these say which of them are secret."""
    names = _parameters(function)
    named: dict[str, Any] = {}
    if isinstance(args, Sequence) and not isinstance(args, str | bytes):
        for index, value in enumerate(args[:40]):
            named[names[index] if index < len(names) else f"argument {index + 1}"] = value
    if isinstance(kwargs, Mapping):
        named.update((str(key), value) for key, value in list(kwargs.items())[:40])
    described = describe_locals(named, budget=Budget(ARGUMENTS_BUDGET))
    return ", ".join(f"{name}={value}" for name, value in described.items())


def _parameters(function: Any) -> list[str]:
    is_method = hasattr(function, "__func__")
    code = getattr(getattr(function, "__wrapped__", None) or getattr(function, "__func__", function), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code is not None else []
    return names[1:] if is_method or names[:1] == ["self"] else names
