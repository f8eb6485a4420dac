"""What makes two faults the same: the type that surfaced, and the application's own lines that led to it.

Never line numbers, absolute paths or, where any frame tells the place, words of a message: they change with each
deploy, machine and client, and whoever makes the site fail writes them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

from capture.event import ExceptionInfo, Frame, Part, TemplateFrame
from capture.parameterise import parameterised
from capture.statements import on_one_line, without_comment

MAX_FRAMES = 40
MAX_LINE = 200
MAX_GROUP = 10
MAX_DEPTH = 5
# Of a library's own lines so many functions, counted from where it raised. Further out come middleware and servers.
LIBRARY_FRAMES = 3

RAISED = "raised at"
_RAISED_IN_CAUSE = "cause raised at"
_RAISED_IN_LIBRARY = "raised in"
_TEMPLATE = "template"

# Inlined into their function since Python 3.12, so that an update of Python would split every bug with one.
_INLINED = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
_STARTING = frozenset({"<module>", "main"})
_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})

# What a program makes up when it makes code: names of temporary files, addresses, hashes, counters.
_GENERATED = re.compile(
    r"(?<![a-z0-9])tmp[a-z0-9_]{8}(?![a-z0-9_])"
    r"|0x[0-9a-f]+"
    r"|(?<![a-z0-9])[0-9a-f]{8}(?:[_-]?[0-9a-f]{4}){3}[_-]?[0-9a-f]{12}(?![a-z0-9])"
    r"|(?<![a-z0-9])(?=[a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{8,64}(?![a-z0-9])"
    r"|\d{6,}",
    re.IGNORECASE,
)
# Every hexadecimal digit of a text in lower case as the same one.
_HEXADECIMAL = bytes(0x30 if byte in b"0123456789abcdef" else byte for byte in range(256))
_RAISE = re.compile(r"\s*raise\b")
_FOLDERS = re.compile(r"[^\s'\"(]{1,300}[/\\]")
_HANDS_ON = re.compile(r"\*\w+, ?\*\*\w+")
_TEMPLATE_FOLDER = re.compile(r"^.*[/\\](?:templates|jinja2)[/\\]")


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A line of the application as it counts, and whether it may be left out where it only called another."""

    text: str
    is_passage: bool


def fault_parts(
    exceptions: Sequence[ExceptionInfo], template: TemplateFrame | None, *, route: str | None = None
) -> list[Part]:
    """Return the parts of a fault; `exceptions` run from the first that was raised to the one that surfaced."""
    surfaced = exceptions[-1]
    parts = [Part(name="exception", value=surfaced.type, why="the type that surfaced")] if surfaced.type else []
    lines = _lines(surfaced)
    parts += _line_parts(lines, "frame", RAISED)
    for cause in _causes(exceptions):
        parts.append(Part(name="cause", value=cause.type, why="the fault behind it: the other was raised from it"))
        own = [line for line in _lines(cause) if line not in lines]
        parts += _line_parts(own, "cause frame", _RAISED_IN_CAUSE)
        lines += own
    members = sorted(set(_members(surfaced))) if surfaced.members else []
    why = "one of the exceptions of the group, whatever their order and number"
    parts += [Part(name="member", value=member, why=why) for member in members[:MAX_GROUP]]
    if template is not None:
        parts.append(Part(name=_TEMPLATE, value=_place(template), why="the place in the template that failed"))
    elif not lines and not members:
        parts += _library_parts(surfaced, route)
    if surfaced.type in _SYNTAX:
        why = "what is wrong with the source: its own line is in no frame"
        parts.append(Part(name="message", value=parameterised(_FOLDERS.sub("", surfaced.message)), why=why))
    return parts


def raise_site(parts: Iterable[Part]) -> str | None:
    """Return the line of the application at which a fault was raised, the same on whatever way it was reached.

    Bugs with the same type and site are candidates for a merge. None where no line of the application is involved.
    """
    site = None
    for part in parts:
        # Version 1 called the innermost line a frame like the others.
        if part.name in (RAISED, _RAISED_IN_CAUSE, "frame") or (part.name == _TEMPLATE and site is None):
            site = part.value
    return site


def reads_message(type_: str, frames: Sequence[Frame]) -> bool:
    """Return whether what the exception says may be a part of its fault: no line of the application tells it apart."""
    if type_ in _SYNTAX:
        return True
    for frame in reversed(frames):  # noqa: SIM110  (mostly the first, for which any() would make a generator)
        if frame.in_app:
            return False
    return True


def _causes(exceptions: Sequence[ExceptionInfo]) -> list[ExceptionInfo]:
    """Return the faults behind the one that surfaced, the nearest first.

    An explicit cause is one (`raise ServiceError from error`), and so is an exception in whose place another was
    raised: by a `raise` of the very function that caught it. One that merely was being handled when something else
    broke is not, in the handler's own function or another.
    """
    found = []
    for index in range(len(exceptions) - 2, -1, -1):
        earlier, later = exceptions[index], exceptions[index + 1]
        if earlier.link == "cause" or (earlier.link == "context" and _took_its_place(earlier, later)):
            found.append(earlier)
        else:
            break
    return found


def _took_its_place(earlier: ExceptionInfo, later: ExceptionInfo) -> bool:
    if not earlier.frames or not later.frames:
        return False
    caught_in, raised_in = earlier.frames[0], later.frames[-1]
    return (
        caught_in.in_app
        and raised_in.in_app
        and (raised_in.function, raised_in.module) == (caught_in.function, caught_in.module)
        and _RAISE.match(raised_in.context_line) is not None
    )


def _members(group: ExceptionInfo, *, depth: int = 0) -> Iterator[str]:
    """Yield what is in an exception group and in the groups inside of it: each type, and where it was raised."""
    for chain in group.members:
        if not chain:
            continue
        member = chain[-1]
        if member.members and depth < MAX_DEPTH:
            yield from _members(member, depth=depth + 1)
        else:
            lines = _lines(member)
            yield f"{member.type} at {lines[-1]}" if lines else member.type


def _line_parts(lines: Sequence[str], name: str, last_name: str) -> list[Part]:
    parts = [Part(name=name, value=line, why="called from here") for line in lines[:-1]]
    if lines:
        why = "where it was raised: innermost line of the application"
        parts.append(Part(name=last_name, value=lines[-1], why=why))
    return parts


def _lines(exception: ExceptionInfo) -> list[str]:
    """Return the application's lines from outermost to innermost, each once: a recursion's depth is no part."""
    own = [frame for frame in exception.frames if frame.in_app]
    if not own:
        return []
    lines = own_lines(own)
    last = lines.pop()
    if exception.type == "RecursionError":
        lines, last = _cycle([*lines, last])
    kept = dict.fromkeys([line.text for line in lines if not line.is_passage])
    kept.pop(last.text, None)
    return [*list(kept)[1 - MAX_FRAMES :], last.text]


def _cycle(lines: list[_Line]) -> tuple[list[_Line], _Line]:
    """Return the lines of an endless recursion without those at which it happened to run out of room."""
    times = Counter(line.text for line in lines)
    entry = next((index for index, line in enumerate(lines) if times[line.text] > 1), None)
    if entry is not None:
        lines = [*lines[:entry], *{line.text: line for line in lines[entry:] if times[line.text] > 1}.values()]
    return lines[:-1], lines[-1]


def own_lines(frames: Sequence[Frame]) -> list[_Line]:
    """Return the line of each of the application's frames, with comprehensions as a part of their function."""
    found: list[tuple[str, str, str]] = []
    before = None
    for frame in frames:
        module = _module_of(frame)
        source = on_one_line(frame.statement[: 8 * MAX_LINE]) if frame.statement else frame.context_line
        if before is not None and frame.plain_name in _INLINED and found[-1][0] == module:
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
    where = f"{_name(module)}:{_name(function)}"
    text = without_comment(" ".join(source[: 4 * MAX_LINE].split()))[:MAX_LINE]
    # A decorator's `return view(*args, **kwargs)` belongs to every way, and the main module to how it was started.
    is_passage = (module == "__main__" and function in _STARTING) or (
        "**" in text and _HANDS_ON.search(text) is not None
    )
    return _Line(f"{where}: {text}" if text else where, is_passage)


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    """Return the name of a module or function without what was made up for it."""
    return _GENERATED.sub("<id>", name[:MAX_LINE]) if _may_be_generated(name) else name[:MAX_LINE]


def _may_be_generated(name: str) -> bool:
    """Return whether a part of a name could be made up, which is found out in a tenth of the time of the pattern."""
    if not name.isascii():  # there are other digits
        return True
    lowered = name.lower()
    return "tmp" in lowered or "0x" in lowered or b"000000" in lowered.encode().translate(_HEXADECIMAL)


def _module_of(frame: Frame) -> str:
    """Return the name of a frame's module, or of its file where it has none, without the folder of a deploy."""
    module = frame.module
    if not module:
        return _file_name(frame.filename)
    # Jinja runs a template under the name of its file.
    return _within_templates(module.replace("\\", "/")) if "/" in module or "\\" in module else module


def _file_name(path: str) -> str:
    """Return the name of a file for a frame without a module, without the folder that it is deployed in."""
    return path.split("?", 1)[0].replace("\\", "/").rpartition("/")[2].lower()


def _place(template: TemplateFrame) -> str:
    """Return a template's name and line; the debug mode knows it by its path, production by its name."""
    name = _within_templates(template.name)
    line = " ".join(template.context_line.split())[:MAX_LINE]
    return f"{_name(name)}: {line}" if line else _name(name)


def _within_templates(name: str) -> str:
    """Return an absolute path from the folder of templates on, or the file alone; another name as it is."""
    if not (name.startswith(("/", "\\")) or name[1:3] in (":\\", ":/")):
        return name
    within = _TEMPLATE_FOLDER.sub("", name)
    return within if within != name else name.replace("\\", "/").rpartition("/")[2]


def _library_parts(surfaced: ExceptionInfo, route: str | None) -> list[Part]:
    """Return the parts of a fault without a line of the application: the place in the library, and the route.

    The message is none of them where there is a frame: a client may have written it, and would make a bug with each.
    """
    # By their plain names: which class a method stands in is the library's own affair.
    names = dict.fromkeys(
        f"{_name(_module_of(frame))}:{_name(frame.plain_name)}"
        for frame in reversed(surfaced.frames)
        if frame.module or frame.function or frame.filename
    )
    functions = list(names)[:LIBRARY_FRAMES][::-1]
    if not functions:
        why = "the message without what varies in it, since there is no frame"
        return [Part(name="message", value=parameterised(surfaced.message), why=why)]
    parts = [Part(name="library frame", value=name, why="called from this function") for name in functions[:-1]]
    why = "the library's function that raised it, since no line of the application is involved"
    parts.append(Part(name=_RAISED_IN_LIBRARY, value=functions[-1], why=why))
    if route is not None:
        parts.append(Part(name="route", value=route, why="the only trace of what the library was asked to do"))
    return parts
