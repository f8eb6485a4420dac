"""Reads bug files back: what the program wrote, and only that. Whatever people wrote stays where it is."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from capture.event import Kind
from capture.store.states import STATES, ActorKind
from workbench.bugs.markdown import GAP
from workbench.bugs.numbers import parse_number
from workbench.bugs.rows import TransitionRow
from workbench.bugs.weave import front_lines, generated
from workbench.errors import UsageError

_MOST_BYTES = 5_000_000
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_ISSUE = re.compile(r"https?://[^/\s]+/([\w.-]+/[\w.-]+)/issues/([0-9]{1,9})", re.ASCII)
_STEP = re.compile(
    r"- (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d) UTC · (?:(?P<was>\w+) → )?(?P<to>\w+) · (?P<who>.*?)(?:: (?P<why>.*))?"
)
_DECISION = re.compile(
    r"- (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d) UTC · (?P<decision>verified|rejected) by (?P<by>.*?)"
    r" · commit (?P<commit>\S+)(?P<rest>.*)"
)


class NotABugFile(Exception):
    """A file that holds no bug. The message says what is wrong with it."""


@dataclass(frozen=True)
class Decision:
    """One sign-off, as a file tells it."""

    at: datetime
    decision: str
    by: str
    commit: str
    note: str


@dataclass(frozen=True)
class FiledBug:
    """What a bug file says."""

    number: int
    state: str
    fingerprints: tuple[str, ...]
    project: str
    environment: str
    title: str
    kind: str
    exception_type: str | None
    status_code: int | None
    method: str | None
    route: str | None
    count: int
    first_seen: datetime
    last_seen: datetime
    releases: tuple[str, ...]
    issue: tuple[str, int, str] | None  # repository, number, address
    fix_commit: str | None
    history: tuple[TransitionRow, ...]
    decisions: tuple[Decision, ...]


def read(path: Path) -> FiledBug:
    """Return the bug of a file. Raises `NotABugFile`, or `OSError` where it cannot be read."""
    if path.stat().st_size > _MOST_BYTES:
        raise NotABugFile(f"it is larger than {_MOST_BYTES:,} bytes")
    text = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    front = _front(text)
    parts = {name: text[start:end] for name, start, end in generated(text)}
    summary = parts.get("summary", "")
    releases = _list(front, "releases")
    return FiledBug(
        number=_number(front),
        state=_one_of(front, "state", STATES),
        fingerprints=_fingerprints(front),
        project=_text(front, "project"),
        environment=_text(front, "environment"),
        title=_text(front, "title") or _heading(summary),
        kind=_one_of(front, "kind", get_args(Kind)) if "kind" in front else "message",
        exception_type=_text(front, "type") or None,
        status_code=_count(front, "status") if front.get("status") is not None else None,
        method=_text(front, "method") or None,
        route=_text(front, "route") or None,
        count=_count(front, "count"),
        first_seen=_time(front, "first_seen"),
        last_seen=_time(front, "last_seen"),
        releases=releases,
        issue=_issue(front),
        fix_commit=_text(front, "fix_commit") or None,
        history=tuple(_steps(parts.get("history", ""))),
        decisions=tuple(_decisions(parts.get("sign-off", ""))),
    )


def _front(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in front_lines(text):
        key, _, value = line.partition(":")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            continue  # a line of somebody's own
    if "number" not in found:
        raise NotABugFile("it has no front matter with a number")
    return found


def _number(front: dict[str, Any]) -> int:
    try:
        return parse_number(str(front["number"]))
    except UsageError:
        raise NotABugFile(f"its number is {front['number']!r}") from None


def _text(front: dict[str, Any], key: str) -> str:
    value = front.get(key)
    if value is not None and not isinstance(value, str):
        raise NotABugFile(f"its {key} is not a text")
    return value or ""


def _one_of(front: dict[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = _text(front, key)
    if value not in choices:
        raise NotABugFile(f"its {key} is {value!r}, not one of {', '.join(choices)}")
    return value


def _count(front: dict[str, Any], key: str) -> int:
    value = front.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise NotABugFile(f"its {key} is not a number")
    return value


def _list(front: dict[str, Any], key: str) -> tuple[str, ...]:
    value = front.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise NotABugFile(f"its {key} are not a list of texts")
    return tuple(value)


def _fingerprints(front: dict[str, Any]) -> tuple[str, ...]:
    keys = _list(front, "fingerprints")
    if not keys or not all(_KEY.fullmatch(key) for key in keys):
        raise NotABugFile("it names no fingerprint")
    return tuple(dict.fromkeys(keys))


def _time(front: dict[str, Any], key: str) -> datetime:
    try:
        at = datetime.fromisoformat(_text(front, key))
    except ValueError:
        raise NotABugFile(f"its {key} is no time") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _issue(front: dict[str, Any]) -> tuple[str, int, str] | None:
    address = _text(front, "issue")
    found = _ISSUE.fullmatch(address)
    return (found[1], int(found[2]), address) if found else None


def _heading(summary: str) -> str:
    found = re.search(r"^# B-\d+: (.*)$", summary, re.MULTILINE)
    return spoken(found[1]) if found else "without a title"


def _steps(section: str) -> list[TransitionRow]:
    steps = []
    for line in section.split("\n"):
        found = _STEP.fullmatch(line)
        if found is None or found["to"] not in STATES or found["was"] not in (None, *STATES):
            continue
        kind, _, name = found["who"].partition(" ")
        if kind not in get_args(ActorKind) or kind == "person":
            kind, name = "person", found["who"]
        steps.append(
            TransitionRow(
                _minute(found["at"]), kind, spoken(name), found["was"], found["to"], spoken(found["why"] or "")
            )
        )
    return steps


def _decisions(section: str) -> list[Decision]:
    decisions = []
    for line in section.split("\n"):
        found = _DECISION.fullmatch(line)
        if found is not None:
            words = [part for part in found["rest"].split(" · ") if part and not part.startswith("evidence: ")]
            at, commit = _minute(found["at"]), spoken(found["commit"])
            decisions.append(Decision(at, found["decision"], spoken(found["by"]), commit, spoken(" · ".join(words))))
    return decisions


def _minute(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def spoken(text: str) -> str:
    """Return what `inert` Markdown says to a reader: without its escapes, entities and gaps."""
    return html.unescape(re.sub(r"\\(.)", r"\1", text)).replace(GAP, "").strip()
