"""What strikes from outside is one bug of the task, command or route that it struck, whatever line was running."""

from __future__ import annotations

import ctypes
import importlib
import inspect
import signal
import threading

import pytest

from capture.chains import chain_of
from capture.explain import explained
from capture.fingerprint import fingerprint
from capture.interruptions import HANDLERS


def billiards():
    from billiard.pool import soft_timeout_sighandler

    return soft_timeout_sighandler


def gunicorns():
    from gunicorn.config import Config
    from gunicorn.workers.base import Worker

    worker = Worker.__new__(Worker)  # without the file by which it says that it is alive
    worker.cfg = Config()
    return worker.handle_abort


@pytest.fixture(params=[billiards, gunicorns])
def handled(request):
    """A signal, while what a library does at one is in place."""
    before = signal.signal(signal.SIGALRM, request.param())
    yield signal.SIGALRM
    signal.signal(signal.SIGALRM, before)


def quick(number):
    signal.raise_signal(number)


def slow(number):
    for _ in range(2):
        quick(number)


def error_of(work, *arguments):
    try:
        work(*arguments)
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def found_of(error, **changes):
    return fingerprint(exceptions=[raised.info for raised in chain_of(error)], **changes)


def test_a_signal_strikes_at_any_line(handled):
    found = {found_of(error_of(work, handled), route="task clinic.report").key for work in (quick, slow)}
    assert len(found) == 1
    other = found_of(error_of(quick, handled), route="task clinic.invoice")
    assert other.key not in found
    assert [(part.name, part.value) for part in other.parts][1:] == [("interrupted", "task clinic.invoice")]


def test_without_a_route_it_is_the_function_in_which_the_application_begins(handled):
    [*_, part] = found_of(error_of(slow, handled)).parts
    assert (part.name, part.value) == ("interrupted", f"{__name__}:error_of")


def test_it_is_explained(handled):
    error = error_of(slow, handled)
    chain = [raised.info for raised in chain_of(error)]
    told = explained(found_of(error, route="/a/", status=500), exceptions=chain, route="/a/", status=500)
    assert {part.name for part in told.left_out} <= {"lines", "message", "status"}
    assert "task or command" in told.splits


def test_what_is_put_into_a_thread_has_no_frame_of_its_own():
    limit = type("TimeLimitExceeded", (BaseException,), {"__module__": "dramatiq.middleware.time_limit"})
    ready = threading.Event()
    errors = []

    def spins():
        try:
            ready.set()
            while True:
                pass
        except limit as error:
            errors.append(error)

    def counts():
        try:
            ready.set()
            number = 0
            while True:
                number += 1
        except limit as error:
            errors.append(error)

    for work in (spins, counts):
        ready.clear()
        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(limit))
        thread.join()
    assert len({found_of(error, route="task clinic.report").key for error in errors}) == 1


@pytest.mark.parametrize("module", ["billiard.pool", "billiard.common", "gunicorn.workers.base"])
def test_the_handlers_are_called_so_in_their_libraries(module):
    found = importlib.import_module(module)
    holders = [found, *(kind for _name, kind in inspect.getmembers(found, inspect.isclass))]
    assert all(any(hasattr(holder, name) for holder in holders) for name in HANDLERS[module])
