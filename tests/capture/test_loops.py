"""How functions call each other again is how somebody nested their data: no loop on the way makes another bug."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.chains import chain_of
from capture.event import ExceptionInfo, Frame
from capture.explain import explained
from capture.fingerprint import fingerprint

FUNCTIONS = st.sampled_from("abcdef")


def parts_of(walk, kind="KeyError"):
    """Return the parts of a fault at the end of a way through functions, of which each calls another on a line."""
    lines = [*(f"return {called}(value)" for _caller, called in pairwise(walk)), "raise KeyError(value)"]
    frames = tuple(
        Frame(module="clinic.tree", function=function, filename="/srv/tree.py", lineno=1, context_line=line)
        for function, line in zip(walk, lines, strict=True)
    )
    chain = (ExceptionInfo(type=kind, module="builtins", frames=frames),)
    return fingerprint(exceptions=chain).parts


@given(st.lists(FUNCTIONS, min_size=1, max_size=12), st.data())
def test_a_loop_on_the_way_changes_nothing(walk, data):
    """A loop through what lies further out is another thing: one may leave that by another way."""
    at = data.draw(st.integers(0, len(walk) - 1))
    further_in = sorted(set("abcdef") - set(walk[:at]))
    loop = data.draw(st.lists(st.sampled_from(further_in), max_size=8)) if further_in else []
    assert parts_of([*walk[: at + 1], *loop, *walk[at:]]) == parts_of(walk)


@given(st.lists(FUNCTIONS, min_size=1, max_size=20))
def test_every_way_counts_as_one_without_loops(walk):
    found = [part.value.partition(":")[2].partition(":")[0] for part in parts_of(walk)[1:]]
    assert len(set(found)) == len(found)
    assert found[-1] == walk[-1]
    assert set(pairwise(found)) <= set(pairwise(walk))
    assert parts_of(found) == parts_of(walk)


@given(st.lists(FUNCTIONS, min_size=2, max_size=6, unique=True), st.integers(0, 20), st.integers(0, 20))
def test_an_endless_recursion_is_one_wherever_it_runs_out_of_room(cycle, first, second):
    laps = ["view", *cycle * 4]
    found = [parts_of([*laps, *(cycle * 4)[:more]], "RecursionError") for more in (first, second)]
    assert found[0] == found[1]


def dispatched(functions):
    """Return the key of an endless recursion in which no function calls another by its name."""
    line = "return table[kind](value)"
    frames = tuple(
        Frame(module="clinic.tree", function=function, filename="/srv/tree.py", lineno=1, context_line=line)
        for function in functions
    )
    return fingerprint(exceptions=(ExceptionInfo(type="RecursionError", module="builtins", frames=frames),)).key


def test_an_endless_recursion_of_functions_within_a_function_is_one_as_well():
    laps = ["view", *["walker.visit", "walker.branch"] * 4]
    assert dispatched(laps) == dispatched([*laps, "walker.visit"])


class Writer:
    """A walker over data as a client nested them."""

    def dump(self, value):
        if isinstance(value, list):
            return [self.dump(each) for each in value]
        if isinstance(value, dict):
            return self.dump_dict(value)
        raise TypeError(value)

    def dump_dict(self, value):
        return {key: self.dump(each) for key, each in value.items()}


def key_of(value):
    try:
        Writer().dump(value)
    except (TypeError, RecursionError) as error:
        chain = [raised.info for raised in chain_of(error)]
        return fingerprint(exceptions=chain).key
    raise AssertionError("nothing was raised")


def nested(depth, *around):
    value = object()
    for level in range(depth):
        value = [value] if around[level % len(around)] is list else {"key": value}
    return value


@pytest.mark.parametrize("around", [(list,), (dict,), (list, dict), (dict, dict, list)])
def test_whatever_somebody_nests_is_one_bug(around):
    assert {key_of(nested(depth, *around)) for depth in (1, 2, 3, 7, 40, 150)} == {key_of(object())}


def test_what_is_nested_too_deep_is_one_bug_as_well():
    found = {key_of(nested(depth, *around)) for depth in (2_000, 2_001) for around in ((list,), (dict,), (list, dict))}
    assert len(found) == 1
    assert key_of(object()) not in found


def timed(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def logged(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def short(function):
    def f(*args, **kwargs):
        return function(*args, **kwargs)

    return f


def checked(function):
    def wrapper(value):
        return function(value)

    return wrapper


def decorated(*decorators):
    """Return three functions with the same decorators; the first two call the third."""

    def around(function):
        for decorator in decorators:
            function = decorator(function)
        return function

    @around
    def finds(value):
        raise LookupError(value)

    @around
    def sells(value):
        return finds(value)

    @around
    def lends(value):
        return finds(value + 1)

    return sells, lends, finds


def does(function, value=1):
    try:
        function(value)
    except LookupError as error:
        return fingerprint(exceptions=[raised.info for raised in chain_of(error)]).key
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "decorators",
    [(timed,), (timed, logged), (logged, timed, logged), (short,), (checked,), (checked, timed)],
    ids=["one", "two whose wrappers have one name", "three", "one letter", "a signature of its own", "both"],
)
def test_decorators_of_functions_that_call_each_other_are_no_loop(decorators):
    """What lies between two calls of a wrapper is what was decorated, and tells faults apart."""
    assert len({does(function) for function in decorated(*decorators)}) == 3


def walker(value):
    def visit(value):
        if isinstance(value, list):
            return branch(value)
        raise LookupError(value)

    def branch(value):
        return [visit(each) for each in value]

    return visit(value)


def test_functions_within_a_function_that_call_each_other_by_name_are_a_loop():
    assert len({does(walker, value) for value in (1, [1], [[1]], [2, [[[1]]]])}) == 1


def test_loops_are_explained():
    walk = [
        Frame(module="clinic.tree", function=name, filename="/srv/tree.py", lineno=1, context_line="x()")
        for name in "abab"
    ]
    chain = (ExceptionInfo(type="KeyError", module="builtins", frames=tuple(walk)),)
    told = explained(fingerprint(exceptions=chain), exceptions=chain)
    assert "repetitions" in {part.name for part in told.left_out}
