"""A traceback as frames. Walked by hand, since the standard formatters cost a hundred times more."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

import msgspec
from django.views.decorators.debug import coroutine_functions_to_sensitive_variables

from capture import hooks
from capture.event import Frame
from capture.in_app import is_in_app
from capture.local_variables import Budget, describe_locals
from capture.own_memory import own_dict
from capture.scrub import clean
from capture.scrub_source import MAX_BELOW, MAX_LINE, look_through, scrub_lines

MAX_FRAMES = 60
CONTEXT_LINES = 5

_WRAPPER = "sensitive_variables_wrapper"

_encode = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """A line of a function as a frame, and with the source lines around it as JSON; and what a coroutine hides.

    The JSON is the same in every event: to make it anew would read a hundred texts that no cache of the processor has.
    """

    code: CodeType  # kept, so that its id stays its own
    module: object
    bare: Frame
    whole: msgspec.Raw
    unclosed: bytes  # without its last brace, for the locals to follow
    hidden: str | Sequence[str]


Calls = list[tuple[FrameType, Place]]


def whole_frames(calls: Calls, *, budget: Budget) -> tuple[msgspec.Raw, ...]:
    """Return each frame as JSON, with the source lines around it and the locals of the application's own."""
    frames = []
    hidden: str | Sequence[str] = ()
    for frame, place in calls:
        if place.hidden:
            hidden = _more_hidden(hidden, place.hidden)
        variables = _locals_of(frame) if place.bare.in_app else None
        if variables is None:
            frames.append(place.whole)
        else:
            described = _encode(describe_locals(variables, budget=budget, hidden=hidden))
            frames.append(msgspec.Raw(b'%b,"locals":%b}' % (place.unclosed, described)))
        # What a function hides is hidden in all that it calls as well, as in Django's own reports.
        if place.bare.function == _WRAPPER:
            hidden = _more_hidden(hidden, _hidden_by_wrapper(frame))
    return tuple(frames)


def calls_of(traceback: TracebackType | None) -> Calls:
    """Return the calls of a traceback, from outermost to innermost, without our own hooks."""
    lines: list[tuple[FrameType, int]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename != hooks.__file__:
            lines.append((frame, traceback.tb_lineno or frame.f_lineno or 0))
        traceback = traceback.tb_next
    if len(lines) > MAX_FRAMES:  # a recursion: its beginning and its end tell the story
        lines = lines[: MAX_FRAMES // 4] + lines[-(MAX_FRAMES - MAX_FRAMES // 4) :]
    _look_through({(id(frame.f_code), lineno): frame for frame, lineno in lines})
    return [(frame, _place(frame, lineno)) for frame, lineno in lines]


def _look_through(calls: dict[tuple[int, int], FrameType]) -> None:
    """Have the source around new places looked at together: around each alone it takes several times as long."""
    new = [
        _window(frame.f_code.co_filename, key[1], frame.f_globals)[1]
        for key, frame in calls.items()
        if key not in _places
    ]
    if len(new) > 1:
        look_through([line[:MAX_LINE] for window in new for line in window])


# (id of the code, line number) → what is the same in every event. A running process keeps the code that it loaded.
_places: dict[tuple[int, int], Place] = {}
MAX_PLACES = 2_048


def _place(frame: FrameType, lineno: int) -> Place:
    code, module = frame.f_code, dict.get(frame.f_globals, "__name__")
    found = _places.get((id(code), lineno))
    if found is None or found.module is not module:
        found = _look_up(frame, lineno, module)
        # A file that is there and could not be read (a process may be out of descriptors) is tried again.
        if found.bare.context_line or not os.path.exists(code.co_filename):  # noqa: PTH110  (any text may be a name)
            if len(_places) >= MAX_PLACES:
                _places.clear()
            _places[id(code), lineno] = found
    return found


def _look_up(frame: FrameType, lineno: int, module: object) -> Place:
    code = frame.f_code
    before, line, after = source(code.co_filename, lineno, frame.f_globals)
    bare = Frame(
        module=clean(module) if isinstance(module, str) else "",
        function=clean(code.co_name),
        filename=clean(code.co_filename),
        lineno=lineno,
        context_line=line,
        in_app=is_in_app(code.co_filename),
    )
    whole = _encode(msgspec.structs.replace(bare, pre_context=before, post_context=after))
    return Place(code, module, bare, msgspec.Raw(whole), whole[:-1], _hidden_in_coroutine(code))


def source(
    filename: str, lineno: int, module_globals: dict[str, Any] | None = None
) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return the source lines before, at and after a line, without literal secrets; empty where there is no source."""
    at, lines = _window(filename, lineno, module_globals)
    if not lines:
        return (), "", ()
    shown = scrub_lines(lines)
    return tuple(shown[max(0, at - CONTEXT_LINES) : at]), shown[at], tuple(shown[at + 1 :])


def _window(filename: str, lineno: int, module_globals: dict[str, Any] | None) -> tuple[int, list[str]]:
    """Return the lines around one as they are, and which of them it is; none where there is no source."""
    try:
        lines = linecache.getlines(filename, module_globals)
    except Exception:  # noqa: BLE001  (whatever the loader of a module raises)
        return 0, []
    if not 0 < lineno <= len(lines):
        return 0, []
    # Above what is shown may stand the key of a value that is.
    start = max(0, lineno - 1 - CONTEXT_LINES - MAX_BELOW)
    return lineno - 1 - start, [line.rstrip("\r\n") for line in lines[start : lineno + CONTEXT_LINES]]


def _locals_of(frame: FrameType) -> Mapping[str, Any] | None:
    variables = frame.f_locals
    # The "locals" of a module are its globals: long, and the same for every event. Those of `exec` may be anything.
    if variables is frame.f_globals or type(variables).__name__ not in ("dict", "FrameLocalsProxy"):
        return None
    return variables


def _more_hidden(hidden: str | Sequence[str], more: str | Sequence[str]) -> str | Sequence[str]:
    if not more or hidden == "__ALL__":
        return hidden
    return more if more == "__ALL__" else (*hidden, *more)


def _hidden_by_wrapper(frame: FrameType) -> str | Sequence[str]:
    """Return what `@sensitive_variables` hides of the next frame; its wrapper is the frame before."""
    wrapper = frame.f_locals.get(_WRAPPER)
    return _names(own_dict(wrapper).get("sensitive_variables", ()))


def _hidden_in_coroutine(code: CodeType) -> str | Sequence[str]:
    # Django enters it here when it decorates the function, which is before anybody can call it.
    if not coroutine_functions_to_sensitive_variables:
        return ()
    return _names(coroutine_functions_to_sensitive_variables.get(hash(f"{code.co_filename}:{code.co_firstlineno}"), ()))


def _names(hidden: Iterable[str] | str) -> str | Sequence[str]:
    return hidden if hidden == "__ALL__" else tuple(hidden)
