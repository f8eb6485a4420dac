"""What events of one bug can be told apart by, and the rule of the site that would keep them apart from now on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from capture.event import Event, Part
from capture.fingerprint import VERSION, key_from
from capture.rules import FIELDS as RULED
from capture.rules import MAX_TEXT
from capture.store.labels import label
from workbench.errors import UsageError
from workbench.text import plain

VALUE_LIMIT = 2_000  # characters, as many as a column of a path holds


def _type(event: Event) -> str:
    return event.surfaced.type if event.surfaced else ""


# How a stored event says each of them. The first five have columns of their own (see `COLUMNS`).
FIELDS: dict[str, Callable[[Event], str]] = {
    "release": lambda event: event.release or "",
    "path": lambda event: event.request.path if event.request else "",
    "user": lambda event: event.user_id or "",
    "status": lambda event: "" if event.status is None else str(event.status),
    "environment": lambda event: event.environment,
    "server": lambda event: event.server,
    "route": lambda event: (event.request and event.request.route) or "",
    "method": lambda event: event.request.method if event.request else "",
    "type": _type,
}
COLUMNS = {"release": "release", "path": "path", "user": "user_id", "status": "status_code",
           "environment": "environment"}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One value of one field; an empty value stands for events without any."""

    field: str
    value: str

    @property
    def words(self) -> str:
        """The difference as people read it, inert."""
        return f"{self.field} {plain(self.value, 100) or '(none)'}"

    def holds(self, event: Event) -> bool:
        """Return whether an event has this value."""
        return FIELDS[self.field](event) == self.value


def parse_difference(text: str) -> Difference:
    """Return the difference that FIELD=VALUE names. Raises `UsageError` for another form or field."""
    field, equals, value = text.partition("=")
    if not equals or field not in FIELDS:
        raise UsageError(
            f"{plain(text, 100)!r} does not say what tells events apart.",
            cure=f"Write FIELD=VALUE, such as release=2026.11; the fields are {', '.join(FIELDS)}.",
        )
    return Difference(field, value[:VALUE_LIMIT])


@dataclass(frozen=True)
class Apart:
    """What the events that were split off are known by. `rule` is None where no rule of the site can say it."""

    key: str
    parts: tuple[Part, ...]
    rule: dict[str, Any] | None


def apart(number: int, difference: Difference, event: Event) -> Apart:
    """Return the fingerprint that events like this one, split off from bug `number`, are given.

    Where a rule of the site can say what they have in common, it is the one that this rule gives to events to come.
    """
    said = f"split off {label(number)}: {difference.field}={_worded(difference.value)}"[:MAX_TEXT]
    rule = _rule(difference, event, said)
    why = "rule 1 of the site's own" if rule else "only stored events were split off"
    parts = (*event.fingerprint.parts, Part(name="rule" if rule else "split", value=said, why=why))
    return Apart(key_from(parts), parts, rule)


def can_be_ruled(difference: Difference) -> bool:
    """Return whether rules of a site look at such a field at all."""
    return difference.field in RULED and bool(difference.value)


def _worded(value: str) -> str:
    # Braces would be places that a rule fills in.
    return plain(value, 200).replace("{{", "{ {").replace("}}", "} }") or "(none)"


def _rule(difference: Difference, event: Event, said: str) -> dict[str, Any] | None:
    names = {part.name for part in event.fingerprint.parts}
    is_plain = event.fingerprint.version == VERSION and not names & {"rule", "function"}
    if not can_be_ruled(difference) or not is_plain:
        return None
    match = {difference.field: _glob(difference.value)}
    for field, value in _place(event).items():
        if value:
            match.setdefault(field, _glob(value))
    return {"match": match, "fingerprint": ["{{ default }}", said]}


def _place(event: Event) -> dict[str, str]:
    """Return what keeps the rule to events of this one fault: where it was raised, or what was refused."""
    surfaced = event.surfaced
    if surfaced is None or event.kind != "exception":
        request = event.request
        return {
            "status": "" if event.status is None else str(event.status),
            "route": (request and request.route) or "",
            "method": request.method if request else "",
        }
    own = [frame for frame in surfaced.frames if frame.in_app] or list(surfaced.frames)
    return {
        "type": surfaced.type,
        "module": own[-1].module if own else "",
        "function": own[-1].function if own else "",
    }


def _glob(value: str) -> str:
    """Return a pattern that fits `value`: what a glob takes for a wildcard fits any one character there."""
    return "".join("?" if character in "*?[]" else character for character in value)
