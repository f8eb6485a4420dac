"""What can come next in a filter, at the cursor."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from workbench.bugs.filters.fields import FIELDS
from workbench.bugs.filters.language import tokens

_SPLIT = re.compile(r'[\s()",]')  # what would have to be quoted is left for the person to type


@dataclass(frozen=True)
class Candidate:
    """A completion: `text` stands in place of what is between `start` and the cursor. `meaning` says what it is."""

    text: str
    meaning: str
    start: int


def candidates(text: str, cursor: int, known: Mapping[str, Collection[str]] | None = None) -> list[Candidate]:
    """Return what may stand at `cursor`, the fields first in their table's order.

    `known` gives values by field that the database holds: environments, releases, people.
    """
    begun = [token for token in tokens(text[:cursor]) if token.end == cursor]
    token = begun[-1] if begun and not text[:cursor].endswith((" ", "(", ")", "!")) else None
    if token is None:
        return [Candidate(f"{name}:", field.meaning, cursor) for name, field in FIELDS.items()]
    if token.kind == "field":
        return _values(token.field, token.value, cursor, known or {})
    if token.kind != "word" or token.is_quoted:
        return []
    word = token.value.lower()
    return [
        Candidate(f"{name}:", field.meaning, token.start) for name, field in FIELDS.items() if name.startswith(word)
    ]


def _values(field: str, given: str, cursor: int, known: Mapping[str, Collection[str]]) -> list[Candidate]:
    if field not in FIELDS:
        return []
    part = given.rpartition(",")[2]
    values = [*FIELDS[field].values, *known.get(field, ())]
    return [
        Candidate(value, f"{field}: {FIELDS[field].meaning}", cursor - len(part))
        for value in dict.fromkeys(values)
        if value.lower().startswith(part.lower()) and value.lower() != part.lower() and not _SPLIT.search(value)
    ]
