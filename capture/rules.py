"""The site's own rules of grouping: globs over an event's facts, and what to do with the events that match.

    "RULES": [
        {"match": {"type": "Http404", "route": "/feeds/*"}, "ignore": True},
        {"match": {"message": "*deadlock detected*"}, "fingerprint": "deadlock"},
        {"match": {"module": "clinic.imports.*"}, "fingerprint": ["{{ default }}", "{{ route }}"], "level": "warning"},
    ],
    "FINGERPRINT": "clinic.grouping.group",  # or the function itself: event → text, None or capture.rules.IGNORE

The first rule that matches decides. The function is asked where none did. Neither can do harm: what breaks in here
leaves the fingerprint as it would have been.
"""

from __future__ import annotations

import contextlib
import fnmatch
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import msgspec

from capture.event import LEVELS, Fingerprint, Level, Part
from capture.scrub import clean

if TYPE_CHECKING:
    from capture.event import Event

logger = logging.getLogger("capture")

IGNORE: Final = "\0ignore"
FIELDS = ("type", "message", "module", "function", "route", "path", "method", "status", "level", "logger")
MAX_TEXT = 300
_ACTIONS = ("fingerprint", "ignore", "level")
_NAMED = re.compile(r"\{\{ ?(\w+) ?\}\}")


@dataclass(frozen=True)
class Rule:
    """One rule: a pattern for each field that it looks at, and what it does."""

    match: tuple[tuple[str, re.Pattern[str]], ...]
    fingerprint: tuple[str, ...] = ()
    ignore: bool = False
    level: Level | None = None
    number: int = 0

    def applies(self, facts: Mapping[str, str | Sequence[str]]) -> bool:
        """Return whether every pattern of the rule fits the facts; of several values, one has to fit."""
        for field, pattern in self.match:
            value = facts[field]
            if not any(map(pattern.match, (value,) if isinstance(value, str) else value)):
                return False
        return True


@dataclass(frozen=True)
class Ruling:
    """What the rules made of an event: its fingerprint and level, or that it is to be ignored."""

    fingerprint: Fingerprint
    level: Level
    ignore: bool = False
    failed: str = ""


class Rules:
    """The rules of a site, and its own function."""

    def __init__(self, setting: Sequence[Mapping[str, Any]] = (), function: Any = None) -> None:
        self._rules = [_rule(number, given) for number, given in enumerate(setting, start=1)]
        self._given = function
        self._function: Callable[[Event], Any] | None = None
        self._complained = False

    def __bool__(self) -> bool:
        return bool(self._rules or self._given)

    def rule_on(
        self,
        facts: Mapping[str, str | Sequence[str]],
        default: Fingerprint,
        level: Level,
        event: Callable[[], Event],
    ) -> Ruling:
        """Return what becomes of an event with these facts. Never raises.

        `event` makes the event itself, for the site's own function.
        """
        try:
            for rule in self._rules:
                if rule.applies(facts):
                    return Ruling(_custom(rule, facts, default), rule.level or level, ignore=rule.ignore)
            if self._given is not None:
                return self._asked(default, level, event())
        except Exception as error:  # noqa: BLE001  (code of the site's own, in the middle of its own failure)
            self._complain()
            return Ruling(default, level, failed=type(error).__name__)
        return Ruling(default, level)

    def _asked(self, default: Fingerprint, level: Level, event: Event) -> Ruling:
        if self._function is None:
            given, self._given = self._given, None  # one that cannot be imported is not tried with every error
            self._function = function_of(given)
            self._given = given
        answer = self._function(event)
        if answer is None:
            return Ruling(default, level)
        if answer == IGNORE:
            return Ruling(default, level, ignore=True)
        if not isinstance(answer, str) or not answer:
            raise TypeError(f"CAPTURE['FINGERPRINT'] returned {type(answer).__name__}, not text, None or IGNORE")
        value = clean(answer[:MAX_TEXT])
        return Ruling(
            _of_parts([Part(name="function", value=value, why="what the site's own function says")], default), level
        )

    def _complain(self) -> None:
        if not self._complained:
            self._complained = True
            with contextlib.suppress(Exception):  # a logging handler of the site may raise
                logger.exception(
                    "A rule of CAPTURE broke, and its event is grouped without it; this is said once a process."
                )


def problems_of_rules(setting: Any) -> list[tuple[str, str]]:
    """Return what is wrong with CAPTURE["RULES"], each with what to do about it."""
    if not isinstance(setting, Sequence) or isinstance(setting, str | bytes):
        return [("must be a list of rules", _EXAMPLE)]
    found: list[tuple[str, str]] = []
    for number, given in enumerate(setting, start=1):
        found += [(f"rule {number} {wrong}", hint) for wrong, hint in _problems_of_rule(given)]
    return found


def problem_of_function(given: Any) -> str:
    """Return what is wrong with CAPTURE["FINGERPRINT"], or nothing. A dotted path is imported."""
    if given is None or callable(given):
        return ""
    if not isinstance(given, str):
        return "must be a function or the dotted path of one"
    try:
        function_of(given)
    except Exception as error:  # noqa: BLE001  (whatever importing the site's module raises)
        return f"names {given[:100]!r}, which cannot be used ({type(error).__name__}: {str(error)[:150]})"
    return ""


def function_of(given: Any) -> Callable[[Event], Any]:
    """Return the function that a setting gives or names. Raises whatever importing it raises, or TypeError."""
    if isinstance(given, str):
        module, _, name = given.rpartition(".")
        if not module:
            raise ImportError(f"{given} is no dotted path")
        given = getattr(import_module(module), name)
    if not callable(given):
        raise TypeError("it is not callable")
    return given  # type: ignore[no-any-return]


_EXAMPLE = 'For example {"match": {"type": "Http404", "route": "/feeds/*"}, "ignore": True}.'


def _problems_of_rule(given: Any) -> list[tuple[str, str]]:
    if not isinstance(given, Mapping):
        return [("is not a dictionary", _EXAMPLE)]
    found = [
        (f"has an unknown key {key!r}", f"The keys of a rule are match, {', '.join(_ACTIONS)}.")
        for key in given
        if key not in ("match", *_ACTIONS)
    ]
    match = given.get("match")
    if not isinstance(match, Mapping) or not match:
        found.append(("has no patterns to match", _EXAMPLE))
    else:
        found += _problems_of_match(match)
    if not any(given.get(action) for action in _ACTIONS):
        found.append(("does nothing", "Give it a fingerprint, a level, or ignore: True."))
    if given.get("ignore") and (given.get("fingerprint") or given.get("level")):
        found.append(("ignores and groups at once", "Leave out either ignore, or fingerprint and level."))
    if not isinstance(given.get("ignore", False), bool):
        found.append(("has an ignore that is not True or False", _EXAMPLE))
    if given.get("level") is not None and given["level"] not in LEVELS:
        found.append((f"has an unknown level {given['level']!r}", f"The levels are {', '.join(LEVELS)}."))
    if "fingerprint" in given:
        found += _problems_of_fingerprint(given["fingerprint"])
    return found


def _problems_of_match(match: Mapping[Any, Any]) -> list[tuple[str, str]]:
    found = []
    for field, glob in match.items():
        if field not in FIELDS:
            found.append((f"matches an unknown field {field!r}", f"The fields are {', '.join(FIELDS)}."))
        elif not isinstance(glob, str | int) or isinstance(glob, bool) or glob == "":
            found.append(
                (f"has a pattern for {field} that is no text: {glob!r}", "* stands for any text, ? for one character.")
            )
        elif isinstance(glob, str) and glob.count("[") != glob.count("]"):
            found.append(
                (f"has a pattern for {field} with an open bracket: {glob!r}", "Write [[] for a bracket itself.")
            )
    return found


def _problems_of_fingerprint(given: Any) -> list[tuple[str, str]]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not texts or not all(isinstance(text, str) and text for text in texts):
        return [("has a fingerprint that is neither text nor a list of texts", 'For example "deadlock".')]
    unknown = sorted({name for text in texts for name in _NAMED.findall(text)} - {"default", *_PLACES})
    return [
        (f"has a fingerprint with an unknown {{{{ {name} }}}}", f"There are default, {', '.join(_PLACES)}.")
        for name in unknown
    ]


# Of these there are as many as the site has; of messages and paths, as many as its clients like.
_PLACES = ("type", "module", "function", "route", "status", "logger")


def _rule(number: int, given: Mapping[str, Any]) -> Rule:
    fingerprint = given.get("fingerprint") or ()
    return Rule(
        match=tuple((field, re.compile(fnmatch.translate(str(glob)))) for field, glob in given["match"].items()),
        fingerprint=(fingerprint,) if isinstance(fingerprint, str) else tuple(fingerprint),
        ignore=bool(given.get("ignore")),
        level=given.get("level"),
        number=number,
    )


def _custom(rule: Rule, facts: Mapping[str, str | Sequence[str]], default: Fingerprint) -> Fingerprint:
    if not rule.fingerprint:
        return default
    parts: list[Part] = []
    for text in rule.fingerprint:
        if _NAMED.fullmatch(text) and _NAMED.findall(text) == ["default"]:
            parts += default.parts
        else:
            value = _NAMED.sub(lambda found: _filled(found[1], facts, default), text)[:MAX_TEXT]
            parts.append(Part(name="rule", value=value, why=f"rule {rule.number} of the site's own"))
    return default if tuple(parts) == default.parts else _of_parts(parts, default)


def _filled(name: str, facts: Mapping[str, str | Sequence[str]], default: Fingerprint) -> str:
    if name == "default":
        return default.key
    value = facts[name]
    return value if isinstance(value, str) else (value[-1] if value else "")


def _of_parts(parts: Sequence[Part], default: Fingerprint) -> Fingerprint:
    from capture.fingerprint import key_from

    # A rule is somebody's decision: the bug that the events had without it is another one.
    return msgspec.structs.replace(default, key=key_from(parts), parts=tuple(parts), earlier="")
