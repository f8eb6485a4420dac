"""A stack as lines: our own frames open with source and locals, library frames folded, chains in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from workbench.text import plain, plain_lines
from workbench.tui.highlight import source
from workbench.tui.lines import BLANK, Line, Span, line, paragraphs

if TYPE_CHECKING:
    from capture.event import Event, ExceptionInfo, Frame, TemplateFrame

MESSAGE_LINES = 12
LOCALS_SHOWN = 25
FRAMES_SHOWN = 60  # of one exception; recursion has more and shows nothing new in between
_LINKS = {
    "cause": "The exception above was the direct cause of this one:",
    "context": "While the exception above was handled, this one was raised:",
}


def stack_lines(event: Event, width: int, unfolded: frozenset[str]) -> list[Line]:
    """Return the stack of an event. `unfolded` names what is open against the default, by key."""
    out = _chain(event.exceptions, "", count(), width, unfolded)
    if event.template is not None:
        out += [BLANK, *_template(event.template)] if out else _template(event.template)
    if not out:
        why = "a response, not an exception" if event.kind == "status" else "a message, not an exception"
        out.append(line((f"  No stack: this was {why}.", "muted")))
    return out


def frame_at(event: Event, key: str) -> Frame | None:
    """Return the frame that the line with `key` is about, or None for a line of anything else."""
    kind, _, place = key.partition(":")
    position, _, index = place.partition(":")
    if kind != "frame" or not (position.isdigit() and index.isdigit()):
        return None
    frames = next((error.frames for at, error in enumerate(_in_order(event.exceptions)) if at == int(position)), ())
    return frames[int(index)] if int(index) < len(frames) else None


def _in_order(chain: Sequence[ExceptionInfo]) -> Iterator[ExceptionInfo]:
    """Yield exceptions in the order in which they are shown."""
    for exception in chain:
        yield exception
        for member in exception.members:
            yield from _in_order(member)


def _chain(
    chain: Sequence[ExceptionInfo], place: str, positions: Iterator[int], width: int, unfolded: frozenset[str]
) -> list[Line]:
    """Return exceptions with the members of groups among them; `place` is that of the member whose chain this is."""
    out: list[Line] = []
    for exception in chain:
        out += _exception(exception, next(positions), width, unfolded)
        for number, member in enumerate(exception.members, 1):
            here = f"{place}.{number}" if place else str(number)
            out += [BLANK, line((f"  Member {here} of the group:", "warn")), BLANK]
            out += _chain(member, here, positions, width, unfolded)
        missing = exception.members_in_all - len(exception.members)
        if missing > 0:
            out += [BLANK, line((f"  … {missing} more members were not recorded", "muted"))]
        if exception.link:
            out += [BLANK, line((f"  {_LINKS[exception.link]}", "warn")), BLANK]
    return out


def _exception(exception: ExceptionInfo, position: int, width: int, unfolded: frozenset[str]) -> list[Line]:
    module = "" if exception.module in ("", "builtins") else f"{exception.module}."
    messages = plain_lines(exception.message, most=MESSAGE_LINES) if exception.message else []
    out = paragraphs([f"{module}{exception.type}" + (f": {messages[0]}" if messages else "")], width - 2, ink="bad")
    out = [line("  ", *piece.spans) for piece in out]
    out += paragraphs(messages[1:], width, indent="    ", ink="muted")
    notes = [text for note in exception.notes for text in plain_lines(note, most=MESSAGE_LINES)]
    out += paragraphs(notes, width, indent="    note: ", ink="muted")
    for group in _groups(exception.frames):
        key = f"fold:{position}:{group[0][0]}"
        if group[0][1].in_app or key in unfolded or "fold:all" in unfolded:
            for index, frame in group:
                out += _frame(frame, f"frame:{position}:{index}", unfolded)
        else:
            names = f"{plain(group[0][1].module, 60)} … {plain(group[-1][1].function, 60)}"
            noun = "library frame" if len(group) == 1 else "library frames"
            out.append(line((f"  ▸ {len(group)} {noun}  ", "muted"), (names, "muted"), key=key))
    return out


def _groups(frames: Sequence[Frame]) -> list[list[tuple[int, Frame]]]:
    """Return frames with their places; neighbours outside the application stand together."""
    numbered = list(enumerate(frames))
    if len(numbered) > FRAMES_SHOWN:
        numbered = numbered[: FRAMES_SHOWN // 2] + numbered[-FRAMES_SHOWN // 2 :]
    groups: list[list[tuple[int, Frame]]] = []
    for index, frame in numbered:
        if groups and not frame.in_app and not groups[-1][-1][1].in_app:
            groups[-1].append((index, frame))
        else:
            groups.append([(index, frame)])
    return groups


def _frame(frame: Frame, key: str, unfolded: frozenset[str]) -> list[Line]:
    is_open = frame.in_app != (key in unfolded)
    mark = "▾" if is_open else "▸"
    place: list[Span] = [
        (f"  {mark} ", "muted"),
        (plain(frame.function, 120), "name" if frame.in_app else "muted"),
        (f"  {plain(_short(frame.filename), 160)}:{frame.lineno}", "muted"),
    ]
    out = [line(*place, key=key)]
    if is_open:
        out += _source(frame.pre_context, frame.context_line, frame.post_context, frame.lineno, frame.filename, key)
        out += _locals(frame.locals, key)
    return out


def _source(
    before: Sequence[str], here: str, after: Sequence[str], lineno: int, filename: str, key: str = ""
) -> list[Line]:
    rows = [*before, here, *after] if here or before or after else []
    first = lineno - len(before)
    out = []
    for offset, text in enumerate(rows):
        is_here = offset == len(before)
        number = f"{first + offset:>7} "
        mark: Span = ("❱ ", "here") if is_here else ("│ ", "muted")
        out.append(line((number, "here" if is_here else "muted"), mark, *source(plain(text), filename), key=key))
    return out


def _locals(values: dict[str, str] | None, key: str) -> list[Line]:
    if not values:
        return []
    shown = list(values.items())[:LOCALS_SHOWN]
    name_width = min(max(len(plain(name, 24)) for name, _ in shown), 24)
    out = [
        line((f"          {plain(name, 24):<{name_width}}", "accent"), (" = ", "muted"), plain(value, 300), key=key)
        for name, value in shown
    ]
    if len(values) > LOCALS_SHOWN:
        out.append(line((f"          … {len(values) - LOCALS_SHOWN} more locals", "muted"), key=key))
    return out


def _template(frame: TemplateFrame) -> list[Line]:
    head = line(("  ▾ template ", "muted"), (plain(frame.name, 160), "name"), (f":{frame.lineno}", "muted"))
    name = frame.name if "." in frame.name else f"{frame.name}.html"
    return [head, *_source(frame.pre_context, frame.context_line, frame.post_context, frame.lineno, name)]


def _short(filename: str) -> str:
    """Return a path without what all paths of libraries have in common."""
    for stem in ("/site-packages/", "/dist-packages/"):
        if stem in filename:
            return filename.rpartition(stem)[2]
    return filename
