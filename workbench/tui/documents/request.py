"""The request of an occurrence as a table, and what else is known of where it ran."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.text import plain, plain_lines
from workbench.tui.lines import Line, heading, line, paragraphs

if TYPE_CHECKING:
    from capture.event import Event, Request

BODY_LINES = 40


def request_lines(event: Event | None, width: int, *, note: str) -> Iterator[Line]:
    """Yield the section of the request, or of what stands in for one."""
    yield heading("Request", section="request", note=note)
    request = event.request if event else None
    if event is None or request is None:
        yield line((f"  {_instead_of_a_request(event)}", "muted"))
    else:
        yield from _request_table(event, request, width)
    if event is not None:
        yield from _table(
            {
                "user": event.user_id or "",
                "release": event.release or "",
                "server": " · ".join(word for word in (event.server, event.thread, event.task) if word),
                "running": " · ".join(
                    f"{name} {version}"
                    for name, version in (("Python", event.python), ("Django", event.django))
                    if version
                ),
                **{f"tag {name}": value for name, value in list(event.tags.items())[:20]},
            },
            width,
        )
        for name, fields in list(event.contexts.items())[:20]:
            shown = {f"{name} {field}": value for field, value in list(fields.items())[:30]}
            yield from _table(shown, width)


def _instead_of_a_request(event: Event | None) -> str:
    if event is None:
        return "No occurrence is stored any more."
    if event.job is None:
        return "Not from a request."
    return f"Not from a request, but from the {event.job.kind} {plain(event.job.name, 200)}."


def _request_table(event: Event, request: Request, width: int) -> Iterator[Line]:
    status = f"→ {event.status} {event.reason}".rstrip() if event.status else ""
    yield line(f"  {plain(request.method, 20)} ", (plain(request.path, 400), "accent"), (f"  {status}", "bad"))
    yield from _table(
        {
            "host": f"{request.scheme}://{request.host}" if request.host else "",
            "query": request.query,
            "route": request.route or "none matched",
            "view": request.view,
            "referer": request.referer,
            "body": request.body_note if request.body is None else "",
        },
        width,
    )
    for name, value in list(request.headers.items())[:60]:
        yield from _table({plain(name, 24): value}, width)
    if request.body:
        note = f"  {request.body_note}" if request.body_note else ""
        yield line((f"  body {plain(request.content_type, 60)}{note}", "muted"))
        yield from paragraphs(plain_lines(request.body, most=BODY_LINES), width, indent="    ")


def _table(values: dict[str, str], width: int) -> Iterator[Line]:
    for name, value in values.items():
        if not value:
            continue
        pieces = paragraphs([plain(value, 600)], width - 18)
        yield line((f"  {plain(name, 24):<14}  ", "muted"), *pieces[0].spans)
        for piece in pieces[1:]:
            yield line(" " * 18, *piece.spans)
