"""Where Django and its frameworks turn an exception into a response: looked at on the way past, never changed.

What leaves the first middleware is a response; the exception behind it was shown to nobody. These are the places that
see every one of them, under WSGI and under ASGI:

- `BaseHandler.process_exception_by_middleware`: exceptions of views and of templates, before a `process_exception` of
  an inner middleware answers them
- `response_for_exception`: exceptions of middleware, among which Django logs an Http404 without its exception
- `APIView.handle_exception` of Django REST framework, and `NinjaAPI.on_exception` of django-ninja, which answer API
  exceptions before Django sees them

Each is wrapped once, where and when somebody imports its module, by a function that notes the exception beside the
request and calls the original. Where a version of a framework lacks the place, nothing is wrapped: what
`process_exception`, signals and logs tell is still noted. `remove` puts the originals back.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls.exceptions import Resolver404

from capture import arrival, scope

Seen = tuple[Any, BaseException]


@dataclass(frozen=True)
class Hook:
    """One place: a function of a module or of a class in it, and how its arguments tell request and exception."""

    module: str
    owner: str
    function: str
    told: Callable[..., Seen | None]


def install() -> None:
    """Put every hook in place, at once or when its framework is imported. Doing it again changes nothing."""
    for hook in HOOKS:
        arrival.when_imported(hook.module, functools.partial(_wrap, hook))


def remove() -> None:
    """Put the originals back, except where somebody else has wrapped our wrapper since."""
    for hook in HOOKS:
        arrival.forget(hook.module)
    for owner, function, wrapper in _installed:
        if vars(owner).get(function) is wrapper:
            setattr(owner, function, wrapper.__wrapped__)
    _installed.clear()


_installed: list[tuple[Any, str, Any]] = []


def _wrap(hook: Hook, module: Any) -> None:
    with contextlib.suppress(Exception):
        owner = getattr(module, hook.owner) if hook.owner else module
        if not any(there is owner and function == hook.function for there, function, _ in _installed):
            wrapper = _noting(vars(owner)[hook.function], hook.told)
            setattr(owner, hook.function, wrapper)
            _installed.append((owner, hook.function, wrapper))


def _noting(original: Callable[..., Any], told: Callable[..., Seen | None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def noting(*arguments: Any, **named: Any) -> Any:
        noted = None
        try:
            seen = told(*arguments, **named)
            if seen is not None:
                noted = scope.of_or_new(seen[0])
                noted.note(seen[1])
        except Exception:  # noqa: BLE001, S110  (never into the site)
            pass
        response = original(*arguments, **named)
        if noted is not None and noted.error is not None and getattr(response, "status_code", 400) < 400:
            noted.error = None  # what was answered with a success explains nothing that comes after it
        return response

    return noting


def _by_middleware(_handler: Any, exception: BaseException, request: Any) -> Seen:
    return request, exception


def _by_conversion(request: Any, exc: BaseException) -> Seen | None:
    # The resolver's own says nothing more than the status does, and a scanner makes thousands.
    return None if isinstance(exc, Resolver404) else (request, exc)


def _by_rest_framework(view: Any, exc: BaseException) -> Seen:
    request = view.request
    return getattr(request, "_request", request), exc


def _by_ninja(_api: Any, request: Any, exc: BaseException) -> Seen:
    return request, exc


HOOKS = (
    Hook("django.core.handlers.base", "BaseHandler", "process_exception_by_middleware", _by_middleware),
    Hook("django.core.handlers.exception", "", "response_for_exception", _by_conversion),
    Hook("rest_framework.views", "APIView", "handle_exception", _by_rest_framework),
    Hook("ninja.main", "NinjaAPI", "on_exception", _by_ninja),
)
