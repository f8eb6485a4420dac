"""Assigning, labelling and noting: what orders bugs, and changes no state."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy.engine import Engine

from capture.store.tables import Note, storable
from workbench.bugs.acts.record import Done, acting, changed, enter, locked, named, pictures, set_labels
from workbench.errors import UsageError

MOST_LABELS = 20
LONGEST_NOTE = 20_000
LONGEST_NAME = 200

_LABEL = re.compile(r"[\w][\w.+:/-]{0,49}")


def assignee_in(words: str) -> str:
    """Return the name that words give. Raises `UsageError` for none, and for one that is too long."""
    name = " ".join(storable(words).split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError("A bug is assigned to a name.", cure="Give a name of at most 200 characters, or unassign.")
    return name


def assign(engine: Engine, numbers: Iterable[int], who: str | None, *, by: str, now: datetime) -> Done:
    """Give bugs to somebody, or with None to nobody. Raises `NotFound`, `UsageError`."""
    name = assignee_in(who) if who is not None else None
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        for bug in bugs:
            bug.assignee = name
        rows = enter(session, "assign", bugs, was, by=by, reason="", now=now)
    done = f"{named(was)} assigned to {name}." if name else f"{named(was)} assigned to nobody."
    return changed(rows, was, done, f"{named(was)} was assigned like that already.")


def labels_in(words: str) -> tuple[set[str], set[str]]:
    """Return the labels that "billing -p3" puts on, and those that it takes off. Raises `UsageError`."""
    names = words.split()
    add = [name.removeprefix("+") for name in names if not name.startswith("-")]
    return _all_checked(add, [name[1:] for name in names if name.startswith("-")])


def label(
    engine: Engine,
    numbers: Iterable[int],
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    by: str,
    now: datetime,
) -> Done:
    """Put labels on bugs and take others off. Raises `NotFound`, `UsageError`."""
    added, removed = _all_checked(add, remove)
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        for bug in bugs:
            names = set(was[bug.number]["labels"]) - removed | added
            if len(names) > MOST_LABELS:
                raise UsageError(f"A bug has at most {MOST_LABELS} labels.", cure="Take some off first.")
            set_labels(session, bug, names)
        rows = enter(session, "label", bugs, was, by=by, reason="", now=now)
    words = [f"+{name}" for name in sorted(added)] + [f"-{name}" for name in sorted(removed)]
    return changed(
        rows, was, f"{named(was)} labelled {' '.join(words)}.", f"{named(was)} had these labels already, or did not."
    )


def note(engine: Engine, numbers: Iterable[int], text: str, *, by: str, now: datetime) -> Done:
    """Write a note about bugs. Raises `NotFound`, and `UsageError` for an empty or far too long one."""
    text = storable(text).strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        raise UsageError("A note has 1 to 20,000 characters.", cure="Say something, or less.")
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        rows: list[int] = []
        for bug in bugs:
            assert bug.id is not None
            written = Note(bug_id=bug.id, at=now, by=by, text=text)
            session.add(written)
            session.flush()
            rows += enter(session, "note", [bug], was, by=by, reason="", now=now, more={"note": written.id})
    return changed(rows, was, f"Noted on {named(was)}.", "")


def _all_checked(add: Collection[str], remove: Collection[str]) -> tuple[set[str], set[str]]:
    added, removed = {_checked(name) for name in add}, {_checked(name) for name in remove}
    if not added | removed or added & removed:
        raise UsageError("No label is named, or one is to come and to go.", cure="Name the labels to add or remove.")
    return added, removed


def _checked(name: str) -> str:
    name = name.strip()
    if not _LABEL.fullmatch(name):
        raise UsageError(
            f"{name[:60]!r} cannot be a label.",
            cure="A label is one word of letters, digits and . + : / _ -, at most 50 characters long.",
        )
    return name
