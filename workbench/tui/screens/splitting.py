"""Splitting a bug by a value that some of its events have: the choice of it, and the question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.text import plain
from workbench.tui.screens.prompts import Choice, Menu, YesNo
from workbench.tui.screens.triage import Triage
from workbench.tui.words import plural

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.bugs.differing import Difference
    from workbench.tui.documents.figures import Figures

KEYS = "123456789abcdefghijklmnoprstuvwxyz"  # not q, which leaves
OFFERED = 14  # as many as fit on the smallest terminal
_VALUE = 48
Value = tuple[str, str, int | None]  # field, value, how many stored events have it where that is known


class Splitting(Triage):
    """A screen on which values are found that tell events of one bug apart."""

    def offer_splits(self, values: Sequence[Value]) -> None:
        """Ask by which of these values the bug is to be split."""
        (bug,) = self.bugs_at_hand
        if not values:
            self.say(f"Nothing that is recorded tells the stored events of {bug.label} apart.", "warn")
            return
        offered = list(zip(KEYS[:OFFERED], values, strict=False))
        choices: list[Choice] = [(key, key, _worded(value)) for key, value in offered]
        found = dict(offered)
        self.ask(Menu(f"Split off the events of {bug.label} with", choices), lambda key: self.ask_split(*found[key]))

    def ask_split(self, field: str, value: str, count: int | None = None) -> None:
        """Ask whether the events with a value are to be a bug of their own, and say what that does."""
        from workbench.bugs.differing import Difference, can_be_ruled

        (bug,) = self.bugs_at_hand
        difference = Difference(field, value)
        they = plural(count, "stored event") if count is not None else "Those that are stored"
        facts = [f"{they} would be a new bug, to be fixed, muted or closed by itself."]
        if can_be_ruled(difference):
            facts.append("Events to come follow with a rule of the site: the new bug has it as a note.")
        else:
            facts.append(f"Only what is stored moves: no rule of the site tells events to come by {field}.")
        self.ask(
            YesNo(f"Split {difference.words} off {bug.label}?", facts),
            lambda yes: self._split(bug.number, difference) if yes else None,
        )

    def _split(self, number: int, difference: Difference) -> None:
        self.act("split", number, difference)


def varying_values(figures: Figures) -> list[Value]:
    """Return the values that a bug can be split by, field by field."""
    fields = [field for field in figures.varying.fields if field.distinct > 1]
    # Those fields first that have few values: a path for each event tells little.
    fields.sort(key=lambda field: field.distinct)
    return [(field.name, value, count) for field in fields for value, count in field.values]


def differing_values(one: Event, other: Event) -> list[Value]:
    """Return the values of two events in which they differ, those of the newer one first."""
    from workbench.bugs.differing import FIELDS

    pairs = [(field, read(other), read(one)) for field, read in FIELDS.items()]
    return [(field, value, None) for field, *both in pairs if both[0] != both[1] for value in both]


def _worded(value: Value) -> str:
    field, what, count = value
    of = f"  ({count:,})" if count is not None else ""
    return f"{field} {plain(what, _VALUE) or '(none)'}{of}"
