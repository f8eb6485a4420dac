"""An exception with all that belongs to it: what led to it, and, of a group, its members with what led to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from capture.event import ExceptionInfo, Frame, Link
from capture.fingerprint import REFUSALS
from capture.frames import Calls, calls_of, whole_frames
from capture.local_variables import Budget
from capture.messages import members_of, message_of, notes_of
from capture.own_memory import bases_of, module_of, name_of, qualified_name_of
from capture.scrub import clean

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


class Kind(NamedTuple):
    """What is the same for every exception of a class; `of` is the class, kept so that its id stays its own."""

    type: str
    module: str
    refuses: bool
    is_group: bool
    owner: str
    of: object


_kinds: dict[int, Kind] = {}  # by the id of the class: hashing it instead would run what its metaclass says
MAX_KINDS = 512


def _kind_of(error: BaseException) -> Kind:
    of = type(error)
    found = _kinds.get(id(of))
    if found is None:
        if len(_kinds) >= MAX_KINDS:
            _kinds.clear()
        refuses = any(name_of(base) in REFUSALS for base in bases_of(of))
        is_group = issubclass(of, BaseExceptionGroup)
        found = _kinds[id(of)] = Kind(
            clean(name_of(of)), clean(str(module_of(of))), refuses, is_group, _owner_of(of), of
        )
    return found


def _owner_of(of: type) -> str:
    """Return the class that a class is defined in, or nothing: a function makes another in each call."""
    owner = str.rpartition(qualified_name_of(of), ".")[0]
    return "" if not owner or owner.endswith("<locals>") else clean(owner.replace(".<locals>", ""))


@dataclass(slots=True)
class Raised:
    """One exception of a chain with its live frames, each with its place, from outermost to innermost."""

    error: BaseException
    calls: Calls
    link: Link | None = None
    members: list[list[Raised]] = field(default_factory=list)
    kind: Kind = field(init=False)
    frames: tuple[Frame, ...] = field(init=False)
    _info: ExceptionInfo | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.kind = _kind_of(self.error)
        self.frames = tuple([place.bare for _frame, place in self.calls])

    @property
    def info(self) -> ExceptionInfo:
        """The exception as data, with what it says, and without what only a whole event needs. Made when asked for."""
        if self._info is None:
            self._info = ExceptionInfo(
                type=self.kind.type,
                module=self.kind.module,
                message=message_of(self.error),
                notes=notes_of(self.error),
                frames=self.frames,
                link=self.link,
                refuses=self.kind.refuses,
                owner=self.kind.owner,
                members=tuple(tuple(raised.info for raised in chain) for chain in self.members) if self.members else (),
                members_in_all=len(members_of(self.error)) if self.kind.is_group else 0,
            )
        return self._info


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
    """Return the exception with source lines around each frame, and the locals of the application's own frames.

    It is there to be encoded, and to be looked at by nobody: the frames are JSON already.
    """
    frames: Any = whole_frames(raised.calls, budget=budget)
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
