"""What stands in the bug list where no bug does: what would fill it, or why it is not known what is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from workbench.text import plain
from workbench.tui.actions import KeyOf
from workbench.tui.lines import Line, Span, line, paragraphs
from workbench.tui.views import View

_SHOWN = 200


class EmptyList(NamedTuple):
    """A list as it was asked for; `has_none` says that there is no bug in the whole database."""

    views: Sequence[View]
    view: View
    filter: str
    has_none: bool = False


def empty_lines(shown: EmptyList, *, width: int, key: KeyOf) -> list[Line]:
    """Return what would fill the list, and how."""
    view = shown.view
    if shown.filter:
        return [
            line(""),
            line(f"  No bug matches “{plain(shown.filter, _SHOWN)}” in the view {view.name}."),
            line((f"  {key('clear')}", "key"), (" clears the filter.   ", "muted"), *_way_to_all(shown)),
        ]
    if not shown.has_none:
        fills = re.sub(r"{(\w+)}", lambda found: key(found[1]), view.fills)
        return [
            line(""),
            line(f"  No bug is in the view {view.name}."),
            *paragraphs([fills] if fills else [], width, indent="  "),
            line((f"  It shows {plain(view.filter or 'all', _SHOWN)}.   ", "muted"), *_way_to_all(shown)),
        ]
    return [
        line(""),
        line(("  No bugs yet.", "strong")),
        line(""),
        line(("  An error of your site shows here within a second of its response.", "muted")),
        line(("  Send one through on purpose:   ", "muted"), "python manage.py capture_test"),
        line(("  Put capture into a site:       ", "muted"), "workbench init"),
        line(("  Try it on a sample site:       ", "muted"), "workbench demo"),
    ]


def unread_lines(shown: EmptyList, *, is_failed: bool, key: KeyOf) -> list[Line]:
    """Return that the list is not there (yet), and with what it was asked for."""
    matching = f" that match “{plain(shown.filter, _SHOWN)}”" if shown.filter else ""
    bugs = f"The bugs{matching} in the view {shown.view.name}"
    if not is_failed:
        return [line(""), line((f"  {bugs} are being read …", "muted"))]
    clears: tuple[Span, ...] = ((f"   {key('clear')}", "key"), (" clears the filter.", "muted")) if shown.filter else ()
    return [
        line(""),
        line((f"  {bugs} could not be read.", "warn")),
        line(("  They are read again by themselves, every two seconds.", "muted"), *clears),
    ]


def _way_to_all(shown: EmptyList) -> tuple[Span, ...]:
    """Return which key shows everything, where one does."""
    place = next((place for place, view in enumerate(shown.views, 1) if not view.filter), 10)
    if place > 9 or not shown.view.filter:
        return ()
    return (str(place), "key"), (f" shows {shown.views[place - 1].name}.", "muted")
