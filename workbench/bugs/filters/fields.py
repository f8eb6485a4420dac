"""The fields of the filter language: what may be asked of each, in one table.

Completion, the help sheet, docs and the errors are made from it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from capture.event import LEVELS
from capture.store.states import STATES

Sign = Literal["<", "<=", ">", ">=", "="]


class FilterError(Exception):
    """A filter that means nothing. `start` and `end` are the offsets of the wrong part in it."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end


@dataclass(frozen=True)
class Comparison:
    """What a number has to be."""

    sign: Sign
    number: int


@dataclass(frozen=True)
class Moment:
    """What a time has to be: compared with `at`, or with the time `ago` before now."""

    sign: Sign
    ago: timedelta | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Range:
    """A status of one class: 5xx is 500 to 599."""

    first: int
    last: int


Wanted = str | Comparison | Moment | Range


@dataclass(frozen=True)
class Field:
    """One field: how a value is read, what it means, and values to propose."""

    reader: Callable[[str], Wanted]
    meaning: str
    example: str
    values: tuple[str, ...] = ()
    expects: str = ""


class _Wrong(ValueError):
    """A value that its field cannot take."""


_COMPARED = re.compile(r"(?P<sign><=|>=|<|>|=|)(?P<rest>.*)", re.DOTALL)
_AGE = re.compile(r"([0-9]{1,6})(m|h|d|w)", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_MANY = {"": 1, "k": 1_000, "m": 1_000_000}


def _compared(value: str) -> tuple[Sign, str]:
    found = _COMPARED.match(value)
    assert found is not None, "a sign may be missing, and the rest is anything"
    return found["sign"] or "=", found["rest"]  # type: ignore[return-value]


def _pattern(value: str) -> str:
    return value


def _one_of(choices: Collection[str]) -> Callable[[str], str]:
    def read_choice(value: str) -> str:
        if value.lower() not in choices:
            raise _Wrong
        return value.lower()

    return read_choice


def _number(value: str) -> Comparison:
    sign, rest = _compared(value)
    found = re.fullmatch(r"([0-9]{1,12})([km]?)", rest.lower(), re.ASCII)
    if found is None:
        raise _Wrong
    return Comparison(sign, int(found[1]) * _MANY[found[2]])


def _status(value: str) -> Comparison | Range:
    found = re.fullmatch(r"([1-5])xx", value.lower(), re.ASCII)
    if found is not None:
        return Range(int(found[1]) * 100, int(found[1]) * 100 + 99)
    return _number(value)


def _moment(value: str) -> Moment:
    sign, rest = _compared(value)
    age = _AGE.fullmatch(rest.lower())
    if age is not None:
        # "<24h" reads "less than 24 hours ago". Without a sign, "24h" can mean nothing else.
        return Moment("<" if sign == "=" else sign, ago=int(age[1]) * _UNITS[age[2]])
    try:
        at = datetime.fromisoformat(rest)
    except ValueError:
        raise _Wrong from None
    if sign == "=":
        raise _Wrong  # nothing happens at an instant: "on that day" is said with two terms
    return Moment(sign, at=at.replace(tzinfo=UTC) if at.tzinfo is None else at)


IS = ("recurring", "new", "live", "assigned", "rehearsal", "merged")
HAS = ("issue", "session", "evidence", "release", "exception", "note", "label")
_WHEN = "an age as in <24h or >7d, or a date as in >2026-11-01"

FIELDS: Mapping[str, Field] = {
    "state": Field(_one_of(STATES), "its state", "state:open", STATES, "one of " + ", ".join(STATES)),
    "status": Field(
        _status,
        "the status of the response",
        "status:5xx",
        ("5xx", "4xx", "500", "404"),
        "a status as in 404, 5xx, >=500",
    ),
    "level": Field(_one_of(LEVELS), "how bad it is", "level:error", LEVELS, "one of " + ", ".join(LEVELS)),
    "type": Field(_pattern, "the type of the exception", "type:KeyError"),
    "route": Field(_pattern, "the route", "route:/api/pets/*"),
    "method": Field(_pattern, "the method of the request", "method:POST", ("GET", "POST", "PUT", "PATCH", "DELETE")),
    "title": Field(_pattern, "the title", "title:*timeout*"),
    "release": Field(_pattern, "the release that it was last seen in, or how it begins", "release:1.4*"),
    "env": Field(_pattern, "the environment that it was last seen in", "env:production"),
    "project": Field(_pattern, "the project", "project:shop"),
    "fingerprint": Field(_pattern, "a fingerprint, or how it begins", "fingerprint:3f2a"),
    "seen": Field(_moment, "when it was last seen", "seen:<24h", ("<1h", "<24h", "<7d", ">30d"), _WHEN),
    "first": Field(_moment, "when it was first seen", "first:<7d", ("<24h", "<7d", ">30d"), _WHEN),
    "count": Field(_number, "how often it was seen", "count:>100", (">10", ">100", ">1k"), "a number as in >100 or 1k"),
    "assigned": Field(_pattern, "who has it", "assigned:me", ("me", "nobody")),
    "label": Field(_pattern, "a label", "label:checkout"),
    "is": Field(_one_of(IS), "what it is", "is:recurring", IS, "one of " + ", ".join(IS)),
    "has": Field(_one_of(HAS), "what it has", "has:issue", HAS, "one of " + ", ".join(HAS)),
}


def read(field: str, value: str, start: int, end: int, *, is_quoted: bool = False) -> tuple[Wanted, ...]:
    """Return what is asked of `field`: any of the values between commas, or the one in quotes.

    Raises `FilterError` for a value that the field cannot take.
    """
    known = FIELDS[field]
    parts = [value] if is_quoted else value.split(",")
    if not all(part.strip() for part in parts):
        proposed = f", as in {known.example}" if not known.expects else f": {known.expects}"
        raise FilterError(f"{field}: needs a value{proposed}.", start, end)
    wanted = []
    for part in parts:
        try:
            wanted.append(known.reader(part.strip()))
        except _Wrong:
            near = nearest(part.lower(), known.values)
            hint = f" Did you mean {near}?" if near else ""
            raise FilterError(f"{field}: takes {known.expects}, not “{part}”.{hint}", start, end) from None
    return tuple(wanted)


def nearest(word: str, choices: Collection[str]) -> str:
    """Return the choice that was probably meant, or ""."""
    return next(iter(difflib.get_close_matches(word, choices, n=1, cutoff=0.6)), "")


def markdown() -> str:
    """Return the table of fields for docs/filter.md."""
    out = ["| field | asks for | as in |", "|---|---|---|"]
    out += [f"| `{name}:` | {field.meaning} | `{field.example}` |" for name, field in FIELDS.items()]
    return "\n".join(out) + "\n"
