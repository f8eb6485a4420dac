"""What exceptions say: bounded, in time, and without asking what they were raised with."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from capture.chains import MAX_EXCEPTIONS, MAX_MEMBERS, chain_of, with_context
from capture.event import decode, encode
from capture.local_variables import Budget
from capture.messages import MAX_MESSAGE, MAX_NOTES, TOO_MUCH, message_of, notes_of
from capture.testing import make_event

# Seconds, of a machine however busy; what waits would wait for ever, or for ten minutes.
PATIENCE = 60


class Hangs:
    """Whoever asks it anything waits for ever."""

    def __repr__(self):
        time.sleep(600)

    __str__ = __hash__ = __len__ = __iter__ = __getattr__ = __bool__ = __eq__ = __fspath__ = __format__ = __repr__


class Priced(Exception):
    def __init__(self, species):
        self.species = species

    def __str__(self):
        return f"no price for {self.species.upper():>8}, of {len(self.species)} letters"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(), ""),
        (ValueError("plain"), "plain"),
        (ValueError(7), "7"),
        (ValueError("two", 2), "('two', 2)"),
        (KeyError("rabbit"), "'rabbit'"),
        (KeyError(("a", 1)), "('a', 1)"),
        (ValueError(KeyError("rabbit")), "'rabbit'"),
        (OSError(2, "gone"), "[Errno 2] gone"),
        (FileNotFoundError(2, "gone", "pets.txt"), "[Errno 2] gone: 'pets.txt'"),
        (ImportError("no module"), "no module"),
        (UnicodeDecodeError("utf-8", b"\xff" * 1000, 0, 1, "bad"), None),
        (PermissionError(gettext_lazy("not yours")), "not yours"),
        (ValidationError({"name": ["required"]}), "{'name': ['required']}"),
        (Priced("rabbit"), "no price for   RABBIT, of 6 letters"),
        (ExceptionGroup("all", [ValueError(), ValueError()]), "all (2 sub-exceptions)"),
        (ExceptionGroup("all", [ValueError()]), "all (1 sub-exception)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_message_is_what_python_says(django_site, error, said):
    assert message_of(error) == (str(error) if said is None else said)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(Hangs()),
        ValueError("x", Hangs()),
        KeyError(Hangs()),
        OSError(2, Hangs()),
        OSError(2, "gone", Hangs()),
        ImportError(Hangs()),
        ValueError([{"pet": Hangs()}]),
        ValueError(ValueError(Hangs())),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_an_exception_was_raised_with_is_never_asked(error):
    started = time.perf_counter()
    assert "Hangs" in message_of(error) or "gone" in message_of(error)
    assert time.perf_counter() - started < PATIENCE


def _of_a_broken_file():
    try:
        compile("x = (", "/srv/clinic/prices.py", "exec")
    except SyntaxError as error:
        return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_of_a_broken_file(), "'(' was never closed (prices.py, line 1)"),
        (SyntaxError("invalid", ("/srv/x.py", 3, 1, "password = 'hunter2'")), "invalid (x.py, line 3)"),
        (SyntaxError("invalid"), "invalid"),
        (IndentationError("odd", (None, 2, 1, "x")), "odd (line 2)"),
        (SyntaxError(Hangs()), "<Hangs>"),
        (SyntaxError(), ""),
    ],
)
def test_a_syntax_error_says_what_and_where_without_the_line_itself(error, said):
    assert message_of(error) == said


def waits_for(wait):
    class Waits(Exception):
        def __str__(self):
            wait()
            return "never"

    return Waits("the pet", 7)


def spins():
    while True: pass  # fmt: skip  # noqa: E701


def spins_over_lines():
    count = 0
    while True:
        count += 1


@pytest.mark.parametrize(
    "wait",
    [lambda: time.sleep(600), threading.Event().wait, spins, spins_over_lines, Path(__file__).read_bytes],
    ids=["sleep", "lock", "loop", "loop over lines", "file"],
)
def test_a_message_that_does_more_than_to_format_is_told_by_its_arguments(wait):
    tracer, profiler = sys.gettrace(), sys.getprofile()
    started = time.perf_counter()
    assert message_of(waits_for(wait)) == "('the pet', 7)"
    assert time.perf_counter() - started < PATIENCE
    assert (sys.gettrace(), sys.getprofile()) == (tracer, profiler)


def test_a_message_without_arguments_that_takes_too_long_says_so():
    error = waits_for(spins)
    error.args = ()
    assert message_of(error) == TOO_MUCH


@contextmanager
def eager_collector() -> Iterator[None]:
    """Has the collector run with each object, only over what is new: the suite's would take a message's whole time."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.collect()  # so that it knows how few there are, and goes through all of them each time
    gc.set_threshold(1, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def test_what_the_collector_runs_meanwhile_is_left_alone(monkeypatch):
    class Litters(Exception):
        def __str__(self):
            return "".join(f"{[]}" for _ in [[] for _ in range(200)])

    looked, unraisable = [], []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    callback = lambda phase, info: looked.append(time.perf_counter())  # noqa: E731
    gc.callbacks.append(callback)
    try:
        with eager_collector():
            assert message_of(Litters()) == "[]" * 200
    finally:
        gc.callbacks.remove(callback)
    assert looked
    assert unraisable == []


def test_what_hears_that_the_collector_took_something_is_left_alone(monkeypatch):
    class Thing:
        pass

    heard, unraisable = [], []

    class Ear:
        def hear(self, reference):
            time.sleep(0)
            heard.append(reference)

    class Litters(Exception):
        def __str__(self):
            things.clear()
            return "".join(f"{[]}" for _ in [[] for _ in range(200)])

    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with eager_collector():
        things = [Thing() for _ in range(20)]
        for thing in things:
            thing.itself = thing
        kept = [weakref.ref(thing, Ear().hear) for thing in things]
        del thing
        assert message_of(Litters()) == "[]" * 200
        assert len(heard) == len(kept)
    assert unraisable == []


def test_a_message_of_100_mb_is_cut():
    class Long(Exception):
        def __str__(self):
            return "x" * 100_000_000

    started = time.thread_time()
    assert 0 < len(message_of(Long())) <= MAX_MESSAGE
    assert time.thread_time() - started < 2, "of the processor: a busy machine is no fault of ours"


def test_notes_are_bounded_and_scrubbed():
    error = ValueError()
    for number in range(20):
        error.add_note(f"{number} password=hunter2 \ud800\x00")
    notes = notes_of(error)
    assert len(notes) == MAX_NOTES
    assert "hunter2" not in str(notes)
    encode(make_event(message=notes[0]))
    error.__notes__ = [Hangs(), "kept"]
    assert notes_of(error) == ("kept",)
    error.__notes__ = Hangs()
    assert notes_of(error) == ()


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_groups_hold_their_members_each_with_its_own_chain():
    wrapped = raised(ValueError("wrapped"), raised(KeyError("rabbit")))
    inner = raised(ExceptionGroup("inner", [raised(TypeError("deep")), wrapped]))
    group = raised(BaseExceptionGroup("all", [inner, raised(KeyboardInterrupt())]), raised(OSError("why")))
    chain = tuple(with_context(each, budget=Budget()) for each in chain_of(group))
    chain = decode(encode(make_event(exceptions=chain))).exceptions
    assert [(each.type, each.link) for each in chain] == [("OSError", "cause"), ("BaseExceptionGroup", None)]
    assert [(place, each.type, each.link) for place, each in chain[-1].every_member()] == [
        ("1", "ExceptionGroup", None),
        ("1.1", "TypeError", None),
        ("1.2", "KeyError", "cause"),
        ("1.2", "ValueError", None),
        ("2", "KeyboardInterrupt", None),
    ]
    member = chain[-1].members[0][-1].members[1][-1]
    assert member.frames[-1].function == "raised"
    assert member.frames[-1].locals


def test_groups_are_bounded_in_breadth_and_depth():
    wide = ExceptionGroup("wide", [ValueError(str(n)) for n in range(1_000)])
    [found] = chain_of(wide)
    assert (len(found.info.members), found.info.members_in_all) == (MAX_MEMBERS, 1_000)
    deep = ValueError("deep")
    for _ in range(200):
        deep = ExceptionGroup("deep", [deep])
    assert 1 < len(list(chain_of(deep)[0].info.every_member())) < 10
    tree = ValueError("leaf")
    for _ in range(3):
        tree = ExceptionGroup("tree", [tree, *(ExceptionGroup("x", [ValueError(), ValueError()]) for _ in range(7))])
    assert len(list(chain_of(tree)[0].info.every_member())) < MAX_EXCEPTIONS


def test_a_group_that_shares_exceptions_tells_each_once():
    shared = raised(KeyError("rabbit"))
    group = ExceptionGroup("all", [raised(ValueError("a"), shared), raised(ValueError("b"), shared)])
    group.__context__ = shared
    chain = [found.info for found in chain_of(group)]
    assert [each.type for each in chain] == ["KeyError", "ExceptionGroup"]
    assert [each.type for _, each in chain[-1].every_member()] == ["ValueError", "ValueError"]


def test_subclasses_of_refusals_refuse():
    from django.http import Http404

    class NoSuchPet(Http404):
        pass

    assert chain_of(NoSuchPet())[0].info.refuses
    assert not chain_of(KeyError())[0].info.refuses


def test_properties_in_front_of_a_chain_are_not_asked():
    class Sly(Exception):
        @property
        def __cause__(self):
            raise RuntimeError

        __context__ = __suppress_context__ = __traceback__ = args = __notes__ = __cause__

    [found] = chain_of(Sly("x"))
    assert (found.info.type, found.info.message) == ("Sly", "x")
