"""A traceback as frames, and an exception with its chain.

Walked by hand, since the standard formatters cost a hundred times more.
"""

from __future__ import annotations

import linecache
import site
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

import msgspec
from django.views.decorators.debug import coroutine_functions_to_sensitive_variables

from capture.event import ExceptionInfo, Frame, Link
from capture.scrub import clean, scrub_source, scrub_text
from capture.values import Budget, describe_locals

MAX_FRAMES = 60
MAX_CHAIN = 10
MAX_MESSAGE = 2_000
CONTEXT_LINES = 5


@dataclass(slots=True)
class Raised:
    """One exception of a chain with its live frames, as (frame, line number), from outermost to innermost."""

    error: BaseException
    calls: list[tuple[FrameType, int]]
    link: Link | None = None
    info: ExceptionInfo = field(init=False)

    def __post_init__(self) -> None:
        kind = type(self.error)
        self.info = ExceptionInfo(
            type=clean(kind.__name__),
            module=clean(str(kind.__module__)),
            message=message_of(self.error),
            frames=tuple([_place(frame, lineno).bare for frame, lineno in self.calls]),
            link=self.link,
        )


def chain_of(error: BaseException) -> list[Raised]:
    """Return the exceptions that led to `error`, from the first to `error` itself, each with its frames."""
    found: list[Raised] = []
    seen: set[int] = set()
    current: BaseException | None = error
    link: Link | None = None
    while current is not None and id(current) not in seen and len(found) < MAX_CHAIN:
        seen.add(id(current))
        found.append(Raised(current, _calls(current.__traceback__), link))
        if current.__cause__ is not None:
            current, link = current.__cause__, "cause"
        elif current.__suppress_context__:
            break
        else:
            current, link = current.__context__, "context"
    found.reverse()
    return found


def message_of(error: BaseException) -> str:
    """Return what the exception says, bounded and scrubbed; a `__str__` that raises costs only the message."""
    try:
        only = error.args[0] if len(error.args) == 1 else None
        # The usual cases by hand, so that an argument of 100 MB is not copied first and cut afterwards.
        if type(only) is str and type(error).__str__ in (BaseException.__str__, KeyError.__str__):
            start = only[: MAX_MESSAGE * 3]
            text = repr(start) if isinstance(error, KeyError) else start
        else:
            text = str(error)
    except Exception:  # noqa: BLE001
        return "<the message cannot be read: its __str__ raises>"
    return scrub_text(text, limit=MAX_MESSAGE)


def with_context(raised: Raised, *, budget: Budget) -> ExceptionInfo:
    """Return the exception with source lines around each frame, and the locals of the application's own frames."""
    frames = []
    hidden: str | Sequence[str] = ()
    for frame, lineno in raised.calls:
        hidden = _hidden_in_coroutine(frame) or hidden
        shown = _place(frame, lineno).full
        if shown.in_app:
            variables = frame.f_locals
            # The "locals" of a module are its globals: long, and the same for every event.
            if variables is not frame.f_globals:
                described = describe_locals(variables, budget=budget, hidden=hidden)
                shown = msgspec.structs.replace(shown, locals=described)
        frames.append(shown)
        # What a function hides is hidden in all that it calls as well, as in Django's own reports.
        hidden = _hidden_by_wrapper(frame) or hidden
    return msgspec.structs.replace(raised.info, frames=tuple(frames))


def _calls(traceback: TracebackType | None) -> list[tuple[FrameType, int]]:
    calls: list[tuple[FrameType, int]] = []
    while traceback is not None:
        calls.append((traceback.tb_frame, traceback.tb_lineno or traceback.tb_frame.f_lineno or 0))
        traceback = traceback.tb_next
    if len(calls) > MAX_FRAMES:  # a recursion: its beginning and its end tell the story
        calls = calls[: MAX_FRAMES // 4] + calls[-(MAX_FRAMES - MAX_FRAMES // 4) :]
    return calls


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a function as a frame, without and with the source lines around it."""

    code: CodeType  # kept, so that its id stays its own
    module: object
    bare: Frame
    full: Frame


# (id of the code, line number) → what is the same in every event. A running process keeps the code that it loaded.
_places: dict[tuple[int, int], _Place] = {}
MAX_PLACES = 2_048


def _place(frame: FrameType, lineno: int) -> _Place:
    code, module = frame.f_code, frame.f_globals.get("__name__")
    found = _places.get((id(code), lineno))
    if found is None or found.module is not module:
        if len(_places) >= MAX_PLACES:
            _places.clear()
        found = _places[id(code), lineno] = _look_up(frame, lineno, module)
    return found


def _look_up(frame: FrameType, lineno: int, module: object) -> _Place:
    code = frame.f_code
    before, line, after = source(code.co_filename, lineno, frame.f_globals)
    bare = Frame(
        module=clean(module) if isinstance(module, str) else "",
        function=code.co_name,
        filename=clean(code.co_filename),
        lineno=lineno,
        context_line=line,
        in_app=is_in_app(code.co_filename),
    )
    return _Place(code, module, bare, msgspec.structs.replace(bare, pre_context=before, post_context=after))


def source(
    filename: str, lineno: int, module_globals: dict[str, Any] | None = None
) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return the source lines before, at and after a line, without literal secrets; empty where there is no source."""
    lines = linecache.getlines(filename, module_globals)
    if not 0 < lineno <= len(lines):
        return (), "", ()
    start = max(0, lineno - 1 - CONTEXT_LINES)
    block = [scrub_source(line.rstrip("\r\n")) for line in lines[start : lineno + CONTEXT_LINES]]
    at = lineno - 1 - start
    return tuple(block[:at]), block[at], tuple(block[at + 1 :])


def _library_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots.update(site.getsitepackages() if hasattr(site, "getsitepackages") else ())
    roots.add(site.getusersitepackages())
    return tuple(str(Path(root)) + "/" for root in roots)


_LIBRARIES = (*_library_roots(), str(Path(__file__).parent) + "/")


@lru_cache(maxsize=4_096)
def is_in_app(filename: str) -> bool:
    """Return whether a file is the site's own: not a library, not the standard library, not this package."""
    if filename.startswith("<") or "/site-packages/" in filename or "/dist-packages/" in filename:
        return False
    return not filename.startswith(_LIBRARIES)


def _hidden_by_wrapper(frame: FrameType) -> str | Sequence[str]:
    """Return what `@sensitive_variables` hides of the next frame; its wrapper is the frame before."""
    if frame.f_code.co_name != "sensitive_variables_wrapper":
        return ()
    wrapper = frame.f_locals.get("sensitive_variables_wrapper")
    return _names(getattr(wrapper, "sensitive_variables", ()))


def _hidden_in_coroutine(frame: FrameType) -> str | Sequence[str]:
    if not coroutine_functions_to_sensitive_variables:
        return ()
    code = frame.f_code
    return _names(coroutine_functions_to_sensitive_variables.get(hash(f"{code.co_filename}:{code.co_firstlineno}"), ()))


def _names(hidden: Iterable[str] | str) -> str | Sequence[str]:
    return hidden if hidden == "__ALL__" else tuple(hidden)
