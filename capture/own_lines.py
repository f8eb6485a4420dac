"""The application's own lines of a traceback as they count: the same in every release, and however they are nested."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

import msgspec

from capture.event import ExceptionInfo, Frame
from capture.interruptions import telling_frames
from capture.made_up_names import without_made_up
from capture.statements import on_one_line, without_comment

MAX_FRAMES = 40
MAX_LINE = 200

# Inlined into their function since Python 3.12, so that an update of Python would split every bug with one.
_INLINED = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
_STARTING = frozenset({"<module>", "main"})
_HANDS_ON = re.compile(r"\*\w+, ?\*\*\w+")
# Classes begin with a capital.
_MADE_BY_FUNCTION = re.compile(r"[^:]*:(?:[\w<>]+\.)*_*[a-z]\w*\.\w+")
_TEMPLATE_FOLDER = re.compile(r"^.*[/\\](?:templates|jinja2)[/\\]")


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A line of the application as it counts, its function, and whether it may be left out where it called another."""

    text: str
    function: str
    source: str
    is_passage: bool


def lines_of(exception: ExceptionInfo) -> list[str]:
    """Return the application's lines from outermost to innermost, each function once: no loop on the way counts."""
    own = [frame for frame in telling_frames(exception) if frame.in_app]
    if not own:
        return []
    lines = own_lines(own)
    again = loops(lines)
    if exception.type == "RecursionError" and (endless := again or _repeated(lines)):
        return _endless(lines, endless)
    *led, last = _without_loops(lines, again) if again else lines
    return [*[text for text in _that_count(led) if text != last.text][1 - MAX_FRAMES :], last.text]


def outermost_function(frames: Sequence[Frame]) -> str:
    """Return the function in which the application's part of a traceback begins, or that of a library without one."""
    own = own_lines([frame for frame in frames if frame.in_app])
    found = next((line for line in own if not line.is_passage), None) or own_lines(frames[:1])[0]
    return found.function


def loops(lines: Sequence[_Line]) -> dict[str, int]:
    """Return of each function that was called again further in which of the lines is its last.

    The wrapper of a decorator stands around many functions, and one of those that calls another is no loop: a function
    that only hands on, or that another function made, comes again where it is called by its name.
    """
    handing_on = {line.function for line in lines if line.is_passage}
    last: dict[str, int] = {}
    met = set()
    for index, line in enumerate(lines):
        function = line.function
        if function in met:
            may_wrap = function in handing_on or _MADE_BY_FUNCTION.fullmatch(function) is not None
            if not may_wrap or _is_named(_plain_name(function), lines[index - 1].source):
                last[function] = index
        met.add(function)
    return last


def _repeated(lines: Sequence[_Line]) -> set[str]:
    """Return the functions that were called more than once, wrappers among them."""
    functions = [line.function for line in lines]
    return {function for function in functions if functions.count(function) > 1}


def _is_named(name: str, source: str) -> bool:
    """Return whether a name is a word of a line of source: `wrapper` is none of `wrappers.stacked(value)`."""
    return name in source and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) is not None


def _without_loops(lines: Sequence[_Line], last: dict[str, int]) -> list[_Line]:
    """Return the lines without what lies between the first and the last call of a function.

    How deep and in which order functions call each other again is how somebody's data are nested: a client would make
    a bug with each document.
    """
    kept = []
    index = 0
    while index < len(lines):
        index = max(index, last.get(lines[index].function, index))
        kept.append(lines[index])
        index += 1
    return kept


def _endless(lines: Sequence[_Line], again: Collection[str]) -> list[str]:
    """Return the way into a recursion that ran out of room, and the function in which it begins, without its line.

    Where it ran out is chance. Where nothing leads to it, its beginning may lie among the frames that were left out.
    """
    entry = next(index for index, line in enumerate(lines) if line.function in again)
    led = _that_count(lines[:entry])
    begins = lines[entry].function if led else min(again)
    return [*led[1 - MAX_FRAMES :], f"{begins}, which calls itself without end"]


def _that_count(lines: Sequence[_Line]) -> list[str]:
    return list(dict.fromkeys([line.text for line in lines if not line.is_passage]))


def own_lines(frames: Sequence[Frame]) -> list[_Line]:
    """Return the line of each of the application's frames, with comprehensions as a part of their function."""
    found: list[tuple[str, str, str]] = []
    before = None
    for frame in frames:
        module = module_of(frame)
        source = on_one_line(frame.statement[: 8 * MAX_LINE]) if frame.statement else frame.context_line
        is_inlined = frame.function.endswith("comp>") and frame.plain_name in _INLINED
        if is_inlined and before is not None and found[-1][0] == module:
            # Where both stand on one line, the function's own statement is what Python 3.12 sees of it.
            is_there = (frame.lineno, frame.context_line) == (before.lineno, before.context_line)
            found[-1] = (module, found[-1][1], found[-1][2] if is_there else source)
        else:
            found.append((module, _without_comprehensions(frame.function), source))
        before = frame
    return [_line_of(*each) for each in found]


def _without_comprehensions(function: str) -> str:
    """Return a qualified name without the comprehensions around the function, which have none since Python 3.12."""
    if "comp>." not in function and ".<" not in function:
        return function
    return ".".join(name for name in function.split(".") if name not in _INLINED) or function


@lru_cache(maxsize=4096)
def _line_of(module: str, function: str, source: str) -> _Line:
    """Return a line of source as it counts, with the function that it stands in."""
    where = f"{without_made_up(module)}:{without_made_up(function)}"
    text = without_comment(" ".join(source[: 4 * MAX_LINE].split()))[:MAX_LINE]
    # A decorator's `return view(*args, **kwargs)` belongs to every way, and the main module to how it was started.
    is_passage = (module == "__main__" and function in _STARTING) or (
        "**" in text and _HANDS_ON.search(text) is not None
    )
    line = f"{where}: {text}" if text else where
    # Of lambdas a function may have many, all of one name.
    return _Line(line, line if where.endswith("<lambda>") else where, text, is_passage)


def _plain_name(function: str) -> str:
    return function.rpartition(":")[2].rpartition(".")[2]


def module_of(frame: Frame) -> str:
    """Return the name of a frame's module, or of its file where it has none, without the folder of a deploy."""
    module = frame.module
    if not module:
        return _file_name(frame.filename)
    # Jinja runs a template under the name of its file.
    return within_templates(module.replace("\\", "/")) if "/" in module or "\\" in module else module


def _file_name(path: str) -> str:
    """Return the name of a file for a frame without a module, without the folder that it is deployed in."""
    return path.split("?", 1)[0].replace("\\", "/").rpartition("/")[2].lower()


def within_templates(name: str) -> str:
    """Return an absolute path from the folder of templates on, or the file alone; another name as it is."""
    if not (name.startswith(("/", "\\")) or name[1:3] in (":\\", ":/")):
        return name
    within = _TEMPLATE_FOLDER.sub("", name)
    return within if within != name else name.replace("\\", "/").rpartition("/")[2]
