"""What is known about the request, task or command that runs right now: kept beside it, read only when it fails."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

ATTRIBUTE = "_capture_scope"


class Scope:
    """The facts about one request (or one task or command, without a request) that the observers noted.

    `error` is the exception seen last; `reason` is why Django refused; `told` are the exceptions of which an event
    exists already. `entered` is true once our middleware has the request, `finished` once its response went past;
    only between the two is there a `request`, since it would make a circle.
    """

    __slots__ = ("entered", "error", "event_id", "finished", "reason", "request", "tags", "told")

    def __init__(self, request: Any = None) -> None:
        self.request = request
        self.error: BaseException | None = None
        self.reason = ""
        self.entered = False
        self.finished = False
        self.event_id: str | None = None
        self.told: tuple[BaseException, ...] = ()
        self.tags: dict[str, str] | None = None

    def was_told(self, error: BaseException | None) -> bool:
        """Return whether an event of this very exception exists already."""
        return any(told is error for told in self.told)

    def note(self, error: BaseException | None) -> None:
        """Remember an exception on its way through the site. The latest is the one that surfaces."""
        if error is not None:
            self.error = error


current: ContextVar[Scope | None] = ContextVar("capture_scope", default=None)


def of(request: Any) -> Scope | None:
    """Return the scope that our middleware gave to a request, or None where it has not been there."""
    found = getattr(request, ATTRIBUTE, None)
    return found if isinstance(found, Scope) else None


def of_or_new(request: Any) -> Scope:
    """Return the scope of a request, giving it one where our middleware has not been there."""
    found = of(request)
    if found is None:
        found = Scope()
        setattr(request, ATTRIBUTE, found)
    return found
