"""What makes two faults the same: the type that surfaced, and the application's own lines that led to it.

Never line numbers, absolute paths or, where any frame tells the place, words of a message: they change with each
deploy, machine and client, and whoever makes the site fail writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from capture.event import ExceptionInfo, Frame, Part, TemplateFrame
from capture.interruptions import struck
from capture.made_up_names import without_made_up
from capture.own_lines import MAX_LINE, lines_of, module_of, outermost_function, within_templates
from capture.parameterise import parameterised

MAX_GROUP = 10
MAX_DEPTH = 5
# Of a library's own lines so many functions, counted from where it raised. Further out come middleware and servers.
LIBRARY_FRAMES = 3

# An index has a place for each, and bounds how long it is.
MAX_SITE = 600

RAISED = "raised at"
_EXCEPTION, _OWNER, _FRAME = "exception", "exception of", "frame"
_RAISED_IN_CAUSE = "cause raised at"
_LIBRARY_FRAME, _RAISED_IN_LIBRARY = "library frame", "raised in"
_TEMPLATE = "template"
_INTERRUPTED = "interrupted"

_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})

# In these Django notes which node of which template failed.
_RENDERS = frozenset({"render_annotated", "compile_nodelist"})
_RAISE = re.compile(r"\s*raise\b")
_FOLDERS = re.compile(r"[^\s'\"(]{1,300}[/\\]")


def fault_parts(
    exceptions: Sequence[ExceptionInfo], template: TemplateFrame | None, *, route: str | None = None
) -> list[Part]:
    """Return the parts of a fault; `exceptions` run from the first that was raised to the one that surfaced."""
    surfaced = exceptions[-1]
    kind = without_made_up(surfaced.type)
    parts = [Part(name=_EXCEPTION, value=kind, why="the type that surfaced")] if kind else []
    lines = lines_of(surfaced)
    if not lines and struck(surfaced):
        return [*parts, _interrupted_part(surfaced, route)]
    parts += _line_parts(lines, _FRAME, _FRAME if template is not None and _leads_to_template(surfaced) else RAISED)
    parts += _cause_parts(exceptions, lines)
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
    """Return where a fault was raised, the same on whatever way it was reached; bugs of one site may be merged.

    It is a line of the application, or the place in a template that failed by itself, through whichever view it was
    rendered. Where neither is involved, it is the place in the library with the type, on whichever route. None for what
    was not raised, and for what strikes anywhere.
    """
    named: dict[str, list[str]] = {}
    for part in parts:
        named.setdefault(part.name, []).append(part.value)
    if _RAISED_IN_LIBRARY in named:
        functions = [*named.get(_LIBRARY_FRAME, ()), *named[_RAISED_IN_LIBRARY]]
        type_ = ".".join([*named.get(_OWNER, ()), *named.get(_EXCEPTION, ())])
        return f"{type_} in {' > '.join(functions)}"[:MAX_SITE]
    # Version 1 called the innermost line a frame like the others.
    found = next((name for name in (_RAISED_IN_CAUSE, RAISED, _TEMPLATE, _FRAME) if name in named), None)
    return named[found][-1] if found is not None else None


def reads_message(type_: str, frames: Sequence[Frame]) -> bool:
    """Return whether what the exception says may be a part of its fault: no line of the application tells it apart."""
    if type_ in _SYNTAX:
        return True
    for frame in reversed(frames):  # noqa: SIM110  (mostly the first, for which any() would make a generator)
        if frame.in_app:
            return False
    return True


def _interrupted_part(surfaced: ExceptionInfo, route: str | None) -> Part:
    """Return what was interrupted: the route, task or command, or else the function where the application began."""
    value = route if route is not None else outermost_function(surfaced.frames)
    why = "what was interrupted: a time limit or a signal strikes at any of its lines"
    return Part(name=_INTERRUPTED, value=value, why=why)


def _cause_parts(exceptions: Sequence[ExceptionInfo], lines: list[str]) -> list[Part]:
    """Return the parts of the faults behind the one that surfaced; their own lines are added to its `lines`."""
    parts: list[Part] = []
    kinds = {without_made_up(exceptions[-1].type)}
    for cause in _causes(exceptions):
        kind = without_made_up(cause.type)
        own = [line for line in lines_of(cause) if line not in lines]
        if not own and kind in kinds:  # a function that calls itself raised anew in each of its calls
            continue
        parts.append(Part(name="cause", value=kind, why="the fault behind it: the other was raised from it"))
        parts += _line_parts(own, "cause frame", _RAISED_IN_CAUSE)
        lines += own
        kinds.add(kind)
    return parts


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
        not struck(later)
        and caught_in.in_app
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
            lines, kind = lines_of(member), without_made_up(member.type)
            yield f"{kind} at {lines[-1]}" if lines else kind


def _leads_to_template(surfaced: ExceptionInfo) -> bool:
    """Return whether the template failed by itself: no line of the application was called by it."""
    for frame in reversed(surfaced.frames):
        if frame.in_app:
            return False
        if frame.module == "django.template.base" and frame.plain_name in _RENDERS:
            return True
    return False


def _line_parts(lines: Sequence[str], name: str, last_name: str) -> list[Part]:
    parts = [Part(name=name, value=line, why="called from here") for line in lines[:-1]]
    if lines:
        why = "called from here" if last_name == _FRAME else "where it was raised: innermost line of the application"
        parts.append(Part(name=last_name, value=lines[-1], why=why))
    return parts


def _place(template: TemplateFrame) -> str:
    """Return a template's name and line; the debug mode knows it by its path, production by its name."""
    name = within_templates(template.name)
    line = " ".join(template.context_line.split())[:MAX_LINE]
    return f"{without_made_up(name)}: {line}" if line else without_made_up(name)


def _library_parts(surfaced: ExceptionInfo, route: str | None) -> list[Part]:
    """Return the parts of a fault without a line of the application: the place in the library, and the route.

    The message is none of them where there is a frame: a client may have written it, and would make a bug with each.
    """
    # By their plain names: which class a method stands in is the library's own affair.
    names = dict.fromkeys(
        f"{without_made_up(module_of(frame))}:{without_made_up(frame.plain_name)}"
        for frame in reversed(surfaced.frames)
        if frame.module or frame.function or frame.filename
    )
    functions = list(names)[:LIBRARY_FRAMES][::-1]
    if not functions:
        why = "the message without what varies in it, since there is no frame"
        return [Part(name="message", value=parameterised(surfaced.message), why=why)]
    parts = []
    if surfaced.owner:
        owner = without_made_up(f"{surfaced.module}.{surfaced.owner}")
        parts.append(Part(name=_OWNER, value=owner, why="each class has a type of that name: a model its DoesNotExist"))
    parts += [Part(name=_LIBRARY_FRAME, value=name, why="called from this function") for name in functions[:-1]]
    why = "the library's function that raised it, since no line of the application is involved"
    parts.append(Part(name=_RAISED_IN_LIBRARY, value=functions[-1], why=why))
    if route is not None:
        parts.append(Part(name="route", value=route, why="the only trace of what the library was asked to do"))
    return parts
