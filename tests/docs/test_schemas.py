"""The JSON Schemas of the reference: complete, valid, and such that a wrong answer is noticed.

That every answer in the tests of the commands fits is seen to where those run commands (tests/cli/conftest.py).
"""

from __future__ import annotations

import json

import pytest
from docs.answered import SCHEMAS, command_of, problem_of_answer
from jsonschema import Draft202012Validator
from reference_pages import commands

from capture.ledger import Ledger

LEDGER = Ledger(
    3, 1, 1, {"disk full": 1}, 0, 1, "/srv/shop/.capture", "sqlite:///shop.db", "", "", ({"name": "web-1"},)
)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMAS)


def test_there_is_one_for_each_command_that_prints_data() -> None:
    assert set(SCHEMAS["properties"]) == {*commands.with_json(), "manage.py capture_status"}


def test_a_key_more_a_key_less_and_another_type_are_noticed() -> None:
    right = LEDGER.as_dict()
    less = {key: value for key, value in right.items() if key != "seen"}
    answers = (right, right | {"new": 1}, less, right | {"seen": "3"})
    found = [problem_of_answer("manage.py capture_status", json.dumps(answer)) for answer in answers]
    assert [bool(problem) for problem in found] == [False, True, True, True]
    assert "'new' was unexpected" in found[1]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("--db sqlite:///x.db bugs list --json", "bugs list"),
        ("evidence B-001 --json", "evidence"),
        ("bugs note 3 --text fix --json", "bugs note"),
    ],
)
def test_a_command_is_known_by_its_words(line: str, command: str) -> None:
    assert command_of(line.split()) == command
