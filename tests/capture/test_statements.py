"""What goes on over several lines counts whole: as it would stand on one line."""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from capture import event as events
from capture.chains import Raised, chain_of, with_context
from capture.event import ExceptionInfo, Frame
from capture.explain import explained
from capture.fingerprint import fingerprint
from capture.local_variables import Budget
from capture.statements import length_of, may_go_on, on_one_line


class Refused(Exception):
    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__("refused")


def raised(source: str, function: str = "check", **given: Any) -> Raised:
    """Return what a function of this source raises, in a file of its own that is the application's."""
    filename = f"/srv/clinic/{abs(hash(source))}.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"__name__": "clinic.checks", "Refused": Refused, "use": lambda *_, **__: None} | given
    exec(compile(source, filename, "exec"), space)  # noqa: S102
    try:
        space[function]({})
    except Exception as error:  # noqa: BLE001
        return chain_of(error)[-1]
    raise AssertionError("nothing was raised")


def innermost(source: str, **given: Any) -> Frame:
    return [frame for frame in raised(source, **given).frames if frame.filename.startswith("/srv/")][-1]


def shown(source: str) -> Frame:
    """Return the innermost frame as it is in an event."""
    found = with_context(raised(source), budget=Budget())
    return msgspec.json.decode(msgspec.json.encode(found), type=ExceptionInfo).frames[-1]


def key(source: str) -> str:
    info = raised(source).info
    own = tuple(frame for frame in info.frames if frame.filename.startswith("/srv/"))
    return fingerprint(exceptions=(msgspec.structs.replace(info, frames=own),)).key


AGE = """\
def check(pet):
    raise Refused(
        "the age is negative",  # as vets say
        code="age",
    )
"""
WEIGHT = AGE.replace("age", "weight")


def test_the_statement_is_kept_with_its_lines() -> None:
    frame = innermost(AGE)
    assert frame.context_line == "    raise Refused("
    assert frame.statement == "\n".join(AGE.splitlines()[1:])
    assert shown(AGE).post_context == tuple(AGE.splitlines()[2:])


def test_two_raises_over_several_lines_are_two() -> None:
    assert key(AGE) != key(WEIGHT)


@pytest.mark.parametrize(
    "written",
    [
        'raise Refused("the age is negative", code="age")',
        'raise Refused(\n        "the age is negative", code="age"\n    )',
        'raise Refused("the age is negative",\n                  code="age")',
        'raise Refused("the age is negative", \\\n        code="age")',
        'raise Refused(\n        # in years\n        "the age is negative",\n\n        code="age",\n    )',
    ],
)
def test_written_otherwise_it_is_the_same(written: str) -> None:
    assert key(f"def check(pet):\n    {written}\n") == key(AGE)


def test_whatever_of_it_failed_first_the_text_is_the_same() -> None:
    source = 'def check(pet):\n    use(pet[use() or "a"](\n        1,\n    ),\n        2,\n    )\n'
    assert innermost(source).statement == "\n".join(source.splitlines()[1:])


def test_an_expression_inside_of_it_is_known_by_its_own_line() -> None:
    source = 'def check(pet):\n    use(\n        pet["a"],\n        pet["b"],\n    )\n'
    frame = innermost(source)
    assert (frame.context_line, frame.statement) == ('        pet["a"],', "")


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("def check(pet):\n    for name in pet.x:\n        use(\n            name,\n        )\n", 1),
        ("def check(pet):\n    with use(\n        pet,\n    ) as it:\n        pass\n", 3),
        ("def check(pet):\n    return (\n        pet.a\n        + pet.b\n    )\n", 2),
        ("def check(pet):\n    return (\n        len(pet)\n        + pet\n    )\n", 2),
        ("def check(pet):\n    return (\n        pet.copy()\n        .get(\n            pet.a,\n        )\n    )\n", 1),
    ],
)
def test_how_far_it_goes(source: str, kept: int) -> None:
    statement = innermost(source).statement
    assert (statement.count("\n") + 1 if statement else 1) == kept


def test_it_is_bounded() -> None:
    lines = "\n".join(f'        "part {number}",' for number in range(50))
    frame = shown(f"def check(pet):\n    raise Refused(\n{lines}\n    )\n")
    assert frame.statement.count("\n") == 7
    assert len(frame.post_context) == 5


def test_secrets_in_it_are_taken_out() -> None:
    frame = innermost('def check(pet):\n    raise Refused(\n        1,\n        password="hunter2",\n    )\n')
    assert "password=" in frame.statement
    assert "hunter2" not in frame.statement


def test_secrets_below_what_is_shown_are_taken_out() -> None:
    lines = "\n".join(f"        {number}," for number in range(4))
    frame = innermost(
        f'def check(pet):\n    raise Refused(\n{lines}\n        token=(\n            "hunter2"\n        ),\n    )\n'
    )
    assert '"[redacted]"' in frame.statement
    assert "hunter2" not in frame.statement


def test_libraries_have_none() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        found = chain_of(error)[-1]
    assert not any(frame.statement for frame in found.frames if not frame.in_app)


def test_an_event_has_it_and_is_explained_by_it() -> None:
    found = raised(AGE)
    info = msgspec.json.decode(msgspec.json.encode(with_context(found, budget=Budget())), type=ExceptionInfo)
    assert info.frames[-1].statement == innermost(AGE).statement
    own = msgspec.structs.replace(info, frames=info.frames[-1:])
    twice = msgspec.structs.replace(own, frames=own.frames * 2)
    made = fingerprint(exceptions=(own,))
    assert made.parts[-1].value == 'clinic.checks:check: raise Refused("the age is negative", code="age")'
    assert "repetitions" in {part.name for part in explained(made, exceptions=(twice,)).left_out}


def test_an_event_of_before_has_none() -> None:
    stored = b'{"module":"a","function":"b","filename":"/c.py","lineno":1,"context_line":"raise X("}'
    assert msgspec.json.decode(stored, type=Frame).statement == ""
    assert b"statement" not in msgspec.json.encode(msgspec.json.decode(stored, type=events.Frame))


def test_without_positions_it_is_the_line() -> None:
    script = (
        "from capture.statements import last_line\n"
        "code = compile('raise X(\\n  1,\\n)', 'a', 'exec')\n"
        "print(last_line(code, 1))"
    )
    ranges = [[], ["-X", "no_debug_ranges"]]
    told = [subprocess.check_output([sys.executable, *given, "-c", script], text=True) for given in ranges]
    assert told == ["3\n", "1\n"]


@pytest.mark.parametrize(
    ("line", "below", "may"),
    [
        ("raise Refused(", "", True),
        ("raise Refused(  # noqa: X", "", True),
        ('raise Refused("a",', "", True),
        ("x = a.b \\", "", True),
        (").get(", "", True),
        ("pet.a", "    + pet.b", True),
        ("return PRICES[species]", "", False),
        ("raise Refused('a')", "def next():", False),
    ],
)
def test_where_it_is_worth_a_look(line: str, below: str, may: bool) -> None:
    assert may_go_on(line, [below]) is may


def test_a_word_that_stands_alone_below_goes_on() -> None:
    source = 'def check(pet):\n    return (\n        use(pet["age"])\n        and\n        pet["name"]\n    )\n'
    shown = innermost(source)
    assert shown.statement == '        use(pet["age"])\n        and\n        pet["name"]'


def test_a_block_is_no_part() -> None:
    assert length_of(["for x in y:  # all", "    use(x)"]) == 1
    assert length_of(["if use(", "    'a):',", "):", "    pass"]) == 3
    assert length_of(["x = {", "    'a':", "    1,", "}"]) == 4


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("x = use(\n  a,\n  b,\n)", "x = use(a, b)"),
        ("x = use(\n  [\n  1,\n  ],\n  {\n  'a': 1,\n  },\n)", "x = use([1], {'a': 1})"),
        ("pets.filter(\n  a=1,\n).first()", "pets.filter(a=1).first()"),
        ("(pets\n  .filter(a)\n  .first())", "(pets.filter(a).first())"),
        ("use(\n  a,\n  ...,\n)", "use(a, ...)"),
        ("use(\n  '# a',  # b\n)", "use('# a')"),
        ("", ""),
    ],
)
def test_on_one_line(statement: str, line: str) -> None:
    assert on_one_line(statement) == line
