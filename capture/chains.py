"""An exception with all that belongs to it: what led to it, and, of a group, its members with what led to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import msgspec

from capture.event import ExceptionInfo, Link
from capture.fingerprint import REFUSALS
from capture.frames import Calls, bare_frames, calls_of, whole_frames
from capture.messages import members_of, message_of, notes_of
from capture.scrub import clean
from capture.values import Budget, bases_of, module_of, name_of

MAX_CHAIN = 10
MAX_MEMBERS = 8
MAX_DEPTH = 3
MAX_EXCEPTIONS = 30

# Read from the exception's own memory, whatever properties a class puts in front of it.
_Getter = Callable[[BaseException], BaseException | None]
_cause_of: _Getter = BaseException.__dict__["__cause__"].__get__
_context_of: _Getter = BaseException.__dict__["__context__"].__get__
_suppresses: Callable[[BaseException], bool] = BaseException.__dict__["__suppress_context__"].__get__
_traceback_of: Callable[[BaseException], TracebackType | None] = BaseException.__dict__["__traceback__"].__get__


@dataclass(slots=True)
class Raised:
    """One exception of a chain with its live frames, as (frame, line number), from outermost to innermost."""

    error: BaseException
    calls: Calls
    link: Link | None = None
    members: list[list[Raised]] = field(default_factory=list)
    info: ExceptionInfo = field(init=False)

    def __post_init__(self) -> None:
        kind = type(self.error)
        self.info = ExceptionInfo(
            type=clean(name_of(kind)),
            module=clean(str(module_of(kind))),
            message=message_of(self.error),
            notes=notes_of(self.error),
            frames=bare_frames(self.calls),
            link=self.link,
            refuses=any(name_of(base) in REFUSALS for base in bases_of(kind)),
            members=tuple(tuple(raised.info for raised in chain) for chain in self.members),
            members_in_all=len(members_of(self.error)) if issubclass(kind, BaseExceptionGroup) else 0,
        )


class _Walk:
    """What was met so far: nothing is told twice, and there is an end."""

    __slots__ = ("met",)

    def __init__(self) -> None:
        self.met: set[int] = set()

    def is_new(self, error: BaseException) -> bool:
        return id(error) not in self.met and len(self.met) < MAX_EXCEPTIONS


def chain_of(error: BaseException) -> list[Raised]:
    """Return the exceptions that led to `error`, from the first to `error` itself, each with its frames."""
    return _chain(error, _Walk(), 0)


def with_context(raised: Raised, *, budget: Budget) -> ExceptionInfo:
    """Return the exception with source lines around each frame, and the locals of the application's own frames."""
    frames = whole_frames(raised.calls, budget=budget)
    if not raised.members:
        return msgspec.structs.replace(raised.info, frames=frames)
    members = tuple(tuple(with_context(each, budget=budget) for each in chain) for chain in raised.members)
    return msgspec.structs.replace(raised.info, frames=frames, members=members)


def _chain(error: BaseException, walk: _Walk, depth: int) -> list[Raised]:
    links: list[tuple[BaseException, Link | None]] = []
    current: BaseException | None = error
    link: Link | None = None
    while current is not None and len(links) < MAX_CHAIN and walk.is_new(current):
        walk.met.add(id(current))
        links.append((current, link))
        cause = _cause_of(current)
        if cause is not None:
            current, link = cause, "cause"
        else:
            current, link = (None if _suppresses(current) else _context_of(current)), "context"
    # The members come after the whole chain, which often shares exceptions with theirs.
    return [
        Raised(each, calls_of(_traceback_of(each)), link, _members(each, walk, depth)) for each, link in reversed(links)
    ]


def _members(error: BaseException, walk: _Walk, depth: int) -> list[list[Raised]]:
    if not issubclass(type(error), BaseExceptionGroup) or depth >= MAX_DEPTH:
        return []
    chains = (_chain(member, walk, depth + 1) for member in members_of(error)[:MAX_MEMBERS])
    return [chain for chain in chains if chain]
