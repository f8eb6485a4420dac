"""Two stored events of a bug side by side, as lines: what they have in common, and what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from workbench.text import plain, plain_lines
from workbench.tui.lines import BLANK, Line, cell, heading, line, paragraphs
from workbench.tui.words import clock_time, plural

if TYPE_CHECKING:
    from capture.event import Event, Frame

SIDE_BY_SIDE = 100  # cells from which two columns read better than two lines
HEADERS = 60
FRAMES = 20
LOCALS = 40
VALUE = 600  # characters of one value
_NAME = 22
Pair = tuple[str, str, str]  # name, value in the one, value in the other


@dataclass(frozen=True)
class Group:
    """Values that belong together."""

    name: str
    pairs: tuple[Pair, ...]

    @property
    def different(self) -> list[Pair]:
        """The values that differ."""
        return [pair for pair in self.pairs if pair[1] != pair[2]]


def groups(one: Event, other: Event) -> list[Group]:
    """Return all that two events can be compared by."""
    found = [
        Group("event", tuple(_paired(_event(one), _event(other)))),
        Group("request", tuple(_paired(_request(one), _request(other)))),
        Group("headers", tuple(_paired(_headers(one), _headers(other)))),
        *_locals(one, other),
        Group("tags", tuple(_paired(dict(one.tags), dict(other.tags)))),
    ]
    return [group for group in found if group.pairs]


def compare_lines(one: Event, other: Event, width: int, *, only_different: bool) -> list[Line]:
    """Return the comparison; the same values stand once, in a quieter ink, or not at all."""
    out: list[Line] = []
    compared = groups(one, other)
    for group in compared:
        different = len(group.different)
        said = f"{different} of {plural(len(group.pairs), 'value')} differ" if different else "no difference"
        section = group.name.partition(" ")[0]
        is_first = not any(made.section == section for made in out)
        title = group.name[:1].upper() + group.name[1:]
        out.append(heading(title, section=section if is_first else "", note=said))
        for pair in group.different if only_different else group.pairs:
            out += _pair(pair, width)
        out.append(BLANK)
    if not any(group.different for group in compared):
        out = [line(("  Nothing that is recorded tells the two apart.", "warn")), BLANK, *out]
    return out[:-1]


def _pair(pair: Pair, width: int) -> Iterator[Line]:
    name, left, right = pair
    if left == right:
        yield line((f"    {cell(name, _NAME)} ", "muted"), (plain(left, VALUE) or "–", "muted"))
    elif width >= SIDE_BY_SIDE:
        room = (width - _NAME - 11) // 2
        ones, others = (paragraphs([plain(value, VALUE) or "–"], room) for value in (left, right))
        for place, (a, b) in enumerate(zip_longest(ones, others, fillvalue=BLANK)):
            yield line(
                ("  ≠ " if not place else "    ", "warn"),
                f"{cell(name if not place else '', _NAME)} ",
                (cell(a.text, room), "remove"),
                (" │ ", "muted"),
                (b.text, "add"),
            )
    else:
        yield line(("  ≠ ", "warn"), plain(name, 60))
        yield from paragraphs([plain(left, VALUE) or "–"], width, indent="      A  ", ink="remove")
        yield from paragraphs([plain(right, VALUE) or "–"], width, indent="      B  ", ink="add")


def _paired(one: dict[str, str], other: dict[str, str]) -> Iterator[Pair]:
    for name in dict.fromkeys([*one, *other]):
        left, right = one.get(name, ""), other.get(name, "")
        if left or right:
            yield name, left, right


def _event(event: Event) -> dict[str, str]:
    fault = event.exceptions[-1] if event.exceptions else None
    return {
        "at": f"{clock_time(event.at)} UTC",
        "status": str(event.status or ""),
        "exception": fault.type if fault else "",
        "message": " ".join(plain_lines(fault.message if fault else event.message, most=6)),
        "release": event.release or "",
        "environment": event.environment,
        "user": event.user_id or "",
        "server": event.server,
        "thread": event.thread,
        "python": event.python,
        "django": event.django,
    }


def _request(event: Event) -> dict[str, str]:
    request = event.request
    if request is None:
        return {}
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "route": request.route or "",
        "host": f"{request.scheme}://{request.host}" if request.host else "",
        "view": request.view,
        "referer": request.referer,
        "body": request.body or request.body_note,
    }


def _headers(event: Event) -> dict[str, str]:
    return dict(list(event.request.headers.items())[:HEADERS]) if event.request else {}


def _locals(one: Event, other: Event) -> Iterator[Group]:
    """Yield the variables of the application's frames of the last exception, frame by frame from the fault outwards."""
    ours, theirs = _frames(one), _frames(other)
    for place in list(dict.fromkeys([*ours, *theirs]))[:FRAMES]:
        left, right = ours.get(place), theirs.get(place)
        pairs = _paired(_variables(left), _variables(right))
        yield Group(f"locals of {plain(place[1], 60)} ({plain(place[0], 60)})", tuple(pairs))


def _frames(event: Event) -> dict[tuple[str, str], Frame]:
    found: dict[tuple[str, str], Frame] = {}
    for frame in reversed(event.exceptions[-1].frames if event.exceptions else ()):
        if frame.in_app and len(found) < FRAMES:
            found.setdefault((frame.module, frame.function), frame)
    return found


def _variables(frame: Frame | None) -> dict[str, str]:
    return dict(list((frame.locals or {}).items())[:LOCALS]) if frame else {}
