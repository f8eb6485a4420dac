"""What an exception says, bounded in size and time, without asking the objects that it was raised with.

`str(error)` runs the `__repr__` of whatever the exception was given, and the exception's own `__str__`. The first is
never called: arguments are described. The second is called only where it does nothing but format.
"""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections.abc import Callable
from time import thread_time
from typing import Any

from django.utils.functional import Promise

from capture.in_app import is_in_app
from capture.own_memory import of_class, own_dict
from capture.scrub import scrub_text
from capture.values import MAX_DESCRIPTION, describe

MAX_MESSAGE = 2_000
MAX_NOTES = 10
MAX_SECONDS = 0.02

UNREADABLE = "<the message cannot be read: its __str__ raises>"
TOO_MUCH = "<the message is left out: its __str__ waits for something or takes too long>"

# Read from the exception's own memory, whatever properties a class puts in front of it.
_arguments_of: Callable[[BaseException], tuple[Any, ...]] = BaseException.__dict__["args"].__get__
_said_by_group: Callable[[Any], str] = BaseExceptionGroup.__dict__["message"].__get__
members_of: Callable[[Any], tuple[BaseException, ...]] = BaseExceptionGroup.__dict__["exceptions"].__get__
_files_of = (OSError.__dict__["filename"].__get__, OSError.__dict__["filename2"].__get__)
_syntax: tuple[Callable[[BaseException], Any], ...] = tuple(
    SyntaxError.__dict__[name].__get__ for name in ("msg", "filename", "lineno")
)
_built_in = (OSError.__str__, ImportError.__str__)
_PLAIN = (str, bytes, int, float, bool, type(None))
# What a `__str__` that only formats calls: built-in functions and the methods of built-in values.
_FORMATTING_MODULES = """
    builtins sys math cmath _operator operator itertools _functools functools _collections collections _string string
    _sre re _json datetime _datetime decimal _decimal _struct binascii unicodedata zoneinfo enum
"""
_FORMATTING = frozenset(_FORMATTING_MODULES.split())


def message_of(error: BaseException) -> str:
    """Return what the exception says, bounded and scrubbed; one that cannot be asked costs only its message."""
    try:
        text = _message(error, 0)
    except BaseException:  # noqa: BLE001  (whatever the site's own `__str__` raises, and be it SystemExit)
        text = UNREADABLE
    return scrub_text(text, limit=MAX_MESSAGE)


def notes_of(error: BaseException) -> tuple[str, ...]:
    """Return the notes that were added to an exception, bounded and scrubbed."""
    notes: Any = own_dict(error).get("__notes__")
    if type(notes) not in (list, tuple):
        return ()
    texts = [_start(note) for note in notes[:MAX_NOTES] if issubclass(type(note), str)]
    return tuple(scrub_text(text, limit=MAX_DESCRIPTION) for text in texts)


def _message(error: BaseException, depth: int) -> str:
    says = of_class(type(error), "__str__")  # past its metaclass, which may do anything
    if issubclass(type(error), BaseExceptionGroup):
        count = len(members_of(error))
        return f"{_start(_said_by_group(error))} ({count} sub-exception{'' if count == 1 else 's'})"
    if isinstance(says, types.FunctionType):
        module = dict.get(says.__globals__, "__name__")
        if not is_in_app(says.__code__.co_filename, module if type(module) is str else ""):
            return str(error)
        text = _formatted(error)
        return text if text is not None else _by_its_arguments(error, depth) or TOO_MUCH
    arguments = _arguments_of(error)
    if says is SyntaxError.__str__:
        return _where_syntax_is_wrong(error)
    if says in (BaseException.__str__, KeyError.__str__):
        return _by_its_arguments(error, depth)
    if issubclass(type(error), OSError):
        arguments += tuple(file_of(error) for file_of in _files_of)
    if says in _built_in and not all(_is_short(argument) for argument in arguments):
        return _by_its_arguments(error, depth)
    return str(error) if type(says) is types.WrapperDescriptorType else _by_its_arguments(error, depth)


def _where_syntax_is_wrong(error: BaseException) -> str:
    """Return what `str` says of a syntax error: neither the folders above the file nor the line of source."""
    message, filename, lineno = (read(error) for read in _syntax)
    file = _start(filename).rpartition("/")[2] if type(filename) is str else ""
    line = f"line {lineno}" if type(lineno) is int else ""
    where = ", ".join(filter(None, (file, line)))
    text = "" if message is None else _start(message) if type(message) is str else describe(message)
    return f"{text} ({where})" if where else text


def _by_its_arguments(error: BaseException, depth: int) -> str:
    arguments = _arguments_of(error)
    if len(arguments) != 1:
        return describe(arguments) if arguments else ""
    only: Any = arguments[0]
    if issubclass(type(error), KeyError):
        return repr(_start(only)) if type(only) is str else describe(only)
    if issubclass(type(only), str):
        return _start(only)
    if issubclass(type(only), Promise):  # a text to be translated
        return _start(str(only))
    if issubclass(type(only), BaseException) and depth < 3:
        return _message(only, depth + 1)
    return describe(only)


def _start(text: str) -> str:
    # Cut before it is copied and scrubbed: it may have 100 MB.
    return str.__getitem__(text, slice(0, MAX_MESSAGE * 3))


def _is_short(argument: Any) -> bool:
    return type(argument) in _PLAIN and (type(argument) not in (str, bytes) or len(argument) <= MAX_MESSAGE)


class _Stopped(BaseException):
    """The `__str__` of an exception does more than to format."""


def _formatted(error: BaseException) -> str | None:
    """Return what an exception's own `__str__` says, or None where it asks for more than the processor or the time.

    It runs under a trace, which costs some ten microseconds, and is stopped at the first call that could wait (a lock,
    a socket, a file, a database) or when its time is up. What it cannot see is a wait inside of one call of a built-in.
    """
    deadline = thread_time() + MAX_SECONDS  # of the processor: a busy machine is no fault of the exception's
    # Up to 3.11 a loop of one line has no other events.
    by_opcode = sys.version_info < (3, 12)

    def trace(frame: types.FrameType, _event: str, _argument: Any) -> Any:
        if thread_time() > deadline and not _came_in_between(frame):
            raise _Stopped
        frame.f_trace_opcodes = by_opcode
        return trace

    def watch(frame: types.FrameType, event: str, called: Any) -> None:
        if event == "c_call" and _home(called) not in _FORMATTING and not _came_in_between(frame):
            raise _Stopped

    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    if profiler is None:  # one that somebody runs could not be put back
        sys.setprofile(watch)
    try:
        return _start(str(error))
    except _Stopped:
        return None
    finally:
        if profiler is None:
            sys.setprofile(None)
        sys.settrace(tracer)


def _came_in_between(frame: types.FrameType | None) -> bool:
    """Return whether a frame runs for the garbage collector, and not for the message: nothing is raised in there."""
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None and frame.f_code is not _formatted.__code__:
        if frame.f_code.co_name == "__del__" or any(frame.f_code is code for code in callbacks) or _hears(frame):
            return True
        frame = frame.f_back
    return False


def _hears(frame: types.FrameType) -> bool:
    """Return whether a frame is told that an object is gone: it was called with the dead reference to it."""
    code = frame.f_code
    arguments: list[Any] = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
    return any(issubclass(type(told), weakref.ref) and weakref.ref.__call__(told) is None for told in arguments)


def _home(called: Any) -> str:
    """Return the module of a built-in function, or of the type whose method it is."""
    module = getattr(called, "__module__", None)
    if module is None:
        module = type(getattr(called, "__self__", called)).__module__
    return str(module)
