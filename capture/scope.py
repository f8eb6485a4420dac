"""What is known about the request, task or command that runs right now: kept beside it, read only when it fails."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capture.event import Job
    from capture.logs import Held

ATTRIBUTE = "_capture_scope"
MAX_TOLD = 21
_MARK = "_capture_told"
_CLAIMED = "_capture_told_claimed"
# An exception that a module keeps may be raised again and again, and is a new failure then.
MARKED_SECONDS = 60.0


class Scope:
    """The facts about one request (or one task or command, without a request) that the observers noted.

    `error` is the exception seen last; `reason` is why Django refused; `told` are the exceptions of which an event
    exists already. `entered` is true once our middleware has the request, `finished` once its response went past;
    only between the two is there a `request`, since it would make a circle. `crumbs` are the last log records and
    queries as they came. `held` are logged errors that wait for the final response to decide, in a scope that
    `holds` them. `job` says what runs where there is no request, and `outer` what goes on when that is over.
    """

    __slots__ = (
        "contexts",
        "crumbs",
        "entered",
        "error",
        "event_id",
        "finished",
        "held",
        "held_more",
        "holds",
        "job",
        "outer",
        "reason",
        "request",
        "tags",
        "told",
    )

    def __init__(self, request: Any = None, *, job: Job | None = None) -> None:
        self.request = request
        self.job = job
        self.outer: Scope | None = None
        self.error: BaseException | None = None
        self.reason = ""
        self.entered = False
        self.finished = False
        self.event_id: str | None = None
        self.told: tuple[BaseException, ...] = ()
        self.tags: dict[str, str] | None = None
        self.contexts: dict[str, dict[str, str]] | None = None
        self.crumbs: deque[tuple[Any, ...]] | None = None
        self.holds = False
        self.held: list[Held] | None = None
        self.held_more = 0

    def was_told(self, error: BaseException | None) -> bool:
        """Return whether an event of this very exception exists already."""
        if error is None:
            return False
        if not self.holds:
            return is_marked(error) or any(told is error for told in self.told)
        if self.told and any(told is error for told in self.told):
            return True
        if is_claimed := claim_mark(error):
            self.tell(error)
        return is_claimed

    def tell(self, error: BaseException | None) -> None:
        """Remember that there is an event of this exception."""
        if error is None:
            return
        if self.holds:
            self.told = (*self.told[1 - MAX_TOLD :], error)
        else:  # a command may run for weeks, and must not keep alive what the frames of exceptions hold
            mark(error)

    def note(self, error: BaseException | None) -> None:
        """Remember an exception on its way through the site. The latest is the one that surfaces."""
        if error is not None:
            self.error = error

    def of_the_body(self) -> Scope:
        """Return a scope for a streamed body, which is produced after this one's request has left."""
        body = Scope(self.request)
        body.tags, body.contexts, body.crumbs, body.told = self.tags, self.contexts, self.crumbs, self.told
        return body


current: ContextVar[Scope | None] = ContextVar("capture_scope", default=None)


def of_or_new(request: Any) -> Scope:
    """Return the scope of a request, giving it one where our middleware has not been there."""
    found = getattr(request, ATTRIBUTE, None)
    if isinstance(found, Scope):
        return found
    new = Scope()
    setattr(request, ATTRIBUTE, new)
    return new


_dict_of: Any = BaseException.__dict__["__dict__"].__get__  # whatever property a class puts in front of it


def mark(error: BaseException) -> None:
    """Remember that there is an event of this exception, without keeping it alive."""
    with contextlib.suppress(Exception):
        _dict_of(error)[_MARK] = time.monotonic()


def is_marked(error: BaseException) -> bool:
    """Return whether an event of this exception was captured just now, outside of a request."""
    return _is_fresh(_dict_of(error).get(_MARK))


def claim_mark(error: BaseException) -> bool:
    """Return whether this exception was captured just now outside of a request, which no other request has claimed.

    A thread or a task that a request waits for tells of an exception and hands it on: one failure. Only one request
    may say so, as what a module keeps and raises in each of them is as many failures.
    """
    try:
        kept = _dict_of(error)
        marked = kept.get(_MARK)
        # Not `is`: of one that was pickled after it was claimed, as a cache does, the two are two objects.
        if not _is_fresh(marked) or kept.get(_CLAIMED) == marked:
            return False
        kept[_CLAIMED] = marked
    except Exception:  # noqa: BLE001  (somebody may have given it a `__dict__` of a class of their own)
        return False
    return True


def _is_fresh(marked: object) -> bool:
    return type(marked) is float and time.monotonic() - marked < MARKED_SECONDS


def begin(job: Job) -> Scope:
    """Begin the scope of a task or command in the current context, inside of whatever runs there."""
    begun = Scope(job=job)
    begun.outer = current.get()
    current.set(begun)
    return begun


def end(begun: Scope) -> None:
    """End a scope that was begun: what ran before goes on."""
    if current.get() is begun:
        current.set(begun.outer)
