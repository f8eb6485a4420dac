"""The place in a template at which rendering failed, with and without the debug mode of the engine."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from types import FrameType
from typing import Any

from capture.chains import Raised
from capture.event import TemplateFrame
from capture.frames import CONTEXT_LINES
from capture.own_memory import own_dict
from capture.scrub import clean, scrub_text
from capture.scrub_source import scrub_source


def template_frame(chain: Sequence[Raised]) -> TemplateFrame | None:
    """Return where in a template the exception that surfaced was raised, or None when no template was involved."""
    surfaced = chain[-1]
    debug = own_dict(surfaced.error).get("template_debug")
    if isinstance(debug, dict):
        return _from_debug(debug)
    for frame, place in reversed(surfaced.calls):
        # Django annotates the exception only in debug mode; in production the node is still in its frame.
        if place.function and place.bare.module == "django.template.base":
            return _from_node(frame, place.function, surfaced.error)
    return None


def _from_debug(debug: dict[str, Any]) -> TemplateFrame | None:
    lineno, lines = debug.get("line"), debug.get("source_lines")
    if not isinstance(lineno, int) or not isinstance(lines, list):
        return None
    numbered = {number: scrub_source(str(text).rstrip("\r\n")) for number, text in lines if isinstance(number, int)}
    return TemplateFrame(
        name=clean(str(debug.get("name", "")))[:300],
        lineno=lineno,
        context_line=numbered.get(lineno, ""),
        pre_context=tuple(numbered[n] for n in range(lineno - CONTEXT_LINES, lineno) if n in numbered),
        post_context=tuple(numbered[n] for n in range(lineno + 1, lineno + CONTEXT_LINES + 1) if n in numbered),
    )


def _from_node(frame: FrameType, function: str, error: BaseException) -> TemplateFrame | None:
    owner = frame.f_locals.get("self")
    token = getattr(owner, "token", None) if function == "render_annotated" else getattr(error, "token", None)
    origin, lineno = getattr(owner, "origin", None), getattr(token, "lineno", None)
    if origin is None or not isinstance(lineno, int):
        return None
    lines = linecache.getlines(str(origin.name))
    start = max(0, lineno - 1 - CONTEXT_LINES)
    shown = [scrub_source(line.rstrip("\r\n")) for line in lines[start : lineno + CONTEXT_LINES]]
    at = lineno - 1 - start
    return TemplateFrame(
        name=scrub_text(str(getattr(origin, "template_name", None) or origin.name), limit=300),
        lineno=lineno,
        context_line=shown[at] if at < len(shown) else "",
        pre_context=tuple(shown[:at]),
        post_context=tuple(shown[at + 1 :]),
    )
