"""A traceback as frames. Walked by hand, since the standard formatters cost a hundred times more."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any

import msgspec
from django.views.decorators.debug import coroutine_functions_to_sensitive_variables

from capture import hooks
from capture.event import Frame
from capture.in_app import is_in_app
from capture.local_variables import Budget, describe_locals
from capture.own_memory import own_dict
from capture.scrub import clean
from capture.scrub_source import MAX_BELOW, MAX_LINE, scrub_lines, suspects, without_secrets
from capture.statements import last_line, length_of, may_go_on

MAX_FRAMES = 60
CONTEXT_LINES = 5
MAX_STATEMENT = 8

_WRAPPER = "sensitive_variables_wrapper"
# Functions at which we look closer: Django's wrapper above, and where its templates fail.
_KNOWN_FUNCTIONS = (_WRAPPER, "render_annotated", "compile_nodelist")

_encode = msgspec.json.Encoder().encode
_get = dict.get  # whatever mapping somebody executes code in


class _Context(msgspec.Struct, frozen=True, gc=False):
    """The fields of a frame that say what stands above and below its line."""

    pre_context: list[str]
    post_context: list[str]


class Place(msgspec.Struct, frozen=True, gc=False):
    """A line of a function as a frame, and with the source lines around it as JSON; and what a coroutine hides.

    The JSON is the same in every event: to make it anew would read a hundred texts that no cache of the processor has.
    """

    code: CodeType  # kept with the module, so that their ids stay their own
    module: object
    bare: Frame
    unclosed: bytes  # the JSON without its last brace, for the locals to follow
    hidden: str | Sequence[str]
    # Of `bare` what is asked of every call: its own memory lies elsewhere, and no cache has it.
    in_app: bool
    function: str  # one of `_KNOWN_FUNCTIONS`, or nothing


Calls = list[tuple[FrameType, Place]]


def whole_frames(calls: Calls, *, budget: Budget) -> msgspec.Raw | tuple[()]:
    """Return the frames as JSON, with the source lines around each and the locals of the application's own."""
    if not calls:
        return ()
    pieces: list[bytes] = []
    hidden: str | Sequence[str] = ()
    for frame, place in calls:
        if place.hidden:
            hidden = _more_hidden(hidden, place.hidden)
        pieces += (b"},", place.unclosed)
        variables = _locals_of(frame) if place.in_app else None
        if variables is not None:
            pieces += (b',"locals":', _encode(describe_locals(variables, budget=budget, hidden=hidden)))
        # What a function hides is hidden in all that it calls as well, as in Django's own reports.
        if place.function == _WRAPPER:
            hidden = _more_hidden(hidden, _hidden_by_wrapper(frame))
    pieces[0] = b"["
    pieces.append(b"}]")
    return msgspec.Raw(b"".join(pieces))


def calls_of(traceback: TracebackType | None) -> Calls:
    """Return the calls of a traceback, from outermost to innermost, without our own hooks."""
    entries: list[TracebackType] = []
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename != hooks.__file__:
            entries.append(traceback)
        traceback = traceback.tb_next
    if len(entries) > MAX_FRAMES:  # a recursion: its beginning and its end tell the story
        entries = entries[: MAX_FRAMES // 4] + entries[-(MAX_FRAMES - MAX_FRAMES // 4) :]
    # Only now: to work out a line number takes ten times as long as to step over a call.
    lines = [(entry.tb_frame, entry.tb_lineno or entry.tb_frame.f_lineno or 0) for entry in entries]
    places = [_places.get((id(frame.f_code), lineno, id(_get(frame.f_globals, "__name__")))) for frame, lineno in lines]
    if not all(places):
        _look_up(lines, places)
    return [(frame, place) for (frame, _lineno), place in zip(lines, places, strict=True) if place is not None]


# (id of the code, line number, id of the module's name) → what is the same in every event. A running process keeps the
# code that it loaded.
_places: dict[tuple[int, int, int], Place] = {}
MAX_PLACES = 2_048


def forget_places() -> None:
    """Look every place up anew: which code is the site's own was chosen otherwise."""
    _places.clear()


def _look_up(calls: Sequence[tuple[FrameType, int]], places: list[Place | None]) -> None:
    """Put in the places of those calls that have none yet, and remember them.

    The source around all of them is looked at together: around each alone it takes several times as long.
    """
    new = [number for number, place in enumerate(places) if place is None]
    windows = [_window_with_statement(*calls[number]) for number in new]
    every_line = _bounded([line for _at, lines, _length in windows for line in lines])
    suspected = suspects(every_line)
    end = 0
    for number, (at, lines, length) in zip(new, windows, strict=True):
        frame, lineno = calls[number]
        start, end = end, end + len(lines)
        shown = every_line[start:end]
        if suspected:
            shown = without_secrets(shown, suspected)
        place = places[number] = _place(frame, lineno, at, shown, length)
        # A file that is there and could not be read (a process may be out of descriptors) is tried again.
        if lines or not os.path.exists(place.bare.filename):  # noqa: PTH110  (any text may be a name)
            if len(_places) >= MAX_PLACES:
                _places.clear()
            _places[id(place.code), lineno, id(place.module)] = place


def _place(frame: FrameType, lineno: int, at: int, lines: list[str], length: int) -> Place:
    """Return the place of a call, in whose source `lines`, without secrets, it is the `length` lines from `at` on."""
    code, module = frame.f_code, _module_of(frame)
    before, line, after = _shown(at, lines)
    bare = Frame(
        module=clean(module) if type(module) is str else "",
        function=clean(_qualified(code)),
        filename=clean(code.co_filename),
        lineno=lineno,
        context_line=line,
        statement="\n".join(lines[at : at + length]) if length > 1 else "",
        in_app=_is_own(frame),
    )
    unclosed = _encode(bare)[:-1]
    if lines:
        unclosed = b"%b,%b" % (unclosed, _encode(_Context(before, after))[1:-1])
    function = code.co_name if code.co_name in _KNOWN_FUNCTIONS else ""
    return Place(code, module, bare, unclosed, _hidden_in_coroutine(code), bare.in_app, function)


def _qualified(code: CodeType) -> str:
    """Return a function's name with its class: `post` stands in many classes of one module."""
    name, qualified = code.co_name, code.co_qualname
    if qualified == name or not qualified.endswith(f".{name}"):  # Jinja renames code, and leaves its qualified name
        return name
    return qualified.replace(".<locals>", "")


def _module_of(frame: FrameType) -> object:
    return _get(frame.f_globals, "__name__")


def _is_own(frame: FrameType) -> bool:
    module = _module_of(frame)
    return is_in_app(frame.f_code.co_filename, module if type(module) is str else "")


def source(
    filename: str, lineno: int, module_globals: dict[str, Any] | None = None
) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return the source lines before, at and after a line, without literal secrets; empty where there is no source."""
    at, lines = _window(filename, lineno, module_globals)
    before, line, after = _shown(at, scrub_lines(_bounded(lines)))
    return tuple(before), line, tuple(after)


def _shown(at: int, lines: list[str]) -> tuple[list[str], str, list[str]]:
    if not lines:
        return [], "", []
    return lines[max(0, at - CONTEXT_LINES) : at], lines[at], lines[at + 1 : at + 1 + CONTEXT_LINES]


def _window_with_statement(frame: FrameType, lineno: int) -> tuple[int, list[str], int]:
    """Return the lines around a call, which of them it is, and how many it goes on over: one in a library."""
    code = frame.f_code
    at, lines = _window(code.co_filename, lineno, frame.f_globals)
    if not lines or not _is_own(frame) or not may_go_on(lines[at][:MAX_LINE], lines[at + 1 : at + 2]):
        return at, lines, 1
    last = last_line(code, lineno)
    if last <= lineno:
        return at, lines, 1
    if last > lineno + CONTEXT_LINES:
        at, lines = _window(code.co_filename, lineno, frame.f_globals, below=MAX_STATEMENT - 1)
    return at, lines, length_of(_bounded(lines[at : at + min(last - lineno + 1, MAX_STATEMENT)]))


def _window(
    filename: str, lineno: int, module_globals: dict[str, Any] | None, *, below: int = CONTEXT_LINES
) -> tuple[int, list[str]]:
    """Return the lines around one as they are, and which of them it is; none where there is no source."""
    try:
        lines = linecache.getlines(filename, module_globals)
    except Exception:  # noqa: BLE001  (whatever the loader of a module raises)
        return 0, []
    if not 0 < lineno <= len(lines):
        return 0, []
    # Above what is shown may stand the key of a value that is.
    start = max(0, lineno - 1 - CONTEXT_LINES - MAX_BELOW)
    return lineno - 1 - start, lines[start : lineno + below]


def _bounded(lines: list[str]) -> list[str]:
    """Return lines without their ends, each as long as it is shown."""
    text = "".join(lines)
    whole = text.removesuffix("\n").split("\n")  # a third of the time of looking at each
    lengths = list(map(len, whole))
    # Of different files, of which one has no end at its last line and one has several in a line, it would be a mixture.
    if "\r" in text or lengths != [len(line) - 1 for line in lines]:
        whole = [line.rstrip("\r\n") for line in lines]
        lengths = list(map(len, whole))
    return whole if max(lengths, default=0) <= MAX_LINE else [line[:MAX_LINE] for line in whole]


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
    hidden = coroutine_functions_to_sensitive_variables.get(hash(f"{code.co_filename}:{code.co_firstlineno}"))
    return _names(hidden) if hidden else ()


def _names(hidden: Iterable[str] | str) -> str | Sequence[str]:
    return hidden if hidden == "__ALL__" else tuple(hidden)
