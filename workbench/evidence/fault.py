"""The fault that production recorded, and whether a failing test shows the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from capture.event import Event, Frame

# How many folders a file may share with the recorded one before both are taken for the same: servers and
# checkouts agree on the end of a path only.
_SHARED_PARTS = 2

# A place of a route, as Django writes them: of a path, of a regular expression.
_PLACE = re.compile(r"\(\?P<\w+>[^)]*\)|<[^<>]+>")

Reason = Literal["recorded fault", "elsewhere", "not comparable"]


@dataclass(frozen=True)
class Raised:
    """An exception that a test met: its type, its innermost frame in the tree, and its innermost frame at all.

    `line` is where it was in `file`, or 0 where that is not known.
    """

    type: str
    message: str = ""
    file: str = ""
    function: str = ""
    leaf_file: str = ""
    leaf_function: str = ""
    line: int = 0


@dataclass(frozen=True)
class Response:
    """A response of the site to a request of a test."""

    method: str
    path: str
    route: str | None
    status: int


@dataclass(frozen=True)
class RecordedFault:
    """What an event says about its fault, as far as a test can show the same.

    `filename` and `function` name the innermost frame of the application, or the innermost at all where
    `is_in_app` is False. `exception_type` is None for a bug that is a bare status.
    """

    exception_type: str | None
    filename: str
    function: str
    status: int | None
    method: str
    path: str
    route: str | None
    is_in_app: bool = True

    @classmethod
    def of(cls, event: Event) -> RecordedFault:
        """Return the fault of an event."""
        surfaced = event.surfaced
        frame, is_in_app = _innermost(surfaced.frames) if surfaced else (None, True)
        request = event.request
        return cls(
            exception_type=surfaced.type.rpartition(".")[2] if surfaced else None,
            filename=frame.filename if frame else "",
            function=frame.function if frame else "",
            status=event.status,
            method=request.method if request else "",
            path=request.path if request else "",
            route=request.route if request else None,
            is_in_app=is_in_app,
        )

    @property
    def values(self) -> frozenset[str]:
        """What stood in the recorded path where its route has a place for any value; a letter is told from nothing."""
        if self.route is None or not _PLACE.search(self.route):
            return frozenset()
        fixed = {part for part in _PLACE.split(self.route) if part}
        return frozenset(part for part in self.path.split("/") if len(part) > 1 and not any(part in f for f in fixed))

    @property
    def words(self) -> str:
        """The fault in a few words: `KeyError in price_of`, `404 of GET /api/pets/<int:pk>/`."""
        if self.exception_type is not None:
            return f"{self.exception_type} in {_bare(self.function)}" if self.function else self.exception_type
        if self.status is not None:
            return f"{self.status} of {self.method} {self.route or self.path}".rstrip()
        return "message"

    def is_shown_by(self, met: Iterable[Raised], responses: Iterable[Response]) -> Reason:
        """Say whether exceptions that a test met, or responses that it got, are this fault."""
        if self.exception_type is not None:
            if not self.function:
                return "not comparable"
            return "recorded fault" if any(self._is(raised) for raised in met) else "elsewhere"
        if self.status is None or not self.method:
            return "not comparable"
        return "recorded fault" if any(self._answers(response) for response in responses) else "elsewhere"

    def _is(self, raised: Raised) -> bool:
        file, function = (raised.file, raised.function) if self.is_in_app else (raised.leaf_file, raised.leaf_function)
        return (
            raised.type == self.exception_type
            and bool(file)
            and _bare(function) == _bare(self.function)
            and _same_file(file, self.filename)
        )

    def _answers(self, response: Response) -> bool:
        if (response.status, response.method) != (self.status, self.method):
            return False
        return response.route == self.route if self.route is not None else response.path == self.path


def _innermost(frames: tuple[Frame, ...]) -> tuple[Frame | None, bool]:
    for frame in reversed(frames):
        if frame.in_app:
            return frame, True
    return (frames[-1] if frames else None), False


def _bare(function: str) -> str:
    """Return a function's own name: recorders differ in whether they write the class before it."""
    return function.rpartition(".")[2]


def _same_file(one: str, other: str) -> bool:
    ours, theirs = PurePosixPath(one).parts, PurePosixPath(other.replace("\\", "/")).parts
    needed = min(len(ours), len(theirs), _SHARED_PARTS)
    return needed > 0 and ours[-needed:] == theirs[-needed:]
