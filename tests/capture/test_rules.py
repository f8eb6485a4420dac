"""A site's own rules: what they match, what they do, and that nothing in them can do harm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from capture import conf, rules
from capture import pipeline as pipelines
from capture.builder import Draft, Failure
from capture.conf import CaptureSettings
from capture.event import Event, Fingerprint, Part
from capture.fingerprint import fingerprint
from capture.rules import IGNORE, Rules, Ruling
from capture.spool import Record

PLAIN: Fingerprint = fingerprint(message="the default", with_earlier=True)
FACTS = {
    "type": ("django.http.response.Http404", "Http404"),
    "message": "no pet 17",
    "module": ["clinic.views", "clinic.pets"],
    "function": ["show", "find"],
    "route": "/feeds/<slug:name>/",
    "path": "/feeds/x/",
    "method": "GET",
    "status": "404",
    "level": "warning",
    "logger": "",
}


def no_event() -> Event:
    raise AssertionError("a rule decided: the function is not asked")


def ruling(*setting: dict[str, Any], function: Any = None, event: Any = no_event) -> Ruling:
    return Rules(setting, function).rule_on(FACTS, PLAIN, "warning", event)


@pytest.mark.parametrize(
    "match",
    [
        {"type": "Http404"},
        {"type": "Http*"},
        {"type": "django.http.*"},
        {"module": "clinic.views"},
        {"module": "clinic.p*"},
        {"function": "find"},
        {"route": "/feeds/*"},
        {"path": "/feeds/?/"},
        {"message": "no pet [0-9]*"},
        {"status": "4*"},
        {"status": 404},
        {"level": "warning"},
        {"method": "GET", "type": "Http404"},
        {"logger": ""} | {"type": "*"},
    ],
)
def test_globs_that_match(match: dict[str, Any]) -> None:
    assert ruling({"match": match, "ignore": True}).ignore


@pytest.mark.parametrize(
    "match",
    [
        {"type": "http404"},
        {"type": "Http"},
        {"route": "feeds"},
        {"module": "clinic"},
        {"method": "GET", "status": "5*"},
    ],
)
def test_globs_that_do_not_match(match: dict[str, Any]) -> None:
    assert ruling({"match": match, "ignore": True}) == Ruling(PLAIN, "warning")


def test_the_first_rule_that_matches_decides() -> None:
    found = ruling(
        {"match": {"type": "KeyError"}, "ignore": True},
        {"match": {"type": "Http404"}, "level": "debug"},
        {"match": {"type": "*"}, "ignore": True},
    )
    assert found == Ruling(PLAIN, "debug")


def test_a_fingerprint_of_the_sites_own_words() -> None:
    one = ruling({"match": {"type": "*"}, "fingerprint": "feeds"}).fingerprint
    other = Rules([{"match": {"type": "*"}, "fingerprint": "feeds"}]).rule_on(
        FACTS, fingerprint(message="something else"), "error", no_event
    )
    assert one.key == other.fingerprint.key != PLAIN.key
    assert one.parts == (Part(name="rule", value="feeds", why="rule 1 of the site's own"),)
    assert one.version == PLAIN.version
    assert one.earlier == ""  # the bug that these events had without the rule is another one


def test_a_fingerprint_may_add_to_the_default() -> None:
    found = ruling({"match": {"type": "*"}, "fingerprint": ["{{ default }}", "{{type}} on {{ route }}"]}).fingerprint
    assert [part.value for part in found.parts] == ["the default", "Http404 on /feeds/<slug:name>/"]
    assert found.key not in (PLAIN.key, "")
    assert ruling({"match": {"type": "*"}, "fingerprint": "{{ default }}"}).fingerprint == PLAIN


def test_the_function_is_asked_where_no_rule_matches() -> None:
    made = pipelines_event()
    asked: list[Event] = []

    def group(event: Event) -> str:
        asked.append(event)
        return "mine"

    found = ruling({"match": {"type": "KeyError"}, "ignore": True}, function=group, event=lambda: made)
    assert found.fingerprint.parts[0].value == "mine"
    assert asked == [made]
    assert ruling(function=lambda _event: None, event=lambda: made) == Ruling(PLAIN, "warning")
    assert ruling(function=lambda _event: IGNORE, event=lambda: made).ignore
    ruling({"match": {"type": "Http404"}, "level": "info"}, function=group)


def test_what_the_function_says_can_be_kept() -> None:
    """Half a surrogate pair cannot be encoded: every event of such an answer was lost."""
    found = ruling(function=lambda _event: "host-\udcff\0", event=pipelines_event).fingerprint
    assert found.parts[0].value == "host-\ufffd\ufffd"
    msgspec.json.encode(found)


def pipelines_event() -> Event:
    from capture.testing import make_event

    return make_event()


def raises(_event: Event) -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "function", [raises, lambda _event: 7, lambda _event: "", "clinic.nowhere.group", "json.nothing"]
)
def test_a_broken_function_leaves_the_default_and_is_told_once(function: Any, caplog: pytest.LogCaptureFixture) -> None:
    mine = Rules((), function)
    caplog.set_level(logging.ERROR, "capture")
    for _ in range(3):
        found = mine.rule_on(FACTS, PLAIN, "warning", pipelines_event)
        assert (found.fingerprint, found.ignore) == (PLAIN, False)
    assert len([record for record in caplog.records if "rule of CAPTURE broke" in record.getMessage()]) == 1


@pytest.mark.parametrize(
    ("rule", "said", "hint"),
    [
        ("ignore", "rule 1 is not a dictionary", "For example"),
        ({"match": {"type": "X"}}, "rule 1 does nothing", "Give it"),
        ({"match": {}, "ignore": True}, "rule 1 has no patterns", "For example"),
        ({"ignore": True}, "rule 1 has no patterns", "For example"),
        ({"match": {"kind": "X"}, "ignore": True}, "unknown field 'kind'", "The fields are type"),
        ({"match": {"type": 7.5}, "ignore": True}, "pattern for type that is no text: 7.5", "* stands for"),
        ({"match": {"type": ""}, "ignore": True}, "pattern for type that is no text: ''", "* stands for"),
        ({"match": {"type": "a["}, "ignore": True}, "open bracket", "[[]"),
        ({"match": {"type": "X"}, "ignored": True, "level": "info"}, "unknown key 'ignored'", "The keys of a rule"),
        ({"match": {"type": "X"}, "ignore": "yes"}, "ignore that is not True or False", "For example"),
        ({"match": {"type": "X"}, "level": "bad"}, "unknown level 'bad'", "debug, info"),
        ({"match": {"type": "X"}, "ignore": True, "level": "info"}, "ignores and groups at once", "Leave out"),
        ({"match": {"type": "X"}, "fingerprint": 5}, "neither text nor a list of texts", "deadlock"),
        ({"match": {"type": "X"}, "fingerprint": "{{ path }}"}, "unknown {{ path }}", "There are default"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(rule: Any, said: str, hint: str) -> None:
    (problem,) = conf.problems({"RULES": [rule]})
    assert problem.id == "capture.E010"
    assert said in problem.message
    assert hint in problem.hint


def test_rules_that_are_right_and_a_setting_that_is_none() -> None:
    right = [{"match": {"type": "X", "status": 404}, "fingerprint": ["a", "{{ default }}"], "level": "info"}]
    assert conf.problems({"RULES": right, "FINGERPRINT": "a.b"}) == []
    assert conf.problems({"RULES": None, "FINGERPRINT": None}) == []
    assert "must be a list" in conf.problems({"RULES": {}})[0].message
    assert conf.problems({"FINGERPRINT": 7})[0].id == "capture.E003"


def test_check_imports_the_function_and_names_what_is_wrong(django_site: None, settings_of: Any) -> None:
    from capture.checks import check_capture

    settings_of({"FINGERPRINT": "clinic.nowhere.group"})
    (found,) = [message for message in check_capture() if message.id == "capture.E011"]
    assert "ModuleNotFoundError" in found.msg
    settings_of({"FINGERPRINT": "capture.capture_message"})
    assert not [message for message in check_capture() if message.id == "capture.E011"]


@pytest.fixture
def settings_of(django_site: None) -> Iterator[Callable[[dict[str, Any]], None]]:
    from django.test import override_settings

    overrides: list[Any] = []

    def put(setting: dict[str, Any]) -> None:
        override = override_settings(CAPTURE=setting)
        override.enable()
        overrides.append(override)

    yield put
    for override in reversed(overrides):
        override.disable()


@pytest.fixture
def captured_under(
    django_site: None, capture_settings: CaptureSettings, read_records: Callable[..., list[Record]]
) -> Iterator[Callable[..., list[Record]]]:
    """A function that captures failures under some rules, and returns what is in the journal."""
    before = pipelines.install(None)
    made: list[pipelines.Pipeline] = []

    def captured(mine: Rules, *failures: Failure) -> list[Record]:
        made.append(pipelines.Pipeline(replace(capture_settings, rules=mine)))
        for failure in failures:
            made[-1].capture(failure)
        made[-1].journal.close()
        return read_records(capture_settings.journal_dir)

    yield captured
    for pipeline in made:
        pipeline.journal.close()
    pipelines.install(before)


def failed(message: str = "pet 17") -> Failure:
    try:
        raise LookupError(message)
    except LookupError as error:
        return Failure(error=error, status=500)


def test_an_ignored_event_is_in_the_ledger_and_nowhere_else(
    captured_under: Any, capture_settings: CaptureSettings
) -> None:
    mine = Rules([{"match": {"type": "LookupError"}, "ignore": True}])
    found = captured_under(mine, failed(), failed(), Failure(message="kept"))
    assert [record.event.message for record in found if record.event] == ["kept"]
    from capture.ledger import ledger

    told = ledger(capture_settings)
    assert told.dropped == {"ignored": 2}
    assert (told.seen, told.pending, told.balanced) == (3, 1, True)


def test_an_event_carries_its_level_and_its_rule(captured_under: Any) -> None:
    mine = Rules([{"match": {"message": "pet*"}, "level": "fatal", "fingerprint": "pets"}])
    (record,) = captured_under(mine, failed())
    assert record.event.level == "fatal"
    assert record.event.fingerprint.parts[0].name == "rule"


def test_an_event_says_that_a_rule_broke(captured_under: Any) -> None:
    (record,) = captured_under(Rules((), raises), failed())
    assert record.event.tags == {"capture.broken_rule": "ZeroDivisionError"}
    assert record.event.title == "LookupError: pet 17 in failed"


class Login:
    def post(self) -> None:
        raise LookupError("pet 17")


@pytest.mark.parametrize("name", ["post", "Login.post", "Login.*"])
def test_a_method_is_met_with_and_without_its_class(captured_under: Any, name: str) -> None:
    try:
        Login().post()
    except LookupError as error:
        failure = Failure(error=error)
    mine = Rules([{"match": {"function": name}, "fingerprint": "{{ function }}"}])
    (record,) = captured_under(mine, failure)
    assert [part.value for part in record.event.fingerprint.parts] == ["Login.post"]
    assert record.event.title == "LookupError: pet 17 in Login.post"


def test_levels_without_rules(django_site: None, capture_settings: CaptureSettings) -> None:
    levels = [
        Draft(failure, capture_settings).level
        for failure in (failed(), Failure(status=503), Failure(status=404), Failure(message="x"))
    ]
    assert levels == ["error", "error", "warning", "info"]


def test_the_function_gets_the_event_as_it_will_be_kept(captured_under: Any) -> None:
    got: list[Event] = []
    (record,) = captured_under(Rules((), got.append), failed())
    assert (got[0].title, got[0].fingerprint) == (record.event.title, record.event.fingerprint)
    assert got[0].exceptions[-1].frames[-1].function == "failed"
    assert rules.function_of("capture.capture_message") is not None
