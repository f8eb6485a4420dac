"""An event as somebody outside writes it down in one line of JSON, for `workbench fingerprint`."""

from __future__ import annotations

import msgspec

from capture.event import ExceptionInfo, Fingerprint, Frame, TemplateFrame


class GivenFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame: what the grouping rules look at."""

    module: str | None = None
    function: str | None = None
    filename: str | None = None
    lineno: int | None = None
    context_line: str | None = None
    in_app: bool = True


class GivenTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """The place in a template at which rendering failed."""

    name: str
    lineno: int = 0


class GivenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `exception_type` may carry its module: `django.db.utils.IntegrityError`."""

    exception_type: str | None = None
    message: str | None = None
    frames: tuple[GivenFrame, ...] | None = None
    template: GivenTemplate | None = None
    status: int | None = None
    reason: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    referer: str | None = None


decode = msgspec.json.Decoder(GivenEvent).decode


def key_of(event: GivenEvent) -> Fingerprint:
    """Return the fingerprint that the site would give to this event."""
    from capture.fingerprint import fingerprint

    return fingerprint(
        exceptions=(_exception(event),) if event.exception_type else (),
        template=TemplateFrame(name=event.template.name, lineno=event.template.lineno) if event.template else None,
        message=event.message or "",
        status=event.status,
        reason=event.reason or "",
        method=event.method or "",
        path=event.path or "",
        route=event.route,
        referer=event.referer or "",
    )


def _exception(event: GivenEvent) -> ExceptionInfo:
    module, _, name = (event.exception_type or "").rpartition(".")
    return ExceptionInfo(
        type=name,
        module=module,
        message=event.message or "",
        frames=tuple(
            Frame(
                module=frame.module or "",
                function=frame.function or "",
                filename=frame.filename or "",
                lineno=frame.lineno or 0,
                context_line=frame.context_line or "",
                in_app=frame.in_app,
            )
            for frame in event.frames or ()
        ),
    )
