"""What happened on the way to a failure, as lines: log records and queries, the latest last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.text import plain
from workbench.tui.lines import Ink, Line, heading, line, wrapped
from workbench.tui.words import plural

if TYPE_CHECKING:
    from capture.event import Breadcrumb, Event

SHOWN = 60
_INKS: dict[str, Ink] = {"warning": "warn", "error": "bad", "critical": "bad"}
_NAME = 24


def breadcrumb_lines(event: Event, width: int) -> Iterator[Line]:
    """Return the section of an event's breadcrumbs; nothing where it has none."""
    crumbs = event.breadcrumbs
    if not crumbs:
        return
    note = f"the last {SHOWN} of {len(crumbs)}" if len(crumbs) > SHOWN else f"{plural(len(crumbs), 'record')} before it"
    yield heading("Breadcrumbs", section="breadcrumbs", note=note)
    for crumb in crumbs[-SHOWN:]:
        yield from _crumb(crumb, width)


def _crumb(crumb: Breadcrumb, width: int) -> Iterator[Line]:
    level = "query" if crumb.kind == "query" and crumb.level == "info" else plain(crumb.level, 8)
    took = f" {crumb.duration_ms:,.1f} ms" if crumb.duration_ms is not None else ""
    name = plain(crumb.logger, _NAME)
    # Where a line has little room the name of the logger goes first.
    name = f"{name:<{_NAME}} " if width >= 90 else ""
    head = f"  {_before(crumb.before):>9}  {level:<8} {name}"
    first, *rest = wrapped(plain(crumb.message, 600), max(width - len(head) - len(took), 20))
    yield line(
        (head[:11], "muted"),
        (head[11:20], _INKS.get(crumb.level, "muted")),
        (head[20:], "muted"),
        first,
        (took, "muted"),
    )
    for piece in rest:
        yield line(" " * len(head), piece)


def _before(seconds: float) -> str:
    if seconds < 60:
        return f"-{seconds:.3f} s"
    return f"-{seconds / 60:,.0f} min" if seconds < 6000 else f"-{seconds / 3600:,.0f} h"
