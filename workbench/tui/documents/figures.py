"""A bug in figures, as lines of its page: when its events happened, and what differs between those that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.text import plain
from workbench.tui.documents.plot import bars, plot_lines
from workbench.tui.lines import Line, heading, line, paragraphs
from workbench.tui.words import plural

if TYPE_CHECKING:
    from workbench.bugs.over_time import OverTime
    from workbench.bugs.varying import Field, Varying
    from workbench.tui.actions import KeyOf

By = Literal["hours", "days"]


@dataclass(frozen=True)
class Figures:
    """What is read of a bug after its page, since it may take longer."""

    over_time: OverTime
    varying: Varying


def over_time_lines(figures: Figures | None, by: By, width: int, *, key: KeyOf | None) -> Iterator[Line]:
    """Yield the section of when the events happened."""
    if figures is None:
        yield heading("Over time", section="over time")
        yield line(("  Reading …", "muted"))
        return
    span = figures.over_time.hours if by == "hours" else figures.over_time.days
    what = "by the hour, two days" if by == "hours" else "by the day, thirty days"
    other = f" · {key('plot')} {'days' if by == 'hours' else 'hours'}" if key else ""
    yield heading("Over time", section="over time", note=f"{what}, UTC: {plural(sum(span.counts), 'event')}{other}")
    yield from plot_lines(span, width)


def varying_lines(figures: Figures | None, width: int, *, key: KeyOf | None) -> Iterator[Line]:
    """Yield the section of what differs between the stored events; the key of a value's line is `value:FIELD=VALUE`."""
    if figures is None or not figures.varying.events:
        return
    varying = figures.varying
    same = [field for field in varying.fields if field.distinct == 1]
    hint = f" · {key('open')} on a value splits it off" if key and len(same) < len(varying.fields) else ""
    yield heading("What varies", section="varies", note=f"over {plural(varying.events, 'stored event')}{hint}")
    for field in varying.fields:
        if field.distinct > 1:
            yield _named(field, varying.events)
            drawn = bars([(_value(value), count) for value, count in field.values], field.events, width)
            for (value, _count), made in zip(field.values, drawn, strict=True):
                yield Line(made.spans, key=f"value:{field.name}={value}")
    if same:
        told = " · ".join(f"{each.name} {_one(each)}" for each in same)
        yield from paragraphs([f"the same in all: {told}"], width, indent="  ", ink="muted")


def _named(field: Field, events: int) -> Line:
    more = f"  {field.distinct:,} different" + (
        " ones, the most frequent" if field.distinct > len(field.values) else ""
    )
    of = f", of the latest {field.events}" if field.events < events else ""
    return line((f"  {field.name}", "strong"), (f"{more}{of}", "muted"))


def _one(field: Field) -> str:
    return plain(field.values[0][0], 40)


def _value(value: str) -> str:
    return value or "(none)"
